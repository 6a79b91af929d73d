"""Responses of the JSON API, and their descriptions in the OpenAPI document.

To add a route, write a function that adds it in a module named after its subject, such as `sync_routes`, and name that
function in `resolver._ADDERS`:

    @app.get(
        f"{PREFIX}/things/<thing_id>",
        operation_id="getThing",  # a verb and a noun: the name of the method in generated clients
        tags=[Tag.SYNCS],  # one
        summary="Get a thing",  # a heading; the function's docstring is the description: what it returns and costs
        responses=documented_responses(Thing),
    )
    def thing(thing_id: ThingId) -> Response[Any]:
        found = …
        return json_response(presenters.thing(found)) if found else not_found("thing")

- Parameters are those of `web/parameters.py`, each with a description; `identifier` checks ids.
- A field of a schema whose meaning its name does not say has a description.
- What fails raises an error, which `web/problems.py` maps to a type of `core/problems.py`. A new type is added there
  and to the table in `docs/api.md`.
- Unknown parameters, entity tags, HEAD, 405 and `Idempotency-Key` need no code: see `middlewares`.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel

from codat_sync.core.problems import CONTENT_TYPE
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


class Tag(StrEnum):
    """The subjects by which operations are grouped, in documentation and in generated clients."""

    SEARCH = "Search"
    SYNCS = "Syncs"
    TRANSACTIONS = "Transactions"
    FAILURES = "Failures"
    COMPANIES = "Companies"
    OPERATIONS = "Operations"
    ABOUT = "About"


TAG_DESCRIPTIONS = {
    Tag.SEARCH: "Whatever is known by any of its names",
    Tag.SYNCS: "Syncs of expenses, as Codat reports them",
    Tag.TRANSACTIONS: "Transactions within a sync, and across all their syncs",
    Tag.FAILURES: "Why syncs failed, and what to do about it",
    Tag.COMPANIES: "Your customers, as Codat knows them",
    Tag.OPERATIONS: "The state of this application itself",
    Tag.ABOUT: "This API",
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
        found[status] = {"description": description, "content": {CONTENT_TYPE: {"model": Problem}}}
    return found


def documented_problems(more: Mapping[HTTPStatus, str] | None = None) -> dict[HTTPStatus, str]:
    """Return the problem statuses of every operation and ``more``, each with its description."""
    return {**_PROBLEMS, **(more or {})}
