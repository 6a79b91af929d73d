"""Create or update the stack on the embedded AWS."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from ops.errors import CommandError
from ops.local_stack import STACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import WaiterConfigTypeDef

_WAIT: "WaiterConfigTypeDef" = {"Delay": 1, "MaxAttempts": 60}


def apply(client: "CloudFormationClient", template_url: str, parameters: "Mapping[str, str]") -> None:
    """Create or update the stack and wait until that is done. Raises CommandError with the reasons of a failure."""
    change = client.update_stack if _exists(client) else client.create_stack
    try:
        change(
            StackName=STACK,
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            # As samconfig.toml tags the stacks on AWS.
            Tags=[{"Key": "Application", "Value": "codat-sync"}, {"Key": "Environment", "Value": "local"}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise CommandError(str(error)) from error
        return
    waiter = client.get_waiter("stack_update_complete" if change == client.update_stack else "stack_create_complete")
    try:
        waiter.wait(StackName=STACK, WaiterConfig=_WAIT)
    except WaiterError as error:
        raise CommandError(_failures(client) or str(error)) from error


def _exists(client: "CloudFormationClient") -> bool:
    try:
        client.describe_stacks(StackName=STACK)
    except ClientError:
        return False
    return True


def _failures(client: "CloudFormationClient") -> str:
    events = client.describe_stack_events(StackName=STACK)["StackEvents"]
    return "\n".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event.get("ResourceStatus", "").endswith("_FAILED")
    )
