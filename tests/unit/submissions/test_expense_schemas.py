"""Read the bodies of writes: what Codat may accept is accepted, and what can't be recorded is rejected."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.core.errors import InvalidBodyError
from codat_sync.submissions.expense_schemas import (
    Kind,
    parse_created,
    parse_put,
    parse_stored,
    parse_transaction_id,
)

_ID = "3b5a9d2c-9f2f-4a2e-8f5a-1c1d1e1f1a1b"
_EXPENSE: dict[str, Any] = {"id": _ID, "type": "Payment", "issueDate": "2026-11-01", "currency": "GBP"}


def _text(amount: str, **more: object) -> str:
    """Return a request whose only line has ``amount``, character for character."""
    return json.dumps([_EXPENSE | {"lines": [{"netAmount": "AMOUNT"}]} | more]).replace('"AMOUNT"', amount)


def _expense_with(**fields: object) -> str:
    return json.dumps([_EXPENSE | fields])


@pytest.mark.parametrize(
    "amount", ["0", "-0", "0.00", "1e2", "-12.34", "7.9e28", "1e-400", "0e999999999", '"5"', "true", "0." + "1" * 60]
)
def test_any_amount_is_forwarded_as_it_came(amount: str) -> None:
    """Codat decides which numbers it can hold, and rounds the others."""
    (body,) = parse_created(_text(amount))
    assert f'"netAmount": {amount}' in body.text


@pytest.mark.parametrize("name", ["netAmount", "TaxAmount", "amount", "currencyrate"])
@pytest.mark.parametrize("amount", ["1e29", "-1e29", "1e400", "1e999999999", "9" * 30, "0.1e31"])
def test_an_amount_that_codat_cannot_hold_is_rejected(name: str, amount: str) -> None:
    """Codat's amounts are .NET decimals, in any field and letter case."""
    text = _expense_with(lines=[{name: "AMOUNT"}]).replace('"AMOUNT"', amount)
    with pytest.raises(InvalidBodyError, match=f"{name} is out of range"):
        parse_created(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "payment"},
        {"type": "Gift"},
        {"currency": "pounds"},
        {"issueDate": None},
        {"contactRef": {}},
        {"bankAccountRef": {}},
        {"apAccountRef": {}},
        {"apAccountRef": {"id": "2100"}},
        {"lines": None},
        {"lines": []},
        {"lines": [{}]},
        {"lines": [{"netAmount": 1}] * 101},
        {"lines": [{"netAmount": 1, "accountRef": {}, "itemRef": {}, "taxRateRef": {}, "trackingRefs": [{}]}]},
        {"lines": [{"netAmount": 1, "accountRef": None, "trackingRefs": None}]},
        {"lines": [{"NetAmount": 1, "TrackingRefs": [{"Id": "a", "DataType": "customers"}] * 11}]},
        {"colour": "blue"},
    ],
)
def test_what_codat_may_accept_is_forwarded_as_it_came(fields: dict[str, object]) -> None:
    """Only Codat knows its rules: some of these it accepts, whatever its documentation requires."""
    (body,) = parse_created(_expense_with(**fields))
    assert (body.transaction_id, json.loads(body.text)) == (_ID, _EXPENSE | fields)
    put = json.dumps(_EXPENSE | fields)
    assert parse_put(_ID, put).text == put
    assert parse_stored(Kind.EXPENSE, _ID, put).text == put


_NAMES_IN_PASCAL_CASE = json.dumps(
    {
        "Date": "2026-11-01T00:00:00Z",
        "From": {"AccountRef": {"Id": "a"}, "Amount": 5},
        "To": {"AccountRef": {"Id": "b"}, "Amount": 5.0},
    }
)


