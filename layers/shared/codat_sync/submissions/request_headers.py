"""Decide which headers of a product's request Codat gets, and whether its body can be recorded."""

import re
from collections.abc import Mapping
from email.message import Message

from codat_sync.core.errors import InvalidBodyError, UnsupportedMediaTypeError, ValidationIssue

# What describes the body, the response that is wanted, and a repetition. Never what concerns one connection, is added
# by API Gateway, or lets a server take the request for another method (X-HTTP-Method-Override).
_FORWARDED = (
    "accept",
    "accept-language",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "digest",
    "idempotency-key",
)
_PRINTABLE = re.compile(r"[\t -~]*", re.ASCII)
_UTF_8 = {"utf-8", "utf8", "us-ascii"}


def select_forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that Codat gets unchanged. Raises InvalidBodyError for a value that HTTP can't transmit."""
    selected = {name: headers[name].strip() for name in _FORWARDED if name in headers}
    if issues := [
        ValidationIssue(name, "has characters outside ASCII")
        for name, value in selected.items()
        if not _PRINTABLE.fullmatch(value)
    ]:
        raise InvalidBodyError(issues)
    return selected


def require_recordable_body(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedMediaTypeError for a body that is compressed, or text in another encoding than UTF-8.

    A recorded body is kept as text, and sent again as such. Codat documents neither, and no client of Codat's uses it.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnsupportedMediaTypeError([ValidationIssue("Content-Encoding", "must be absent: send it uncompressed")])
    if _charset(headers.get("content-type", "")) not in _UTF_8:
        raise UnsupportedMediaTypeError([ValidationIssue("Content-Type", "must not name a charset other than UTF-8")])


def _charset(content_type: str) -> str:
    """Return the charset that a ``Content-Type`` names, UTF-8 if none; empty if it is malformed."""
    message = Message()
    message["content-type"] = content_type
    try:
        return message.get_content_charset() or "utf-8"
    except (TypeError, ValueError):  # The library raises them for malformed parameters.
        return ""
