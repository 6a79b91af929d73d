"""Responses of the submit API."""

import json
from http import HTTPStatus

import pytest

from codat_sync.codat.response import CodatResponse
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import CodatResponseTooLargeError
from codat_sync.submissions.error_responses import ErrorResponse
from codat_sync.submissions.proxy_responses import build_error_response, build_proxy_response


def test_a_response_keeps_the_headers_that_concern_the_caller() -> None:
    """Headers of the connection to Codat are dropped."""
    headers = {"content-type": "text/plain", "retry-after": "3", "server": "codat"}
    response = build_proxy_response(CodatResponse(429, "", headers, b"slow", utc_now()))
    kept = {"content-type": "text/plain", "retry-after": "3"}
    assert response == {"statusCode": 429, "headers": kept, "body": "slow"}


def test_a_body_that_is_not_text_is_base64() -> None:
    """API Gateway would corrupt it otherwise."""
    response = build_proxy_response(CodatResponse(200, "", {}, b"\xff", utc_now()))
    assert (response["body"], response["isBase64Encoded"]) == ("/w==", True)


@pytest.mark.parametrize("content", [b"x" * 6_300_000, b"\xff" * 4_700_000, "\u00e4".encode() * 1_100_000])
def test_a_response_that_lambda_would_lose_is_an_error(content: bytes) -> None:
    """Lambda encodes the body as ASCII JSON: non-ASCII characters take six bytes, and base64 a third more."""
    with pytest.raises(CodatResponseTooLargeError):
        build_proxy_response(CodatResponse(200, "", {}, content, utc_now()))


@pytest.mark.parametrize("content", [b"x" * 6_200_000, b"\xff" * 4_600_000, "\u00e4".encode() * 1_000_000])
def test_the_largest_responses_are_returned(content: bytes) -> None:
    """Up to what Lambda can return."""
    response = build_proxy_response(CodatResponse(200, "", {}, content, utc_now()))
    assert len(json.dumps(response)) <= 6 * 1024 * 1024


@pytest.mark.parametrize("retry_after", [None, 7])
def test_an_error_says_when_to_retry(retry_after: int | None) -> None:
    """In seconds, if it is known; the body names the request."""
    response = build_error_response(
        ErrorResponse(HTTPStatus.TOO_MANY_REQUESTS, "Wait.", "True", retry_after), "correlation"
    )
    assert response["headers"].get("retry-after") == (None if retry_after is None else "7")
    assert json.loads(response["body"])["correlationId"] == "correlation"
