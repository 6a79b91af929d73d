"""Decide for each request of a product whether it is recorded, forwarded or rejected.

A write of expenses is recorded, or rejected with a reason, and never only forwarded. Two readings of a path make sure
of it. Only what is written as Codat documents it, in any letter case, is recorded or forwarded. Everything that a
lenient server, or a proxy in front of it, could take for a write of Sync for Expenses is rejected.
"""

import base64
import binascii
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import quote, unquote

from codat_sync.core.errors import InvalidBodyError, ValidationIssue
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.submissions.expense_bodies import (
    Body,
    Kind,
    has_post,
    has_put,
    parse_created,
    parse_put,
    parse_stored,
    parse_transaction_id,
)

_STORE = re.compile(r"(?:/.*)?/recorded/([^/]+)/([^/]+)/([^/]+)/?", re.IGNORECASE)
_EXPENSES = re.compile(r"/companies/([^/]+)/sync/expenses/(.+?)/?", re.IGNORECASE)
_COMPANY = re.compile(r"/companies/([^/]+)", re.IGNORECASE)
_KEY = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_KINDS = {kind.value: kind for kind in Kind}
_ALL_KINDS = ", ".join(_KINDS)

# They write nothing.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What else Codat documents below /companies/{companyId}/sync/expenses. None of it writes expenses.
_FORWARDED_WRITE = re.compile(
    r"config|connections/partnerexpense|syncs/[^/]+/transactions/[^/]+/attachments", re.IGNORECASE
)
# A segment that no server reads as several ones, or as the end of the path.
_OPAQUE = re.compile(r"[^/\\%;?#]+")
_SLASH = re.compile(r"[/\\]")
_NO_LETTERS = re.compile(r"[^a-z]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNICODE_ESCAPE = re.compile(r"%u([0-9A-Fa-f]{4})")  # of IIS
# Decoding ends long before this, except for paths that are made to deceive.
_MAX_DECODINGS = 8
_UNKNOWN_WRITE = (
    "is not an operation below /sync/expenses that Codat documents, or not written as documented. It is not forwarded, "
    "as it may write expenses that are not recorded"
)
_V1_WRITE = (
    "belongs to Sync for Expenses v1, which is not recorded. Use POST "
    "/companies/{companyId}/sync/expenses/expense-transactions instead, which also starts the sync"
)


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
    """Return what is to be recorded; None for what is only forwarded.

    Raises InvalidBodyError for what may write expenses and is not documented, and for ids that can't be recorded.
    """
    if method == "PUT" and (stored := _STORE.fullmatch(path)):
        company_id, kind, transaction_id = map(unquote, stored.groups())
        return _build_route(company_id, kind.lower(), transaction_id, is_storage_only=True)
    segments = _read_leniently(path)
    _require_path_of_codat(segments)
    if method in _SAFE_METHODS:
        return None
    match _read_strictly(path):
        case [company_id, kind] if method == "POST" and kind in _KINDS and has_post(_KINDS[kind]):
            return _build_route(company_id, kind, None, is_storage_only=False)
        case [company_id, kind, transaction_id] if method == "PUT" and kind in _KINDS and has_put(_KINDS[kind]):
            return _build_route(company_id, kind, transaction_id, is_storage_only=False)
        case [_, *rest] if method == "POST" and _FORWARDED_WRITE.fullmatch("/".join(rest)):
            return None
    _require_other_product(segments)
    return None


def strip_base_path(path: str) -> str:
    """Return the path from its segment ``companies``, as Codat has it, percent-encoded where that is required.

    What precedes it is the base path of a custom domain, or a stage. API Gateway may have decoded the path: what is
    still encoded stays so.
    """
    segments = path.split("/")
    start = next((number for number, each in enumerate(segments) if unquote(each).lower() == "companies"), 0)
    text = "/" + "/".join(segments[start:]).lstrip("/")
    return quote(_STRAY_PERCENT.sub("%25", text), safe="/%:@!$&'()*+,;=~", errors="replace")


def company_id_from_path(path: str) -> str | None:
    """Return the company that a path is about, None if it is about none."""
    match = _COMPANY.match(strip_base_path(path))
    company_id = unquote(match[1]) if match else ""
    return canonicalize(company_id) if is_identifier(company_id) else None


def _build_route(company_id: str, kind: str, transaction_id: str | None, *, is_storage_only: bool) -> WriteRoute:
    """Build the route of a write that is recorded. Raises InvalidBodyError for ids that can't be part of a key."""
    known = None if transaction_id is None else parse_transaction_id(transaction_id)
    # Another notation of a company's GUID would have claims of its own.
    is_company = is_identifier(company_id) and parse_transaction_id(company_id) is not None
    if kind not in _KINDS or not is_company or (transaction_id is not None and known is None):
        raise InvalidBodyError(
            [ValidationIssue("path", f"has an id that can't be recorded, or a kind other than {_ALL_KINDS}")]
        )
    return WriteRoute(canonicalize(company_id), _KINDS[kind], known, is_storage_only)


def _read_strictly(path: str) -> list[str]:
    """Return the company's id and the segments below /sync/expenses, the first in lower case; none for other paths.

    Names may be in any letter case, as .NET routes them.
    """
    match = _EXPENSES.fullmatch(strip_base_path(path))
    if match is None:
        return []
    company_id, rest = unquote(match[1]), [unquote(each) for each in match[2].split("/")]
    if not all(map(_OPAQUE.fullmatch, [company_id, *rest])):
        return []
    return [company_id, rest[0].lower(), *rest[1:]]


def _read_leniently(path: str) -> list[str]:
    """Return the segments of a path, as decoded by the most lenient server.

    Raises InvalidBodyError if they include ``.`` or ``..``: such a path may be about something else.
    """
    text = path
    for _ in range(_MAX_DECODINGS):
        unescaped = _UNICODE_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        decoded = unicodedata.normalize("NFKD", unquote(unescaped))
        if decoded == text:
            break
        text = decoded
    segments = [each.partition(";")[0].strip() for each in _SLASH.split(text)]
    if text != unquote(text) or not {".", ".."}.isdisjoint(segments):
        raise InvalidBodyError([ValidationIssue("path", "has dot segments, or is encoded several times")])
    return [each for each in segments if each]


def _require_path_of_codat(segments: Sequence[str]) -> None:
    """Raise InvalidBodyError for a path of our own that is not the documented one: Codat has none of these."""
    names = [each.casefold() for each in segments]
    if "recorded" in names and "companies" not in names:
        raise InvalidBodyError([ValidationIssue("path", "must be PUT /recorded/{companyId}/{kind}/{transactionId}")])


def _require_other_product(segments: Sequence[str]) -> None:
    """Raise InvalidBodyError if the path may be one of Sync for Expenses, however it is written."""
    letters = [_NO_LETTERS.sub("", each.casefold()) for each in segments]
    for at, (first, second) in enumerate(pairwise(letters), start=2):
        if first == "sync" and second.startswith("expense"):
            is_v1 = letters[at : at + 1] == ["data"] or letters[at:] == ["syncs"]
            raise InvalidBodyError([ValidationIssue("path", _V1_WRITE if is_v1 else _UNKNOWN_WRITE)])


def parse_bodies(found: WriteRoute, text: str) -> tuple[Body, ...]:
    """Return the bodies of a request. Raises InvalidBodyError with all that is wrong."""
    if found.transaction_id is None:
        return tuple(parse_created(text))
    if found.is_storage_only:
        return (parse_stored(found.kind, found.transaction_id, text),)
    return (parse_put(found.transaction_id, text),)


def parse_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the caller's idempotency key, None if there is none. Raises InvalidBodyError if it is not a GUID."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidBodyError([ValidationIssue("Idempotency-Key", "must be a GUID")])
    return key


def is_authorized(headers: Mapping[str, str], api_key: str) -> bool:
    """Return whether the ``Authorization`` header holds the API key, in the form that Codat's clients send."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    try:
        sent = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        sent = b""
    return scheme.lower() == "basic" and hmac.compare_digest(sent, api_key.encode())
