"""Fixtures: what the health function calls."""

from collections.abc import Iterator

import pytest

from tests.pages.serving import lambda_api
from tests.support.handlers import StartFunction


@pytest.fixture
def lambda_url(start: StartFunction, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let functions that are started from now on invoke the retry function; yields the URL of Lambda's API."""
    with lambda_api(start("retry")) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        yield url
