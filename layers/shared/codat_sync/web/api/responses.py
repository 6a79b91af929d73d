"""Answers of the JSON API: how they are written, and what the OpenAPI document says of them."""

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
    HTTPStatus.FORBIDDEN: "The token does not allow it",
    HTTPStatus.NOT_FOUND: "There is no such thing",
    HTTPStatus.SERVICE_UNAVAILABLE: "It can be had later: `Retry-After` says when",
}
# It is API Gateway that says so.
UNAUTHORIZED = "There is no token, or it is not good"
CODAT_PROBLEMS = {
    HTTPStatus.BAD_GATEWAY: "Codat's answer can't be understood",
    HTTPStatus.GATEWAY_TIMEOUT: "Codat does not answer, or fails",
}


def json_response(model: BaseModel) -> Response[str]:
    """Return the answer that holds ``model``."""
    return Response(HTTPStatus.OK, JSON, model.model_dump_json(by_alias=True))


def documented_responses(
    model: type[BaseModel], more: Mapping[HTTPStatus, str] | None = None, *, is_list: bool = False
) -> dict[int, OpenAPIResponse]:
    """Return what an operation may answer: ``model``, also as CSV if it is a list, or a problem."""
    content: dict[str, Any] = {JSON: {"model": model}}
    if is_list:
        content["text/csv"] = {"schema": {"type": "string"}}
    found: dict[int, OpenAPIResponse] = {HTTPStatus.OK: {"description": "What was asked for", "content": content}}
    found[HTTPStatus.UNAUTHORIZED] = {"description": UNAUTHORIZED, "content": {JSON: {"model": Unauthorized}}}
    for status, description in documented_problems(more).items():
        found[status] = {"description": description, "content": {problems.CONTENT_TYPE: {"model": Problem}}}
    return found


def documented_problems(more: Mapping[HTTPStatus, str] | None = None) -> dict[HTTPStatus, str]:
    """Return what any operation may answer instead, and ``more``: each status with what it means."""
    return {**_PROBLEMS, **(more or {})}
