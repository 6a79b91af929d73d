"""Rules for every route of the JSON API: authorization, parameters, entity tags, `Idempotency-Key`.

A route needs no code for these.
"""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from codat_sync.auth.roles import AccessPolicy, Role, Viewer
from codat_sync.core.problems import invalid_request
from codat_sync.idempotency.requests import IdempotentRequests
from codat_sync.web.api.openapi import all_routes
from codat_sync.web.problems import problem_response

# A middleware: it gets the resolver and the next middleware, or the route itself.
Middleware = Callable[[APIGatewayHttpResolver, NextMiddleware], Response[Any]]


def require_viewer(access: AccessPolicy) -> Middleware:
    """Return the middleware that raises ForbiddenError unless ``access`` grants the caller the role VIEW.

    Routes find the caller as ``viewer`` in the context.
    """

    def only_for_viewers(app: APIGatewayHttpResolver, handle: NextMiddleware) -> Response[Any]:
        viewer = access.caller(app.current_event.raw_event)
        viewer.require_role(Role.VIEW)
        app.append_context(viewer=viewer)  # type: ignore[no-untyped-call] # Powertools' own
        return handle(app)

    return only_for_viewers


def reject_unknown_parameters(app: APIGatewayHttpResolver, handle: NextMiddleware) -> Response[Any]:
    """Respond with a problem that names each query parameter which the route does not have.

    A misspelt filter would otherwise return everything, which looks like a result. Pages ignore unknown parameters,
    because links to them get some from elsewhere, such as mail programs.
    """
    route = app.context["_route"]  # of Powertools; its `request` has no parameters' names
    if not is_route(app, route):
        return handle(app)
    known = {field.alias for field in route.dependant.query_params}
    unknown = sorted(app.current_event.query_string_parameters.keys() - known)
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
        why = f"is not a parameter of this operation, which has: {names}"
        return problem_response(invalid_request([(name, why) for name in unknown]))
    return handle(app)


def add_entity_tags(app: APIGatewayHttpResolver, handle: NextMiddleware) -> Response[Any]:
    """Tag the response to a GET with its version, and respond with 304 if the caller has that version.

    The tag is a digest of the body: it changes with anything that the response shows, and with nothing else.
    """
    response = handle(app)
    if app.current_event.http_method != "GET" or response.status_code != HTTPStatus.OK:
        return response
    tag = f'"{hashlib.sha256(str(response.body).encode()).hexdigest()[:32]}"'
    response.headers["etag"] = tag
    if tag in _known_tags(app.current_event.headers.get("if-none-match", "")):
        return Response(HTTPStatus.NOT_MODIFIED, response.content_type, "", response.headers)
    return response


def execute_once(access: AccessPolicy, requests: IdempotentRequests) -> Middleware:
    """Return the middleware that executes a request with an Idempotency-Key once.

    It ignores the header of a request that changes nothing, and raises what ``IdempotentRequests`` raises.
    """

    def once(app: APIGatewayHttpResolver, handle: NextMiddleware) -> Response[Any]:
        event = app.current_event.raw_event
        if app.current_event.http_method == "GET":
            return handle(app)
        answer = requests.answer(event, access.caller(event), lambda: _to_json(handle(app)))
        return Response(answer["statusCode"], None, answer["body"], answer["headers"])

    return once


def require_role(app: APIGatewayHttpResolver, access: AccessPolicy, role: Role) -> Viewer:
    """Return the caller of the current request. Raises ForbiddenError without the role."""
    caller = access.caller(app.current_event.raw_event)
    caller.require_role(role)
    return caller


def _to_json(response: Response[Any]) -> dict[str, Any]:
    return {"statusCode": int(response.status_code), "headers": dict(response.headers), "body": response.body}


def is_route(app: APIGatewayHttpResolver, route: object) -> bool:
    """Return whether ``route`` was added to ``app``: Powertools makes one for each request that matches none."""
    return any(route is each for each in all_routes(app))


def _known_tags(header: str) -> set[str]:
    """Return the entity tags of an If-None-Match header, compared weakly (RFC 9110, 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
