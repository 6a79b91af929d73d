"""The size of a response to API Gateway."""

import json
from collections.abc import Mapping
from typing import Any

# Lambda loses a larger response, and the caller gets a bare 502:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 64 * 1024


def is_too_large(response: Mapping[str, Any]) -> bool:
    """Return whether Lambda can't return ``response``, which it encodes as ASCII JSON."""
    body = response.get("body") or ""
    # A character takes 12 bytes at most, as a pair of escapes: most responses need no second encoding to be sure.
    return len(body) > MAX_RESPONSE_BYTES // 12 and len(json.dumps(body)) > MAX_RESPONSE_BYTES
