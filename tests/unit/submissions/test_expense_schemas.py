"""Bodies with numbers and texts that no one would expect."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.core.errors import InvalidBodyError
from codat_sync.submissions.expense_schemas import Kind, parse_created

_ID = "3b5a9d2c-9f2f-4a2e-8f5a-1c1d1e1f1a1b"
_EXPENSE: dict[str, Any] = {"id": _ID, "type": "Payment", "issueDate": "2026-11-01", "currency": "GBP"}


def _text(amount: str, **more: object) -> str:
    """Return a request whose only line has ``amount``, character for character."""
    return json.dumps([_EXPENSE | {"lines": [{"netAmount": "AMOUNT"}]} | more]).replace('"AMOUNT"', amount)


@pytest.mark.parametrize("amount", ["0", "-0", "0.00", "1e2", "-12.34", "7.9e28", "0." + "1" * 60, "0e999999999"])
def test_any_amount_that_codat_can_hold_is_forwarded_as_it_came(amount: str) -> None:
    """Codat rounds digits that it can't hold: that is for Codat to decide."""
    (body,) = parse_created(Kind.EXPENSE, _text(amount))
    assert f'"netAmount": {amount}' in body.text


@pytest.mark.parametrize("amount", ["1e29", "-1e29", "1e400", "1e-41", "1e999999999", "9" * 30])
def test_an_amount_beyond_codats_range_is_rejected(amount: str) -> None:
    """Codat's amounts are .NET decimals."""
    with pytest.raises(InvalidBodyError, match=r"lines\.0\.netAmount"):
        parse_created(Kind.EXPENSE, _text(amount))


@pytest.mark.parametrize("place", ["netAmount", "currencyRate", "somethingNew"])
@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "-1e-99999999999999999999", "9" * 5000, "1E9223372036854775808"]
)
def test_a_number_that_cannot_be_computed_with_is_rejected_or_kept(place: str, number: str) -> None:
    """Wherever it stands: it is an error of the request, not of the function."""
    text = json.dumps([_EXPENSE | {"lines": [{"netAmount": 1}]} | {place: "NUMBER"}]).replace('"NUMBER"', number)
    if place == "netAmount":
        text = _text(number)
    try:
        (body,) = parse_created(Kind.EXPENSE, text)
    except InvalidBodyError:
        return
    assert number in body.text


_NAMES = st.text(st.characters(exclude_categories=()))


@given(st.dictionaries(_NAMES, st.integers() | st.floats(allow_nan=False) | _NAMES | st.none()))
def test_any_json_is_accepted_or_rejected_with_printable_issues(fields: dict[str, object]) -> None:
    """Names of fields are quoted in responses and logs, even if they hold lone surrogates."""
    try:
        parse_created(Kind.EXPENSE, json.dumps([_EXPENSE | fields]))
    except InvalidBodyError as error:
        str(error).encode()


def test_the_issues_of_a_large_body_are_bounded() -> None:
    """Each names its place: a hundred are enough to see what is wrong."""
    lines = [{"netAmount": "x"} for _ in range(100)]
    with pytest.raises(InvalidBodyError) as raised:
        parse_created(Kind.EXPENSE, json.dumps([_EXPENSE | {"lines": lines} for _ in range(50)]))
    assert len(raised.value.issues) == 100
