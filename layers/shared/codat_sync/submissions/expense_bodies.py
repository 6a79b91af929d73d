"""Define the kinds of transactions written through Codat, and read their bodies.

A body has to be JSON with an id, which is recorded and claimed. Everything else in it is for Codat to decide, and
nothing is rewritten: Codat gets what the caller sent, character for character.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from uuid import UUID

from codat_sync.core.errors import InvalidBodyError, ValidationIssue
from codat_sync.core.identifiers import canonicalize, is_identifier

# Maximum number of transactions that Codat accepts in one request.
MAX_BATCH_SIZE = 50
# Each body is stored as an item of the table, which is limited to 400 KB.
MAX_BODY_BYTES = 350_000

# Codat's amounts are .NET decimals, which end at 7.9e28: larger ones can't be accepted.
_AMOUNTS = frozenset({"netamount", "taxamount", "amount", "currencyrate"})
_MAX_EXPONENT = 28

_ID_RULE = "must be a GUID, in its usual form with hyphens"


class Kind(StrEnum):
    """Kinds of transactions, by their name in Codat's paths."""

    EXPENSE = "expense-transactions"
    REIMBURSABLE = "reimbursable-expense-transactions"
    TRANSFER = "transfer-transactions"
    ADJUSTMENT = "adjustment-transactions"


# Codat's operations: https://docs.codat.io/sync-for-expenses-api. A PUT names its transaction in the path.
_POST_KINDS = frozenset({Kind.EXPENSE, Kind.REIMBURSABLE, Kind.ADJUSTMENT})
_PUT_KINDS = frozenset({Kind.EXPENSE, Kind.REIMBURSABLE, Kind.TRANSFER})


@dataclass(frozen=True, slots=True)
class Body:
    """One transaction as it was sent: ``text`` is its JSON, character for character."""

    transaction_id: str
    text: str


def parse_created(text: str) -> list[Body]:
    """Parse the bodies of a create request. Raises InvalidBodyError with all issues."""
    elements = list(_iterate_elements(text))
    if not 1 <= len(elements) <= MAX_BATCH_SIZE:
        raise InvalidBodyError(
            [ValidationIssue("", f"must hold 1 to {MAX_BATCH_SIZE} transactions, and holds {len(elements)}")]
        )
    ids = [parse_transaction_id(_find_id(value)) for _, value in elements]
    if issues := [ValidationIssue(f"{at}.id".lstrip("."), _ID_RULE) for at, each in enumerate(ids) if each is None]:
        raise InvalidBodyError(issues)
    bodies = [Body(each, element) for each, (element, _) in zip(ids, elements, strict=True) if each]
    times = Counter(body.transaction_id for body in bodies)
    if duplicates := [each for each, number in times.items() if number > 1]:
        raise InvalidBodyError([ValidationIssue("id", f"is there more than once: {each}") for each in duplicates])
    _require_small(bodies)
    return bodies


def parse_put(transaction_id: str, text: str) -> Body:
    """Parse the body of an update, or of a transfer. Raises InvalidBodyError."""
    value = _parse(text)
    if not isinstance(value, dict):
        raise InvalidBodyError([ValidationIssue("", "must be a JSON object")])
    # Codat documents no id here. One that differs could be what Codat writes, while another transaction is claimed.
    if (given := _find_id(value)) is not None and parse_transaction_id(given) != transaction_id:
        raise InvalidBodyError([ValidationIssue("id", "is not the one in the path")])
    body = Body(transaction_id, text)
    _require_small([body])
    return body


def parse_stored(kind: Kind, transaction_id: str, text: str) -> Body:
    """Parse a transaction's body that is only stored, in the form that creates it. Raises InvalidBodyError."""
    body = parse_put(transaction_id, text.strip())
    if has_post(kind) and _find_id(_parse(body.text)) is None:
        raise InvalidBodyError([ValidationIssue("id", _ID_RULE)])
    return body


def read_id(text: str) -> str | None:
    """Return the id in a body as it is spelled there; None if it has none, or is not JSON."""
    try:
        found = _find_id(_parse(text))
    except InvalidBodyError:
        return None
    return found if isinstance(found, str) else None