def test_names_may_be_in_any_letter_case() -> None:
    """Codat's documentation has a transfer in Pascal case: .NET reads names in any."""
    assert parse_put(_ID, _NAMES_IN_PASCAL_CASE).text == _NAMES_IN_PASCAL_CASE
    for name in ("id", "Id", "ID", "iD"):
        (body,) = parse_created(json.dumps([{name: _ID.upper(), "Type": "payment"}]))
        assert body.transaction_id == _ID
        assert parse_put(_ID, json.dumps({name: _ID.upper()})).transaction_id == _ID


def test_fifty_transactions_are_forwarded_and_no_more() -> None:
    """Codat documents 1 to 50, of each kind."""
    several = [_EXPENSE | {"id": str(UUID(int=number))} for number in range(51)]
    assert len(parse_created(json.dumps(several[:50]))) == 50
    for count in (0, 51):
        with pytest.raises(InvalidBodyError, match="must hold 1 to 50"):
            parse_created(json.dumps(several[:count]))


@pytest.mark.parametrize(
    "value", [None, 1, True, "", " ", "a b", "../up", "a#b", {}, [_ID], "x" * 129, _ID + "\n", "é"]
)
def test_an_id_that_cannot_be_recorded_is_rejected(value: object) -> None:
    """It is a part of keys, and of Codat's URLs."""
    with pytest.raises(InvalidBodyError, match=r"0\.id"):
        parse_created(_expense_with(id=value))


@pytest.mark.parametrize("notation", ["{}", "{{{}}}", "({})", "urn:uuid:{}", "{}-"])
def test_a_guid_has_one_notation(notation: str) -> None:
    """Another may be the same transaction to Codat: it would get a claim of its own, and could be written twice."""
    text = notation.format(_ID.replace("-", ""))
    with pytest.raises(InvalidBodyError):
        parse_created(_expense_with(id=text))
    with pytest.raises(InvalidBodyError):
        parse_put(_ID, json.dumps({"id": text}))
    assert parse_transaction_id(text) is None


def test_ids_of_another_form_are_for_codat_to_decide() -> None:
    """It documents GUIDs, and may accept others."""
    (body,) = parse_created(_expense_with(id="EXP-1"))
    assert body.transaction_id == "EXP-1"


@pytest.mark.parametrize("name", ["Id", "ID", "\u0131d"])
def test_a_name_is_there_once_in_any_letter_case(name: str) -> None:
    """Codat may read the other one."""
    text = json.dumps([{"id": _ID, name: str(UUID(int=1))}])
    with pytest.raises(InvalidBodyError, match="more than once"):
        parse_created(text)


@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "-1e-99999999999999999999", "9" * 5000, "1E9223372036854775808"]
)
@pytest.mark.parametrize("place", ["netAmount", "currencyRate", "somethingNew"])
def test_a_number_that_cannot_be_computed_with_is_rejected_or_kept(place: str, number: str) -> None:
    """Wherever it stands: it is an error of the request, not of the function."""
    text = json.dumps([_EXPENSE | {"lines": [{"netAmount": 1}]} | {place: "NUMBER"}]).replace('"NUMBER"', number)
    if place == "netAmount":
        text = _text(number)
    try:
        (body,) = parse_created(text)
    except InvalidBodyError:
        return
    assert number in body.text


_NAMES = st.text(st.characters(exclude_categories=()))


@given(st.dictionaries(_NAMES, st.integers() | st.floats(allow_nan=False) | _NAMES | st.none()))
def test_any_json_is_accepted_or_rejected_with_printable_issues(fields: dict[str, object]) -> None:
    """Names of fields are quoted in responses and logs, even if they hold lone surrogates."""
    try:
        parse_created(_expense_with(**fields))
    except InvalidBodyError as error:
        str(error).encode()


def test_the_issues_of_a_large_body_are_bounded() -> None:
    """Each names its place: a hundred are enough to see what is wrong."""
    names = {name: number for number in range(200) for name in (f"n{number}", f"N{number}")}
    with pytest.raises(InvalidBodyError) as raised:
        parse_created(_expense_with(**names))
    assert len(raised.value.issues) == 100
