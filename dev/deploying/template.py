"""Read the project's template and adapt it to the embedded AWS."""

from typing import Any

import yaml

from dev.paths import ROOT

# Documents whose shape CloudFormation defines, not this project.
Template = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms, such as `!Ref`."""


def _expand_intrinsic(loader: _Loader, name: str, node: yaml.Node) -> Template:
    value: Any
    match node:
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = node.value.split(".", 1) if name == "GetAtt" else node.value
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _expand_intrinsic)


def read_template() -> Template:
    """Return the project's template with short forms expanded and anchors resolved."""
    template: Template = yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506 - it is a SafeLoader
    return template


def adapt_for_emulator(template: Template, aws_endpoint_url: str) -> None:
    """Change what the emulator does not support, in place."""
    # On AWS, the SDK uses its default endpoints.
    template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = aws_endpoint_url
    # The emulator's HTTP APIs have other URLs.
    webhook_url = {"Fn::Sub": f"{aws_endpoint_url}/_aws/execute-api/${{Api}}/webhooks/codat"}
    template["Resources"]["ReconcileFunction"]["Properties"]["Environment"]["Variables"]["WEBHOOK_URL"] = webhook_url
    # It has no metrics, and rejects alarms over several metrics.
    for name in [name for name, resource in template["Resources"].items() if "Metrics" in resource["Properties"]]:
        del template["Resources"][name]
    del template["Resources"]["Dashboard"]  # names those alarms
    for resource in template["Resources"].values():
        match resource["Type"]:
            case "AWS::Serverless::Function":
                _adapt_function(resource["Properties"], template["Parameters"])
            case "AWS::IAM::Role":
                _adapt_role(resource["Properties"])


def _adapt_function(function: Template, parameters: Template) -> None:
    # There is no identity provider here: nobody could sign in.
    variables = function["Environment"]["Variables"]
    if "AUTHENTICATION" in variables:
        variables["AUTHENTICATION"] = "off"
    for event in function["Events"].values():
        event["Properties"].pop("Auth", None)
        # The emulator hands on the value of a parameter as text, and then can't compare the text with a number.
        scaling = event["Properties"].get("ScalingConfig", {})
        match scaling.get("MaximumConcurrency"):
            case {"Ref": parameter}:
                scaling["MaximumConcurrency"] = parameters[parameter]["Default"]


def _adapt_role(role: Template) -> None:
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            # AWS has one permission for single and batch calls; the emulator has two.
            actions = statement["Action"]
            both = ("sqs:SendMessage", "sqs:ChangeMessageVisibility")
            if more := [f"{action}Batch" for action in both if action in actions]:
                statement["Action"] = [*([actions] if isinstance(actions, str) else actions), *more]