def _find_id(value: object) -> object:
    """Return the field ``id`` of a JSON object, in any letter case as .NET reads names; None if there is none."""
    fields = value.items() if isinstance(value, dict) else ()
    return next((each for name, each in fields if _fold_name(name) == "id"), None)


def parse_transaction_id(value: object) -> str | None:
    """Return the canonical id of a transaction; None if ``value`` is no id that can be recorded.

    Codat documents GUIDs, and no other notation: 32 digits without hyphens may be the same transaction to Codat, and
    would be another one here. Ids of another form are for Codat to decide.
    """
    if not is_identifier(value):
        return None
    canonical = canonicalize(value)
    return canonical if _parse_guid(value) in {None, canonical} else None


def _parse_guid(text: str) -> str | None:
    """Return the GUID that ``text`` may stand for, in its usual form; None if it is none in any notation."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _require_small(bodies: Sequence[Body]) -> None:
    """Raise InvalidBodyError for bodies too large for the table."""
    large = [body.transaction_id for body in bodies if len(body.text.encode()) > MAX_BODY_BYTES]
    if large:
        raise InvalidBodyError([ValidationIssue(each, f"is larger than {MAX_BODY_BYTES} bytes") for each in large])


def has_put(kind: Kind) -> bool:
    """Return whether Codat documents a PUT of this kind."""
    return kind in _PUT_KINDS


def has_post(kind: Kind) -> bool:
    """Return whether Codat documents a POST of this kind."""
    return kind in _POST_KINDS


def _iterate_elements(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the elements of a JSON array, each as its original text and its parsed value."""
    at = _skip_whitespace(text, 0)
    if text[at : at + 1] != "[":
        raise InvalidBodyError([ValidationIssue("", "must be a JSON array")])
    at = _skip_whitespace(text, at + 1)
    while text[at : at + 1] != "]":
        value, end = _decode_element(text, at)
        yield text[at:end], value
        at = _skip_whitespace(text, end)
        match text[at : at + 1]:
            case "," if not text.startswith("]", _skip_whitespace(text, at + 1)):
                at = _skip_whitespace(text, at + 1)
            case "]":
                break
            case _:
                raise InvalidBodyError([ValidationIssue("", f"is not JSON at character {at}")])
    if _skip_whitespace(text, at + 1) != len(text):
        raise InvalidBodyError([ValidationIssue("", "has extra content after the array")])


def _parse(text: str) -> object:
    start = _skip_whitespace(text, 0)
    value, end = _decode_element(text, start)
    if _skip_whitespace(text, end) != len(text):
        raise InvalidBodyError([ValidationIssue("", f"is not JSON at character {end}")])
    return value


def _decode_element(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise InvalidBodyError([ValidationIssue("", f"is not JSON at character {at}")]) from None


def _skip_whitespace(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object. Rejects duplicate names in any letter case: Codat might read another value, say of an id."""
    times = Counter(_fold_name(name) for name, _ in pairs)
    duplicates = [name for name, number in times.items() if number > 1]
    issues = [ValidationIssue(name, "is there more than once, in any letter case") for name in duplicates]
    issues += [ValidationIssue(name, "is out of range") for name, value in pairs if _is_too_large(name, value)]
    if issues:
        raise InvalidBodyError(issues)
    return dict(pairs)


def _is_too_large(name: str, value: object) -> bool:
    if _fold_name(name) not in _AMOUNTS or not isinstance(value, Decimal):
        return False
    return value != 0 and value.adjusted() > _MAX_EXPONENT


def _fold_name(name: str) -> str:
    # Through upper case: names may be equal in one of the two only, and here too many are better than too few.
    return name.upper().lower()


def _parse_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidBodyError([ValidationIssue("", f"has a number out of range: {text[:40]}")]) from None


def _reject_constant(name: str) -> object:
    raise ValueError(name)


# Amounts are never parsed to binary floats; and NaN is not JSON, though Python accepts it.
_DECODER = json.JSONDecoder(
    parse_float=_parse_number,
    parse_int=_parse_number,
    parse_constant=_reject_constant,
    object_pairs_hook=_parse_object,
)
_SPACE = re.compile(r"[ \t\n\r]*")
