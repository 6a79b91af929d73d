"""Validate request bodies as Codat does."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from dev.codat_simulator.api.errors import ValidationFlaw, invalid
from dev.codat_simulator.books.submissions import Kind, SubmittedTransaction
from dev.codat_simulator.wire import JsonObject


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic requires a ValueError
    return Decimal(value)


def _date(value: str) -> str:
    datetime.fromisoformat(value)
    return value


def _member(value: object) -> object:
    return value[:1].upper() + value[1:].lower() if isinstance(value, str) else value


_Text = Annotated[str, Field(min_length=1)]
_Date = Annotated[str, AfterValidator(_date)]
_Amount = Annotated[Decimal, BeforeValidator(_number)]


class _Body(BaseModel):
    """Accepts unknown fields: Codat adds fields, and ignores those that it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True)


class _Ref(_Body):
    """Refers to a record. Only a contact and a transfer's accounts must have an id."""

    id: _Text | None = None


class _RequiredRef(_Body):
    id: _Text


class _Line(_Body):
    net_amount: _Amount
    tax_amount: _Amount | None = None
    tax_rate_ref: _Ref | None = None
    account_ref: _Ref | None = None
    item_ref: _Ref | None = None
    tracking_refs: Annotated[list[_Ref], Field(min_length=1, max_length=10)] | None = None
    invoice_to: _Ref | None = None


_Lines = Annotated[list[_Line], Field(min_length=1, max_length=100)]


class _Expense(_Body):
    type: Annotated[Literal["Payment", "Refund", "Reward", "Chargeback"], BeforeValidator(_member)]
    issue_date: _Date
    currency: _Text
    currency_rate: _Amount | None = None
    contact_ref: _RequiredRef | None = None
    bank_account_ref: _Ref | None = None
    lines: _Lines | None = None
    post_as_draft: bool | None = None


class _NewExpense(_Expense):
    id: _Text


class _Reimbursable(_Body):
    contact_ref: _RequiredRef
    ap_account_ref: _Ref | None = None
    issue_date: _Date
    due_date: _Date
    currency: _Text
    currency_rate: _Amount | None = None
    lines: _Lines | None = None


class _NewReimbursable(_Reimbursable):
    id: _Text


class _Side(_Body):
    account_ref: _RequiredRef
    amount: _Amount


class _Transfer(_Body):
    date: _Date
    from_: _Side = Field(alias="from")
    to: _Side


class _AdjustmentLine(_Body):
    amount: _Amount
    account_ref: _Ref


class _NewAdjustment(_Body):
    id: _Text
    date: _Date
    currency: _Text
    lines: Annotated[list[_AdjustmentLine], Field(min_length=1, max_length=100)]


class _Configuration(_Body):
    bank_account: _Ref
    supplier: _Ref
    customer: _Ref


# Any: only the validation matters.
_MAX_MANY = Field(min_length=1, max_length=50)
_CREATED: Mapping[Kind, TypeAdapter[Any]] = {
    "expense-transactions": TypeAdapter(Annotated[list[_NewExpense], _MAX_MANY]),
    "reimbursable-expense-transactions": TypeAdapter(Annotated[list[_NewReimbursable], _MAX_MANY]),
    "adjustment-transactions": TypeAdapter(Annotated[list[_NewAdjustment], _MAX_MANY]),
}
_UPDATED: Mapping[Kind, TypeAdapter[Any]] = {
    "expense-transactions": TypeAdapter(_Expense),
    "reimbursable-expense-transactions": TypeAdapter(_Reimbursable),
    "transfer-transactions": TypeAdapter(_Transfer),
}


def parse_new_transactions(kind: Kind, content: bytes) -> tuple[SubmittedTransaction, ...]:
    """Split the array of a POST into transactions with their original text; raises a 400."""
    text = _checked(_CREATED[kind], content)
    submitted = tuple(SubmittedTransaction(_parse(piece)["id"], piece) for piece in _elements(text))
    times = Counter(each.transaction_id for each in submitted)
    duplicates = [
        ValidationFlaw(name, "is there more than once", "Unique") for name, number in times.items() if number > 1
    ]
    if duplicates:
        raise invalid(*duplicates)
    return submitted


def parse_updated_transactions(kind: Kind, transaction_id: str, content: bytes) -> tuple[SubmittedTransaction, ...]:
    """Parse the object of a PUT, whose id is in the path; raises a 400."""
    return (SubmittedTransaction(transaction_id, _checked(_UPDATED[kind], content)),)


def parse_configuration(content: bytes) -> JsonObject:
    """Parse a company's configuration; raises a 400."""
    text = _checked(TypeAdapter(_Configuration), content)
    return _Configuration.model_validate(_parse(text)).model_dump(by_alias=True, exclude_none=True)


def _parse(text: str) -> Any:  # noqa: ANN401 - JSON
    """Parse JSON. Codat's example of a transfer writes names in PascalCase, the rest of its documents in camelCase."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: {name[:1].lower() + name[1:]: value for name, value in pairs},
        parse_float=Decimal,
        parse_constant=_number,
    )


def _checked(adapter: TypeAdapter[Any], content: bytes) -> str:
    try:
        text = content.decode()
        parsed = _parse(text)
    except (ValueError, RecursionError):  # RecursionError: deeply nested brackets
        raise invalid(ValidationFlaw("", "The body is not valid JSON", "Json")) from None
    try:
        adapter.validate_python(parsed)
    except ValidationError as error:
        raise invalid(*(_to_flaw(detail) for detail in error.errors())) from None
    return text


def _to_flaw(detail: ErrorDetails) -> ValidationFlaw:
    """Format the location as `[0].lines[1].netAmount`."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])
    return ValidationFlaw(place.removeprefix("."), detail["msg"], detail["type"])


def _elements(array: str) -> Iterator[str]:
    """Split the text of an array into its elements' texts: re-serializing would change them."""
    decoder, end = json.JSONDecoder(), 0
    while (start := array.find("{", end)) >= 0:
        _, end = decoder.raw_decode(array, start)
        yield array[start:end]
