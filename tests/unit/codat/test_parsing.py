"""Responses of which a part is damaged."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from codat_sync.codat.parsing import ResponseParser
from codat_sync.core.errors import CodatMalformedResponseError, CodatUnavailableError


class Row(TypedDict, total=False):
    """An entry whose fields are optional."""

    name: str | None


class Numbered(BaseModel):
    """An entry with a required number."""

    number: Annotated[int, Field(lt=1000)]
    name: str | None = None


class Page(TypedDict):
    """A page of rows."""

    results: list[Row]
    totalResults: int


_PAGE = ResponseParser(TypeAdapter(Page), TypeAdapter(Row), keep_invalid=True)
_NUMBERED = ResponseParser(TypeAdapter(list[Numbered]), TypeAdapter(Numbered))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"results": [', b"\x00", b"[" * 100_000, b"soon"])
def test_a_body_that_is_not_json_is_an_outage(content: bytes) -> None:
    """A proxy's page during maintenance, or a response that was cut."""
    with pytest.raises(CodatUnavailableError, match="GET /x: the response is not JSON"):
        _PAGE.parse(content, "GET /x")


@pytest.mark.parametrize("content", [b"null", b"[]", b"{}", b'{"results": {}, "totalResults": 1}', b'{"results": []}'])
def test_json_of_another_shape_is_malformed(content: bytes) -> None:
    """It would be the same a minute later."""
    with pytest.raises(CodatMalformedResponseError):
        _PAGE.parse(content, "GET /x")


@pytest.mark.parametrize(
    ("damaged", "repaired"),
    [
        (rb'{"name": "cut \ud83d"}', {"name": "cut \ufffd"}),
        (b'{"name": "cut \xf0\x9f"}', {"name": "cut \ufffd"}),
        (b'{"name": 5}', {"name": None}),
        (b'{"name": ["a", "b"]}', {"name": None}),
        (b'{"name": "as it is", "more": [1]}', {"name": "as it is", "more": [1]}),
        (b'"not an object"', {}),
        (b"null", {}),
    ],
)
def test_a_damaged_row_keeps_its_place_and_its_neighbours(damaged: bytes, repaired: dict[str, Any]) -> None:
    """Rows are counted: one that is left out would look like a response that is not complete."""
    page = _PAGE.parse(b'{"results": [{"name": "a"}, %b, {"name": "c"}], "totalResults": 3}' % damaged, "GET /x")
    assert [page["results"][0], page["results"][2]] == [{"name": "a"}, {"name": "c"}]
    assert page["results"][1] == {name: value for name, value in repaired.items() if name == "name"}


@given(st.lists(_JSON))
def test_valid_entries_survive_any_neighbours(neighbours: list[object]) -> None:
    """Whatever stands before and after them."""
    entries = [{"number": 1}, *neighbours, {"number": 2}]
    numbers = [each.number for each in _NUMBERED.parse(json.dumps(entries).encode(), "GET /x")]
    assert (numbers[0], numbers[-1]) == (1, 2)


def test_what_is_left_out_is_counted_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Without quoting it."""
    entries = b'[{"number": 1}, {"number": 10000000000000000000000000000000000000000}, {"name": "secret"}]'
    assert [each.number for each in _NUMBERED.parse(entries, "GET /x")] == [1]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ResponseEntriesInvalid"] for line in lines if "ResponseEntriesInvalid" in line] == [[2]]
    assert "secret" not in str(lines)
