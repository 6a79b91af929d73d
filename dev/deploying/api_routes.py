"""The HTTP API's routes on the embedded AWS.

SAM describes an HTTP API by an OpenAPI document, which the emulator does not import: the routes are made from it here.
"""

import re
from typing import TYPE_CHECKING, Any

from ops.cloudformation import physical_ids
from ops.errors import CommandError
from ops.local_stack import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dev.local_stack.aws_clients import LocalAws

# An alias, which SAM has made.
_FUNCTION = re.compile(r"\$\{(\w+Aliaslive)\}/invocations")


def make_routes(aws: "LocalAws") -> str:
    """Create the routes of the OpenAPI document and delete all others; returns the API's id."""
    processed = aws.cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    names = physical_ids(aws.cloudformation)
    api_id = names["Api"]
    wanted = {
        route_key: _integration(aws, api_id, names[alias])
        for route_key, alias in _routes(processed["Resources"]["Api"]["Properties"]["Body"])
        if alias in names  # else it is switched off
    }
    for route in aws.apigatewayv2.get_routes(ApiId=api_id)["Items"]:
        if wanted.get(route["RouteKey"]) == route["Target"]:
            del wanted[route["RouteKey"]]
        else:
            aws.apigatewayv2.delete_route(ApiId=api_id, RouteId=route["RouteId"])
    for route_key, target in wanted.items():
        aws.apigatewayv2.create_route(ApiId=api_id, RouteKey=route_key, Target=target)
    return api_id


def _integration(aws: "LocalAws", api_id: str, arn: str) -> str:
    """Return the target of a route to a function, by the ``arn`` of its alias. Creates the integration if needed."""
    for integration in aws.apigatewayv2.get_integrations(ApiId=api_id)["Items"]:
        if integration["IntegrationUri"] == arn:
            return f"integrations/{integration['IntegrationId']}"
    made = aws.apigatewayv2.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )
    return f"integrations/{made['IntegrationId']}"


def _routes(document: "Mapping[str, Any]") -> "Iterator[tuple[str, str]]":
    for path, operations in document["paths"].items():
        for name, conditional in _resolve_if(operations).items():
            method, operation = (
                name.removeprefix("x-amazon-apigateway-").removesuffix("-method"),
                _resolve_if(conditional),
            )
            if operation.get("security"):
                raise CommandError(f"{method} {path} has an authorizer, which the emulator would ignore")
            uri = _resolve_if(operation["x-amazon-apigateway-integration"]["uri"])["Fn::Sub"]
            function = _FUNCTION.search(uri)
            if not function:
                raise CommandError(f"{method} {path} does not lead to a function: {uri}")
            yield f"{method.upper()} {path}", function[1]


def _resolve_if(value: "Mapping[str, Any]") -> "Mapping[str, Any]":
    """Resolve `Fn::If` as if its condition holds."""
    taken: Mapping[str, Any] = value["Fn::If"][1] if "Fn::If" in value else value
    return taken
