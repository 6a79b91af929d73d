"""Parse a transaction's submitted body, for viewers with the role EXPENSES. Rules only.

The fields are those of Codat's Sync for Expenses description, of each kind of transaction. Codat decides what is valid,
so a body may have any shape: what can't be read is absent.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from codat_sync.submissions.expense_bodies import Kind
from codat_sync.submissions.expense_content import read_content

_MAX_DIGITS = 28
# A JSON object, by its fields' names in lower case: .NET ignores their case.
_Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExpenseLine:
    """A line as submitted; of a transfer, one of its two sides. Ids are those of Codat's mapping options.

    ``tracking`` are (data type, id) pairs; ``invoice_to`` is the id of the customer that is billed.
    """

    description: str | None
    account_id: str | None
    net_amount: Decimal | None
    tax_amount: Decimal | None
    tax_rate_id: str | None
    item_id: str | None
    tracking: tuple[tuple[str, str], ...]
    invoice_to: str | None


@dataclass(frozen=True, slots=True)
class SubmittedExpense:
    """A transaction as submitted. Dates are as they were sent; ``amount`` is the total with tax, None if unknown.

    A transfer's ``amount`` is that of the account it is taken from.
    """

    kind: Kind
    type: str | None
    merchant: str | None
    contact_id: str | None
    reference: str | None
    date: str | None
    due_date: str | None
    amount: Decimal | None
    currency: str | None
    currency_rate: Decimal | None
    bank_account_id: str | None
    notes: str | None
    lines: tuple[ExpenseLine, ...]


def read_expense(kind: Kind, text: str) -> SubmittedExpense | None:
    """Read a body of this kind; None if it was purged, or is no JSON object."""
    fields = _parse(text)
    if not fields:
        return None
    content = read_content(text)
    return SubmittedExpense(
        kind=kind,
        type=_text(fields.get("type")),
        merchant=content.merchant,
        contact_id=_reference(fields, "contactref"),
        reference=content.reference,
        date=content.date,
        due_date=_text(fields.get("duedate")),
        amount=content.amounts[0] if content.amounts else None,
        currency=content.currency,
        currency_rate=_number(fields.get("currencyrate")),
        bank_account_id=_reference(fields, "bankaccountref"),
        notes=_text(fields.get("notes") or fields.get("description")),
        lines=tuple(_LINES[kind](fields)),
    )


def _read_lines(fields: _Fields, amount: str) -> Iterator[ExpenseLine]:
    lines = fields.get("lines")
    for each in map(_fold, lines if isinstance(lines, list) else ()):
        yield _line(each, _text(each.get("description")), each.get(amount))


def _read_sides(fields: _Fields) -> Iterator[ExpenseLine]:
    for name in ("from", "to"):
        if side := _fold(fields.get(name)):
            yield _line(side, name.capitalize(), side.get("amount"))


_LINES: dict[Kind, Callable[[_Fields], Iterator[ExpenseLine]]] = {
    Kind.EXPENSE: partial(_read_lines, amount="netamount"),
    Kind.REIMBURSABLE: partial(_read_lines, amount="netamount"),
    Kind.ADJUSTMENT: partial(_read_lines, amount="amount"),
    Kind.TRANSFER: _read_sides,
}


def _line(fields: _Fields, description: str | None, net_amount: object) -> ExpenseLine:
    return ExpenseLine(
        description=description,
        account_id=_reference(fields, "accountref"),
        net_amount=_number(net_amount),
        tax_amount=_number(fields.get("taxamount")),
        tax_rate_id=_reference(fields, "taxrateref"),
        item_id=_reference(fields, "itemref"),
        tracking=tuple(_read_tracking(fields.get("trackingrefs"))),
        invoice_to=_reference(fields, "invoiceto"),
    )


def _read_tracking(value: object) -> Iterator[tuple[str, str]]:
    for each in map(_fold, value if isinstance(value, list) else ()):
        if identifier := _text(each.get("id")):
            yield _text(each.get("datatype")) or "", identifier


def _parse(text: str) -> _Fields:
    try:
        return _fold(json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=lambda _: None))
    except (ValueError, ArithmeticError, RecursionError):
        return {}


def _fold(value: object) -> _Fields:
    return {name.lower(): each for name, each in value.items()} if isinstance(value, dict) else {}


def _reference(fields: _Fields, name: str) -> str | None:
    return _text(_fold(fields.get(name)).get("id"))


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: object) -> Decimal | None:
    """Return an amount within the range of .NET's decimals, which has 28 digits on either side of the point."""
    if not isinstance(value, Decimal) or value.adjusted() > _MAX_DIGITS:
        return None
    return value if -int(value.as_tuple().exponent) <= _MAX_DIGITS else None
