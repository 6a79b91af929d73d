"""Cells of CSV files that no spreadsheet evaluates or misreads."""

import csv
import io
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import BaseModel

from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.csv_cells import Style, read_values, write_header, write_line


class _Row(BaseModel):
    at: datetime | None
    companyName: str | None  # noqa: N815 - the API's name
    amount: Decimal
    isStuck: bool  # noqa: N815 - the same
    outcome: Outcome


_COLUMNS = tuple(_Row.model_fields)
_AT = datetime(2026, 11, 28, 1, 30, tzinfo=timezone(timedelta(hours=2)))


def _cells(row: _Row, style: Style) -> list[str]:
    text = write_line(_COLUMNS, read_values(row, style), style)
    return next(csv.reader(io.StringIO(text)))


def _cell(text: str, style: Style) -> str:
    return next(csv.reader(io.StringIO(write_line(["cell"], {"cell": text}, style), newline="")))[0]


def test_a_line_for_people_has_words_and_utc() -> None:
    """A line for programs is as the JSON API has it. Amounts are plain numbers in both."""
    row = _Row(at=_AT, companyName=None, amount=Decimal("-1.20E+3"), isStuck=True, outcome=Outcome.IN_PROGRESS)
    assert _cells(row, Style.PEOPLE) == ["2026-11-27 23:30:00", "", "-1200", "yes", "In progress"]
    assert _cells(row, Style.PROGRAMS) == ["2026-11-28T01:30:00+02:00", "", "-1200", "True", "inProgress"]


def test_the_titles_of_times_state_the_time_zone() -> None:
    """Programs get the names of the API's fields."""
    assert write_header(_COLUMNS, _Row, Style.PEOPLE) == "Time (UTC),Company,Amount,Stuck,Outcome\r\n"
    assert write_header(_COLUMNS, _Row, Style.PROGRAMS) == "at,companyName,amount,isStuck,outcome\r\n"


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(
    "before", ["", " ", "\t", "\u00a0", "\u200b", "\ufeff", "\x00", "\u202e\u2060", "\u00ad", "\u034f"]
)
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\uff1d"])
def test_what_a_spreadsheet_would_evaluate_gets_an_apostrophe(style: Style, before: str, first: str) -> None:
    """Also behind what an import may strip, and after a character that some read as a separator."""
    assert _cell(f"{before}{first}1", style) == f"{before}'{first}1"
    assert _cell(f"a;{before}{first}1", style) == f"a;{before}'{first}1"


@pytest.mark.parametrize("text", ["", "a=b", "a - b", "(-1)", "Bäckerei", "\u200bname", "'=1", "#=1"])
def test_what_is_no_formula_stays(text: str) -> None:
    """Nothing is added where nothing would be evaluated."""
    assert _cell(text, Style.PEOPLE) == text


def test_a_cell_for_people_is_no_longer_than_excel_allows() -> None:
    """Excel cuts a cell at 32,767 characters; programs get all."""
    assert len(_cell("x" * 50_000, Style.PEOPLE)) == 32_001
    assert len(_cell("x" * 50_000, Style.PROGRAMS)) == 50_000
