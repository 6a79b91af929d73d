"""Read from a body the fields by which users recognise an expense: merchant, reference, amount, currency, date.

Codat decides what is valid, so a body may have any shape: what can't be read is absent.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_MAX_TEXT = 200
_MAX_LINES = 1000
_SIDES = ("from", "to")
# Codat's amounts end at 7.9e28: a larger number is no amount, and can't always be added.
_MAX_EXPONENT = 28


@dataclass(frozen=True, slots=True)
class ExpenseContent:
    """The recognizable part of a transaction. ``date`` is as it was sent.

    ``amounts`` begin with the total with tax, then without, if that differs. A transfer has an amount on each side.
    """

    merchant: str | None = None
    reference: str | None = None
    amounts: tuple[Decimal, ...] = ()
    currency: str | None = None
    date: str | None = None


def read_content(text: str) -> ExpenseContent:
    """Read a body. One that is empty, because it was purged, has no content."""
    fields = _read_fields(text)
    return ExpenseContent(
        merchant=_text(fields.get("merchantname")),
        reference=_text(fields.get("reference")),
        amounts=tuple(dict.fromkeys(_list_amounts(fields))),
        currency=_text(fields.get("currency")),
        date=_text(fields.get("issuedate") or fields.get("date")),
    )


def _read_fields(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=lambda _: None)
    except (ValueError, ArithmeticError, RecursionError):
        return {}
    return _fold_names(value)


def _fold_names(value: object) -> dict[str, Any]:
    """Return an object's fields by their names in lower case, as .NET ignores the case; none if it is no object."""
    return {name.lower(): each for name, each in value.items()} if isinstance(value, dict) else {}


def _list_amounts(fields: dict[str, Any]) -> Iterator[Decimal]:
    found = fields.get("lines")
    lines = [_fold_names(each) for each in found[:_MAX_LINES]] if isinstance(found, list) else []
    if lines:
        net = sum((_number(line.get("netamount")) + _number(line.get("amount")) for line in lines), Decimal())
        yield sum((_number(line.get("taxamount")) for line in lines), net)
        yield net
    sides = (_fold_names(fields.get(side)).get("amount") for side in _SIDES)
    yield from (_number(each) for each in sides if each is not None)


def _number(value: object) -> Decimal:
    if not isinstance(value, Decimal) or (value and value.adjusted() > _MAX_EXPONENT):
        return Decimal()
    return value


def _text(value: object) -> str | None:
    """Return a text without half characters, which JSON's escapes can stand for and DynamoDB rejects."""
    whole = value.encode(errors="replace").decode() if isinstance(value, str) else ""
    return whole.strip()[:_MAX_TEXT] or None
