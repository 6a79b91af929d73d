"""Look up the outputs and resources of a deployed stack."""

from typing import TYPE_CHECKING

from ops.local_stack import STACK

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def outputs(client: "CloudFormationClient", stack: str = STACK) -> dict[str, str]:
    """Return the outputs of a stack."""
    (description,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def parameter(client: "CloudFormationClient", stack: str, name: str) -> str:
    """Return the value of one parameter of a stack."""
    (description,) = client.describe_stacks(StackName=stack)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in description["Parameters"]}[name]


def physical_id(client: "CloudFormationClient", stack: str, logical_id: str) -> str:
    """Return the name that one resource of the template has in a stack."""
    resource = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def physical_ids(client: "CloudFormationClient", stack: str = STACK) -> dict[str, str]:
    """Return the physical ids of a stack's resources by logical id: of the first 100 on AWS."""
    resources = client.describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
