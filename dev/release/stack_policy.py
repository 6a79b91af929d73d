"""Have CloudFormation refuse to replace or delete what holds data: `python -m dev.release.stack_policy ENV`.

What it refuses is in stack-policy.json: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import sys
import tomllib
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import LocalStackError, told
from ops.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

POLICY = ROOT / "stack-policy.json"


def protect(client: "CloudFormationClient", stack: str) -> None:
    """Give a stack its policy, which is good from the next update on. Raises LocalStackError."""
    try:
        client.set_stack_policy(StackName=stack, StackPolicyBody=POLICY.read_text())
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"it is deployed, but not protected from being replaced: {error}") from error


def main(environment: str) -> None:
    """Protect the stack of ``environment``, as samconfig.toml deploys it."""
    deployed = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    protect(boto3.client("cloudformation", region_name=deployed.get("region")), deployed["stack_name"])


if __name__ == "__main__":
    with told():
        main(sys.argv[1])
