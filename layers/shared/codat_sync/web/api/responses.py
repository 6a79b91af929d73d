"""Responses of the JSON API, and their descriptions in the OpenAPI document."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel

from codat_sync.web import problems
from codat_sync.web.api.schemas import Problem, Unauthorized

PREFIX = "/api/v1"
JSON = "application/json"
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The request is not valid",
    HTTPStatus.FORBIDDEN: "The token lacks the required role",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.SERVICE_UNAVAILABLE: "Temporarily unavailable; see `Retry-After`",
}
# Returned by API Gateway's authorizer.
UNAUTHORIZED = "The token is missing or invalid"
CODAT_PROBLEMS = {
    HTTPStatus.BAD_GATEWAY: "Codat returned an invalid response",
    HTTPStatus.GATEWAY_TIMEOUT: "Codat is unavailable",
}


def json_response(model: BaseModel) -> Response[str]:
    """Build a 200 response from ``model``."""
    return Response(HTTPStatus.OK, JSON, model.model_dump_json(by_alias=True))


def documented_responses(
    model: type[BaseModel], more: Mapping[HTTPStatus, str] | None = None, *, is_list: bool = False
) -> dict[int, OpenAPIResponse]:
    """Describe an operation's responses: ``model``, also as CSV if it is a list, and problems."""
    content: dict[str, Any] = {JSON: {"model": model}}
    if is_list:
        content["text/csv"] = {"schema": {"type": "string"}}
    found: dict[int, OpenAPIResponse] = {HTTPStatus.OK: {"description": "Success", "content": content}}
    found[HTTPStatus.UNAUTHORIZED] = {"description": UNAUTHORIZED, "content": {JSON: {"model": Unauthorized}}}
    for status, description in documented_problems(more).items():
        found[status] = {"description": description, "content": {problems.CONTENT_TYPE: {"model": Problem}}}
    return found


def documented_problems(more: Mapping[HTTPStatus, str] | None = None) -> dict[HTTPStatus, str]:
    """Return the problem statuses of every operation and ``more``, each with its description."""
    return {**_PROBLEMS, **(more or {})}
