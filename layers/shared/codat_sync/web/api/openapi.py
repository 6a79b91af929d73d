"""The OpenAPI document of the JSON API, made from the routes and completed by what they can't say."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from codat_sync.retries.requests import RetryRequestBody
from codat_sync.web.api.responses import JSON, PREFIX, UNAUTHORIZED, documented_problems
from codat_sync.web.api.schemas import Retried, Unauthorized
from codat_sync.web.problems import CONTENT_TYPE

_DESCRIPTION = (
    "The health of every sync of Codat's Sync for Expenses. All times are UTC. Every list is read in bounded time: what"
    " is not on a page has a cursor that leads there. Errors are problem documents (RFC 9457)."
)
# What Powertools says of every operation, and is answered with a problem here.
_VALIDATION = ("422", ("HTTPValidationError", "ValidationError"))
_REFERENCE = "#/components/schemas/{model}"

# OpenAPI's own shape.
Json = dict[str, Any]


@cache
def document(app: APIGatewayHttpResolver) -> str:
    """Return the OpenAPI document of ``app``, as JSON."""
    made: Json = json.loads(
        app.get_openapi_json_schema(title="codat-sync: Sync Health", version="1", description=_DESCRIPTION)
    )
    made.pop("servers", None)  # It is where the document is.
    schemas: Json = made["components"]["schemas"]
    status, names = _VALIDATION
    for name in names:
        schemas.pop(name, None)
    for path, operations in list(made["paths"].items()):
        made["paths"][_camel(path)] = made["paths"].pop(path)
        for operation in operations.values():
            operation["responses"].pop(status, None)
            for parameter in operation.get("parameters", ()):
                parameter["name"] = to_camel(parameter["name"]) if parameter["in"] == "path" else parameter["name"]
    made["paths"][f"{PREFIX}/syncs/{{syncId}}/retry"] = {"post": _retry(schemas)}
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    made["security"] = [{"token": []}]
    return json.dumps(made)


def _camel(path: str) -> str:
    return "/".join(f"{{{to_camel(part[1:-1])}}}" if part.startswith("{") else part for part in path.split("/"))


def _retry(schemas: Json) -> Json:
    """Return the operation that the function retry serves."""
    responses = {str(int(HTTPStatus.OK)): _content("What was done, or why not", JSON, Retried, schemas)}
    responses[str(int(HTTPStatus.UNAUTHORIZED))] = _content(UNAUTHORIZED, JSON, Unauthorized, schemas)
    for status, description in documented_problems().items():
        responses[str(int(status))] = {
            "description": description,
            "content": {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
        }
    return {
        "summary": "Create again what failed, where that is right",
        "description": "All failed transactions, or those that are named. It can be asked for twice: see the plan.",
        "operationId": "retry",
        "parameters": [{"name": "syncId", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": False} | _content("", JSON, RetryRequestBody, schemas),
        "responses": responses,
    }


def _content(description: str, content_type: str, model: type[BaseModel], schemas: Json) -> Json:
    schema = model.model_json_schema(ref_template=_REFERENCE, by_alias=True)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    content = {content_type: {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
    return {"description": description, "content": content}
