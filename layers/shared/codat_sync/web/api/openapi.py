"""The OpenAPI document of the JSON API: generated from the routes, plus the retry function's operation."""

import json
import re
from functools import cache
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from codat_sync.core.problems import CONTENT_TYPE, ProblemType
from codat_sync.idempotency.requests import HEADER, KEY_PATTERN
from codat_sync.retries.requests import RetryRequestBody
from codat_sync.web.api.responses import JSON, PREFIX, TAG_DESCRIPTIONS, UNAUTHORIZED, Tag, documented_problems
from codat_sync.web.api.schemas import Retried, Unauthorized

_DESCRIPTION = (
    "The status of every Codat Sync for Expenses sync. All times are UTC. Lists are read in bounded time and paged by"
    " cursor. Errors are problem details (RFC 9457)."
)
# Powertools documents 422 for every operation; this API responds with 400 and problem details instead.
_VALIDATION = "422"
_ETAG = "The version of the response: send it as `If-None-Match` to get a 304 while nothing has changed"
_IDEMPOTENCY_KEY = "A random id of this request. For 24 hours, a repetition with the same id gets the same response"
_REFERENCE = "#/components/schemas/{model}"

# JSON in OpenAPI's format.
Json = dict[str, Any]


@cache
def document(app: APIGatewayHttpResolver) -> str:
    """Generate the OpenAPI document of ``app``, as JSON."""
    made: Json = json.loads(
        app.get_openapi_json_schema(title="codat-sync: Sync Health", version="1", description=_DESCRIPTION)
    )
    made.pop("servers", None)  # The server is the one that serves this document.
    schemas: Json = made["components"]["schemas"]
    descriptions = {route.operation_id: getdoc(route.func) for route in all_routes(app)}
    for path, operations in list(made["paths"].items()):
        made["paths"][_camel(path)] = made["paths"].pop(path)
        for operation in operations.values():
            operation["description"] = descriptions[operation["operationId"]]
            operation["responses"].pop(_VALIDATION, None)
            for parameter in operation.get("parameters", ()):
                _correct(parameter)
    made["paths"][f"{PREFIX}/syncs/{{syncId}}/retry"] = {"post": _retry(schemas)}
    for operations in made["paths"].values():
        for method, operation in operations.items():
            _add_entity_tag(operation) if method == "get" else _add_idempotency_key(operation)
    made["paths"] = dict(sorted(made["paths"].items(), key=_position))
    _remove_unused(schemas, made)
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    made["tags"] = [{"name": tag, "description": description} for tag, description in TAG_DESCRIPTIONS.items()]
    made["security"] = [{"token": []}]
    return json.dumps(made)


def all_routes(app: APIGatewayHttpResolver) -> list[Route]:
    """Return the routes that were added to ``app``. Powertools has no public list of them."""
    return [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001


def _position(operations: tuple[str, Json]) -> tuple[int, str]:
    """Return what a path is sorted by: its tag, in the order of the tags, and itself."""
    path, by_method = operations
    return list(Tag).index(next(iter(by_method.values()))["tags"][0]), path


def _correct(parameter: Json) -> None:
    """Give a parameter its name, and the schema of its values: one that is left out has none, not even null."""
    if parameter["in"] == "path":
        parameter["name"] = to_camel(parameter["name"])
    schema = parameter["schema"]
    schema.pop("title", None)
    schema.pop("description", None)
    if values := [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]:
        del schema["anyOf"]
        schema |= values[0] if len(values) == 1 else {"anyOf": values}


def _add_entity_tag(operation: Json) -> None:
    """Describe what `add_entity_tags` does."""
    operation["responses"]["200"]["headers"] = {"ETag": {"description": _ETAG, "schema": {"type": "string"}}}
    operation["responses"]["304"] = {"description": "The response is the one that `If-None-Match` names"}
    operation.setdefault("parameters", []).append(
        {"name": "If-None-Match", "in": "header", "description": "An `ETag` received", "schema": {"type": "string"}}
    )


def _add_idempotency_key(operation: Json) -> None:
    """Describe what `execute_once` does."""
    for problem in ProblemType.REQUEST_IN_PROGRESS, ProblemType.IDEMPOTENCY_KEY_REUSED:
        operation["responses"][str(int(problem.status))] = _problem(problem.title)
    schema = {"type": "string", "pattern": KEY_PATTERN}
    operation.setdefault("parameters", []).append(
        {"name": HEADER, "in": "header", "description": _IDEMPOTENCY_KEY, "schema": schema}
    )


def allowed_methods(text: str, path: str) -> tuple[str, ...]:
    """Return the methods that the document ``text`` has for a path; none if it has no such path."""
    for known, operations in json.loads(text)["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
            methods = {method.upper() for method in operations}
            return tuple(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return ()


def _remove_unused(schemas: Json, made: Json) -> None:
    """Remove the schemas to which nothing refers, such as those of the responses removed above."""
    while True:
        text = json.dumps(made)
        unused = [name for name in schemas if f'"{_REFERENCE.format(model=name)}"' not in text]
        if not unused:
            return
        for name in unused:
            del schemas[name]


def _camel(path: str) -> str:
    return "/".join(f"{{{to_camel(part[1:-1])}}}" if part.startswith("{") else part for part in path.split("/"))


def _retry(schemas: Json) -> Json:
    """Describe the operation that the retry function serves."""
    responses = {
        str(int(HTTPStatus.OK)): _content(
            "The action taken for each transaction, with the reason", JSON, Retried, schemas
        )
    }
    responses[str(int(HTTPStatus.UNAUTHORIZED))] = _content(UNAUTHORIZED, JSON, Unauthorized, schemas)
    for status, description in documented_problems().items():
        responses[str(int(status))] = _problem(description)
    return {
        "summary": "Resubmit failed transactions where it is safe",
        "description": "All failed transactions, or those named in the body. Safe to repeat: nothing is written twice.",
        "operationId": "retrySync",
        "tags": [Tag.FAILURES],
        "parameters": [
            {"name": "syncId", "in": "path", "required": True, "description": "Sync id", "schema": {"type": "string"}}
        ],
        "requestBody": {"required": False} | _content("", JSON, RetryRequestBody, schemas),
        "responses": responses,
    }


def _problem(description: str) -> Json:
    content = {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {"description": description, "content": content}


def _content(description: str, content_type: str, model: type[BaseModel], schemas: Json) -> Json:
    schema = model.model_json_schema(ref_template=_REFERENCE, by_alias=True)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    content = {content_type: {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
    return {"description": description, "content": content}
