"""Which of the requests of a product is to be recorded, and which is only passed on."""

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
_METRIC_PREFIXES = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class WriteRoute:
    """What a request that writes is about. ``transaction_id`` is None if the body names it."""

    company_id: str
    kind: Kind
    transaction_id: str | None
    is_storage_only: bool

    @property
    def codat_method(self) -> Literal["POST", "PUT"]:
        """How Codat gets it: what is only kept is created, if that is how its kind is made."""
        if self.is_storage_only:
            return "POST" if has_post(self.kind) else "PUT"
        return "POST" if self.transaction_id is None else "PUT"


def match_route(method: str, path: str) -> WriteRoute | None:
    """Return what is to be recorded; None for what is only passed on. Raises InvalidBodyError for ids that are none."""
    kept = _STORE.fullmatch(path) if method == "PUT" else None
    _require_canonical_path(path)
    match = kept or _WRITE.fullmatch(path)
    if match is None:
        return None
    company_id, name, transaction_id = match.groups()
    kind = _METRIC_PREFIXES.get(name)
    is_ours = kept or (method == "POST" and transaction_id is None) or (method == "PUT" and transaction_id is not None)
    if kind is None or not is_ours:
        return None
    if not kept and not (has_post(kind) if method == "POST" else has_put(kind)):
        return None
    for identifier in (company_id, transaction_id):
        if identifier is not None and not is_identifier(identifier):
            raise InvalidBodyError([ValidationIssue("path", "has an id that is none")])
    return WriteRoute(canonicalize(company_id), kind, transaction_id and canonicalize(transaction_id), kept is not None)


def _require_canonical_path(path: str) -> None:
    """Raise InvalidBodyError for a path that Codat could read as another one: as one that is to be recorded."""
    segments = path.strip("/").split("/")
    is_plain = all(_SEGMENT.fullmatch(each) and each not in {".", ".."} for each in segments)
    if not is_plain or (_WRITE.fullmatch(path.lower()) and not _WRITE.fullmatch(path)):
        raise InvalidBodyError([ValidationIssue("path", "is not written as Codat's documentation has it")])


def parse_bodies(found: WriteRoute, text: str) -> tuple[Body, ...]:
    """Return the bodies of a request. Raises InvalidBodyError with all that is wrong."""
    if found.transaction_id is None:
        return tuple(parse_created(found.kind, text))
    if found.is_storage_only:
        return (parse_stored(found.kind, found.transaction_id, text),)
    return (parse_put(found.kind, found.transaction_id, text),)


def parse_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the caller's idempotency key, None if there is none. Raises InvalidBodyError for what Codat refuses."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidBodyError([ValidationIssue("Idempotency-Key", "must be a GUID")])
    return key


def company_id_from_path(path: str) -> str | None:
    """Return the company that a path is about, None if it is about none."""
    match = _COMPANY.fullmatch(path)
    return canonicalize(match[1]) if match and is_identifier(match[1]) else None


def is_authorized(headers: Mapping[str, str], api_key: str) -> bool:
    """Return whether the caller has the API key, as Codat's own clients send it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    try:
        sent = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        sent = b""
    return scheme.lower() == "basic" and hmac.compare_digest(sent, api_key.encode())
