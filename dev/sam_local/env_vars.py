"""Environment variables for `sam local --env-vars`, with which containers use the local stack."""

from typing import TYPE_CHECKING

from dev.deploying.template import read_template
from dev.local_stack.emulator import LOOPBACK
from ops.cloudformation import physical_ids

if TYPE_CHECKING:
    from dev.local_stack.aws_clients import LocalAws

# This machine, as a container sees it.
_HOST = "host.docker.internal"


def env_vars(aws: "LocalAws") -> dict[str, dict[str, str]]:
    """Return the environment of each deployed function, with URLs that a container can reach."""
    names = physical_ids(aws.cloudformation)
    resources = read_template()["Resources"]
    functions = [name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"]
    # What is switched off is not there.
    return {function: _environment(aws, names[function]) for function in functions if function in names}


def _environment(aws: "LocalAws", function: str) -> dict[str, str]:
    variables = aws.lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    return {name: value.replace(LOOPBACK, _HOST) for name, value in variables.items()}
