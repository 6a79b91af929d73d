"""The JSON API and the pages under one roof."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from codat_sync.web.sync_health import SyncHealth
from tests.support.handlers import Context

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from codat_sync.web.pages.site import Site


class Resolver:
    """Returns what it was asked for as its body."""

    def __init__(self, kind: str, body: str = "") -> None:
        self._kind, self._body = kind, body

    def resolve(self, event: dict[str, Any], _: object) -> dict[str, Any]:
        headers = {"content-type": self._kind}
        return {"statusCode": 200, "headers": headers, "body": self._body or event["rawPath"]}


def _answer(path: str, public_url: str = "", body: str = "") -> dict[str, Any]:
    api, site = Resolver("application/json", body), Resolver("text/html", body)
    health = SyncHealth(cast("APIGatewayHttpResolver", api), cast("Site", site), public_url)
    return health.answer({"rawPath": path, "requestContext": {"http": {"method": "GET"}}}, cast("Any", Context()))


@pytest.mark.parametrize(
    ("path", "public_url", "kind", "resolved"),
    [
        ("/api/v1/syncs", "", "application/json", "/api/v1/syncs"),
        ("/api/v1", "", "text/html", "/api/v1"),
        ("/", "", "text/html", "/"),
        ("/health/api/v1/syncs", "https://example.com/health/", "application/json", "/api/v1/syncs"),
        # The pages remove the path themselves.
        ("/health/history", "https://example.com/health", "text/html", "/health/history"),
        ("/other/api/v1/syncs", "https://example.com/health", "text/html", "/other/api/v1/syncs"),
    ],
)
def test_the_path_decides_who_answers(path: str, public_url: str, kind: str, resolved: str) -> None:
    """Below a public URL with a path, too."""
    answer = _answer(path, public_url)
    assert (answer["headers"]["content-type"], answer["body"]) == (kind, resolved)


@pytest.mark.parametrize("path", ["/", "/api/v1/syncs"])
def test_every_response_has_security_headers(path: str) -> None:
    """Whoever made it."""
    headers = _answer(path)["headers"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/api/v1/syncs"])
def test_a_response_that_lambda_would_lose_is_a_problem(path: str) -> None:
    """It says what to do, instead of a bare 502."""
    answer = _answer(path, body="x" * 6_300_000)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (422, "application/problem+json")
    assert "limit" in problem["detail"]
