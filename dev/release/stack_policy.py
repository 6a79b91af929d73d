"""Apply the stack policy, with which CloudFormation refuses to replace or delete resources that hold data.

The policy is stack-policy.json: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import tomllib
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev.paths import ROOT
from ops.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

POLICY = ROOT / "stack-policy.json"


def protect(client: "CloudFormationClient", stack: str) -> None:
    """Set the policy of a stack, which applies from the next update on. Raises CommandError."""
    try:
        client.set_stack_policy(StackName=stack, StackPolicyBody=POLICY.read_text())
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"the stack is deployed, but not protected from replacement: {error}") from error


def protect_stack(environment: str) -> None:
    """Set the policy of the stack of ``environment`` in samconfig.toml. Raises CommandError."""
    deployed = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    protect(boto3.client("cloudformation", region_name=deployed.get("region")), deployed["stack_name"])
