"""Call the JSON API's handlers with the events that API Gateway makes of requests."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from dev.stored_events import load
from tests.support.handlers import Handler, StartFunction


class Answer(NamedTuple):
    """A response of the API."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text)


class Api:
    """The two functions behind the API."""

    def __init__(self, start: StartFunction) -> None:
        self._health, self._retry = start("health"), start("retry")

    def send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        *,
        text: str | None = None,
        sub: str = "ann",
        roles: str = "[codat-sync/expenses codat-sync/retry]",
    ) -> Answer:
        """Send a request of a caller, who may do everything by default, as API Gateway passes it on."""
        path, _, query = path.partition("?")
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["rawQueryString"] = query
        event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
        event["headers"] |= headers or {}
        event["requestContext"]["authorizer"]["jwt"]["claims"] |= {"cognito:groups": roles, "sub": sub}
        if body is not None or text is not None:
            event["body"] = json.dumps(body) if text is None else text
        answer = self._handler(method, path)(event)
        named = {name.lower(): value for name, value in answer["headers"].items()}
        return Answer(answer["statusCode"], named, answer["body"])

    def _handler(self, method: str, path: str) -> Handler:
        return self._retry if method == "POST" and path.endswith("/retry") else self._health
