"""Match a product's requests to routes: those that are recorded, and those that are only forwarded."""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from codat_sync.core.errors import InvalidBodyError, ValidationIssue
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.submissions.expense_schemas import Body, Kind, has_post, has_put, parse_created, parse_put, parse_stored

_WRITE = re.compile(r"/companies/([^/]+)/sync/expenses/([a-z-]+-transactions)(?:/([^/]+))?/?")
_STORE = re.compile(r"/recorded/([^/]+)/([a-z-]+-transactions)/([^/]+)/?")
_COMPANY = re.compile(r"/companies/([^/]+)(?:/.*)?")
_SEGMENT = re.compile(r"[A-Za-z0-9._:@+=~-]+", re.ASCII)
_KEY = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class WriteRoute:
    """The target of a write request. ``transaction_id`` is None if the ids are in the body."""

    company_id: str
    kind: Kind
    transaction_id: str | None
    is_storage_only: bool

    @property
    def codat_method(self) -> Literal["POST", "PUT"]:
        """The method with which Codat receives the body; a stored body is created with POST, if its kind has one."""
        if self.is_storage_only:
            return "POST" if has_post(self.kind) else "PUT"
        return "POST" if self.transaction_id is None else "PUT"


def match_route(method: str, path: str) -> WriteRoute | None:
    """Return the route of a request to record; None if it is only forwarded. Raises InvalidBodyError for bad ids."""
    stored = _STORE.fullmatch(path) if method == "PUT" else None
    _require_canonical_path(path)
    match = stored or _WRITE.fullmatch(path)
    if match is None:
        return None
    company_id, name, transaction_id = match.groups()
    kind = _KINDS.get(name)
    is_write = (
        stored or (method == "POST" and transaction_id is None) or (method == "PUT" and transaction_id is not None)
    )
    if kind is None or not is_write:
        return None
    if not stored and not (has_post(kind) if method == "POST" else has_put(kind)):
        return None
    for identifier in (company_id, transaction_id):
        if identifier is not None and not is_identifier(identifier):
            raise InvalidBodyError([ValidationIssue("path", "contains an invalid id")])
    return WriteRoute(
        canonicalize(company_id), kind, transaction_id and canonicalize(transaction_id), stored is not None
    )


def _require_canonical_path(path: str) -> None:
    """Raise InvalidBodyError for a path that Codat might interpret as a write route, though ``_WRITE`` does not."""
    segments = path.strip("/").split("/")
    is_plain = all(_SEGMENT.fullmatch(each) and each not in {".", ".."} for each in segments)
    if not is_plain or (_WRITE.fullmatch(path.lower()) and not _WRITE.fullmatch(path)):
        raise InvalidBodyError([ValidationIssue("path", "is not in the form that Codat documents")])


def parse_bodies(route: WriteRoute, text: str) -> tuple[Body, ...]:
    """Parse the bodies of a request. Raises InvalidBodyError with all issues."""
    if route.transaction_id is None:
        return tuple(parse_created(route.kind, text))
    if route.is_storage_only:
        return (parse_stored(route.kind, route.transaction_id, text),)
    return (parse_put(route.kind, route.transaction_id, text),)


def parse_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the caller's idempotency key, None if there is none. Raises InvalidBodyError if it is not a GUID."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidBodyError([ValidationIssue("Idempotency-Key", "must be a GUID")])
    return key


def company_id_from_path(path: str) -> str | None:
    """Return the company id in a path, None if there is none."""
    match = _COMPANY.fullmatch(path)
    return canonicalize(match[1]) if match and is_identifier(match[1]) else None


def is_authorized(headers: Mapping[str, str], api_key: str) -> bool:
    """Return whether the ``Authorization`` header holds the API key, in the form that Codat's clients send."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    try:
        sent = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        sent = b""
    return scheme.lower() == "basic" and hmac.compare_digest(sent, api_key.encode())
