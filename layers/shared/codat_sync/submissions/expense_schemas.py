"""Define the kinds of transactions written through Codat, and validate their bodies.

https://docs.codat.io/sync-for-expenses-api: Create and update expense, reimbursable, transfer and adjustment
transactions. A body is validated, and never rewritten: Codat gets what the caller sent, byte for byte.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from codat_sync.core.errors import InvalidBodyError, ValidationIssue

# Maximum number of transactions that Codat accepts in one request.
MAX_BATCH_SIZE = 50
# Each body is stored as an item of the table, which is limited to 400 KB.
MAX_BODY_BYTES = 350_000


# Powers of ten. Codat's amounts are .NET decimals, which end at 7.9e28.
_MIN_EXPONENT, _MAX_EXPONENT = -40, 28


class Kind(StrEnum):
    """Kinds of transactions, by their name in Codat's paths."""

    EXPENSE = "expense-transactions"
    REIMBURSABLE = "reimbursable-expense-transactions"
    TRANSFER = "transfer-transactions"
    ADJUSTMENT = "adjustment-transactions"


def _is_amount(value: object) -> object:
    # All numbers are parsed to Decimal: a string is no amount, and true is not 1.
    if not isinstance(value, Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - what pydantic expects
    if value and not _MIN_EXPONENT <= value.adjusted() <= _MAX_EXPONENT:
        raise ValueError("is out of range")
    return value


def _is_guid(text: str) -> str:
    if str(UUID(text)) != text.lower():
        raise ValueError("must be a GUID")
    return text


Amount = Annotated[object, AfterValidator(_is_amount)]
Id = Annotated[str, AfterValidator(_is_guid)]
Text = Annotated[str, Field(min_length=1)]
Currency = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$")]


class _Schema(BaseModel):
    """Part of a body. Unknown fields are allowed, as Codat may add some."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", strict=True)


class Reference(_Schema):
    """A reference to an object in the customer's accounting software."""

    id: Text


class Line(_Schema):
    """A line of an expense."""

    net_amount: Amount
    tax_amount: Amount | None = None
    tax_rate_ref: Reference | None = None
    account_ref: Reference | None = None
    item_ref: Reference | None = None
    tracking_refs: Annotated[list[Reference], Field(max_length=10)] | None = None


class Expense(_Schema):
    """A payment, refund, reward or chargeback."""

    id: Id
    type: Literal["Payment", "Refund", "Reward", "Chargeback"]
    issue_date: Text
    currency: Currency
    currency_rate: Amount | None = None
    contact_ref: Reference | None = None
    bank_account_ref: Reference | None = None
    lines: Annotated[list[Line], Field(max_length=100)] | None = None


class ReimbursableExpense(_Schema):
    """An expense that an employee paid for and is reimbursed."""

    id: Id
    contact_ref: Reference
    issue_date: Text
    due_date: Text
    currency: Currency
    lines: Annotated[list[Line], Field(max_length=100)] | None = None


class TransferSide(_Schema):
    """Source or destination of a transfer."""

    account_ref: Reference
    amount: Amount


class Transfer(_Schema):
    """A transfer between two accounts. Its id is in the path."""

    date: Text
    from_: Annotated[TransferSide, Field(alias="from")]
    to: TransferSide


class AdjustmentLine(_Schema):
    """A line of an adjustment."""

    amount: Amount


class Adjustment(_Schema):
    """An adjustment of the accounts."""

    id: Id
    date: Text
    currency: Currency
    lines: Annotated[list[AdjustmentLine], Field(min_length=1)]


class ExpenseUpdate(Expense):
    """An update of an existing expense. Its id is in the path, and may be in the body."""

    id: Id | None = None  # type: ignore[assignment]


class ReimbursableExpenseUpdate(ReimbursableExpense):
    """An update of an existing reimbursable expense. Its id is in the path, and may be in the body."""

    id: Id | None = None  # type: ignore[assignment]


_POST_MODELS: dict[Kind, type[BaseModel]] = {
    Kind.EXPENSE: Expense,
    Kind.REIMBURSABLE: ReimbursableExpense,
    Kind.ADJUSTMENT: Adjustment,
}
_PUT_MODELS: dict[Kind, type[BaseModel]] = {
    Kind.EXPENSE: ExpenseUpdate,
    Kind.REIMBURSABLE: ReimbursableExpenseUpdate,
    Kind.TRANSFER: Transfer,
}


@dataclass(frozen=True, slots=True)
class Body:
    """One transaction as it was sent: ``text`` is its JSON, character for character."""

    transaction_id: str
    text: str


def parse_created(kind: Kind, text: str) -> list[Body]:
    """Parse the bodies of a create request. Raises InvalidBodyError with all issues."""
    elements = list(_iterate_elements(text))
    if not 1 <= len(elements) <= MAX_BATCH_SIZE:
        raise InvalidBodyError(
            [ValidationIssue("", f"must hold 1 to {MAX_BATCH_SIZE} transactions, and holds {len(elements)}")]
        )
    issues = [
        issue for number, (_, value) in enumerate(elements) for issue in _find_issues(_POST_MODELS[kind], value, number)
    ]
    if issues:
        raise InvalidBodyError(issues)
    bodies = [Body(value["id"].lower(), element) for element, value in elements]
    times = Counter(body.transaction_id for body in bodies)
    if duplicates := [each for each, number in times.items() if number > 1]:
        raise InvalidBodyError([ValidationIssue("id", f"is there more than once: {each}") for each in duplicates])
    _require_small(bodies)
    return bodies


def parse_put(kind: Kind, transaction_id: str, text: str) -> Body:
    """Parse the body of an update, or of a transfer. Raises InvalidBodyError."""
    value = _parse(text)
    if issues := list(_find_issues(_PUT_MODELS[kind], value, None)):
        raise InvalidBodyError(issues)
    _require_same_id(value, transaction_id)
    body = Body(transaction_id, text)
    _require_small([body])
    return body


def read_id(text: str) -> str | None:
    """Return the id in a body as it is spelled there; None if it has none, or is not JSON."""
    try:
        value = _parse(text)
    except InvalidBodyError:
        return None
    found = (each for name, each in value.items() if name.lower() == "id") if isinstance(value, dict) else ()
    return next((each for each in found if isinstance(each, str)), None)


def _require_same_id(value: object, transaction_id: str) -> None:
    ids = [each for name, each in value.items() if name.lower() == "id"] if isinstance(value, dict) else []
    if any(str(each).lower() != transaction_id.lower() for each in ids):
        raise InvalidBodyError([ValidationIssue("id", "is not the one in the path")])


def parse_stored(kind: Kind, transaction_id: str, text: str) -> Body:
    """Parse a body that is only stored, in the format that creates its transaction. Raises InvalidBodyError."""
    value = _parse(text)
    if issues := list(_find_issues(_POST_MODELS.get(kind) or _PUT_MODELS[kind], value, None)):
        raise InvalidBodyError(issues)
    _require_same_id(value, transaction_id)
    body = Body(transaction_id.lower(), text.strip())
    _require_small([body])
    return body


def _require_small(bodies: Sequence[Body]) -> None:
    """Raise InvalidBodyError for bodies too large for the table."""
    large = [body.transaction_id for body in bodies if len(body.text.encode()) > MAX_BODY_BYTES]
    if large:
        raise InvalidBodyError([ValidationIssue(each, f"is larger than {MAX_BODY_BYTES} bytes") for each in large])


def has_put(kind: Kind) -> bool:
    """Return whether Codat accepts a PUT of this kind."""
    return kind in _PUT_MODELS


def has_post(kind: Kind) -> bool:
    """Return whether Codat accepts a POST of this kind."""
    return kind in _POST_MODELS


def _find_issues(model: type[BaseModel], value: object, number: int | None) -> Iterator[ValidationIssue]:
    try:
        model.model_validate(value, by_alias=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(str(part) for part in ((number,) if number is not None else ()) + detail["loc"])
            yield ValidationIssue(place, detail["msg"])


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
            case "," if text[_skip_whitespace(text, at + 1) :][:1] != "]":
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
    times = Counter(name.lower() for name, _ in pairs)
    if duplicates := [name for name, number in times.items() if number > 1]:
        raise InvalidBodyError(
            [ValidationIssue(name, "is there more than once, in any letter case") for name in duplicates]
        )
    return dict(pairs)


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
