"""Responses of the submit API, in the shape that API Gateway expects (payload 2.0)."""

import base64
import json
from typing import TYPE_CHECKING, Any

from codat_sync.core.errors import CodatResponseTooLargeError
from codat_sync.core.http_response import is_too_large

if TYPE_CHECKING:
    from codat_sync.codat.response import CodatResponse
    from codat_sync.submissions.error_responses import ErrorResponse

# A response to API Gateway: JSON, whose shape AWS defines.
Json = dict[str, Any]

_RETURNED_HEADERS = (
    "content-type",
    "retry-after",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
)


def build_proxy_response(answer: "CodatResponse") -> Json:
    """Return Codat's response unchanged, with the headers that concern the caller.

    The body is text if it is UTF-8, otherwise base64: API Gateway would corrupt anything else. Raises
    CodatResponseTooLargeError.
    """
    headers = {name: answer.headers[name] for name in _RETURNED_HEADERS if name in answer.headers}
    response: Json = {"statusCode": int(answer.status_code), "headers": headers}
    try:
        response |= {"body": answer.content.decode()}
    except UnicodeDecodeError:
        response |= {"body": base64.b64encode(answer.content).decode(), "isBase64Encoded": True}
    if is_too_large(response):
        raise CodatResponseTooLargeError("the response is larger than Lambda can return")
    return response


def build_error_response(error: "ErrorResponse", correlation_id: str) -> Json:
    """Return an error in the shape of Codat's own errors."""
    headers = {"content-type": "application/json"}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return {
        "statusCode": int(error.status),
        "headers": headers,
        "body": json.dumps(error.body(correlation_id)),
    }
