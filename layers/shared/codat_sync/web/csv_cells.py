"""Write values into the cells of a CSV file: for programs as the JSON API has them, or for people.

A file for people has a byte order mark, so that Excel reads it as UTF-8, a title for each column, times as spreadsheets
know them (in UTC, as the titles say), and words instead of codes.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel

from codat_sync.audit.entry import Action
from codat_sync.companies.company import ConnectionState
from codat_sync.polling.schedule import CheckFailure
from codat_sync.syncs.status_codes import ActionOwner, Outcome
from codat_sync.syncs.work_category import WorkCategory
from codat_sync.web.pages.components import wording

# Values that a spreadsheet would evaluate as formulas: https://owasp.org/www-community/attacks/CSV_Injection
# Also after a semicolon, which some locales use as the separator, and after what an import may strip: see ``_guard``.
_FORMULA = re.compile(r"(^|[;\t\r\n])([^\w;\t\r\n=+\-@\uff1d\uff0b\uff0d\uff20]*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
# Spaces, control and format characters, and marks without a base: invisible characters that may be stripped.
_STRIPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp", "Mn", "Me"})
_BYTE_ORDER_MARK = "\ufeff"
# Excel cuts a longer cell, or spreads it over several rows.
_MAX_CELL_LENGTH = 32_000
# By the type of the value: a name can mean different things.
_WORDS: Mapping[type[StrEnum], Mapping[Any, str]] = {
    Action: wording.AUDIT_ACTIONS,
    ActionOwner: wording.ACTION_OWNERS,
    CheckFailure: wording.CHECK_ERRORS,
    ConnectionState: wording.CONNECTIONS,
    Outcome: wording.OUTCOMES,
    WorkCategory: wording.CATEGORIES,
}
_TITLES = {
    "at": "Time",
    "code": "Status code",
    "companyName": "Company",
    "exampleCompanyName": "Example company",
    "failed": "Failed items",
    "firstSeenAt": "First seen",
    "integrationType": "Type",
    "isStuck": "Stuck",
    "isTruncated": "Incomplete",
    "lastSyncAt": "Latest sync",
    "checkFailure": "Last check",
    "comparedAt": "Compared with Codat",
    "syncedAt": "Codat's time",
    "text": "Cause",
    "transactions": "Items",
}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Style(StrEnum):
    """Who a CSV file is for."""

    PROGRAMS = "programs"
    PEOPLE = "people"

    @property
    def mark(self) -> str:
        """What the file begins with."""
        return _BYTE_ORDER_MARK if self is Style.PEOPLE else ""


def write_header(columns: Sequence[str], model: type[BaseModel] | None, style: Style) -> str:
    """Write the line of the columns' names, or titles. Those of times state the time zone."""
    if style is Style.PROGRAMS:
        return _write(columns)
    times = _time_fields(model) if model else set()
    return _write([_title(column) + (" (UTC)" if column in times else "") for column in columns])


def write_line(columns: Sequence[str], values: Mapping[str, object], style: Style) -> str:
    """Write the line of a row's ``values``, by column."""
    write = _write_for_people if style is Style.PEOPLE else _guard
    return _write([write(values.get(column)) for column in columns])


def read_values(model: BaseModel, style: Style) -> dict[str, object]:
    """Return the values of a row by column. Amounts stay numbers in either style."""
    values = model.model_dump(by_alias=True)
    if style is Style.PEOPLE:
        return values
    written = model.model_dump(mode="json", by_alias=True)
    return {name: value if isinstance(value, Decimal) else written[name] for name, value in values.items()}


def _write(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _write_for_people(value: object) -> object:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case StrEnum():
            return _WORDS.get(type(value), {}).get(value, value.value)
        case str():
            return _guard(value if len(value) <= _MAX_CELL_LENGTH else f"{value[:_MAX_CELL_LENGTH]}…")
    return _guard(value)


def _guard(value: object) -> object:
    """Return text that no spreadsheet evaluates, with an apostrophe before what would begin a formula.

    An import may strip what precedes it: spaces, and invisible characters such as U+200B, U+FEFF and NUL.
    """
    match value:
        case dict():
            return _guard("; ".join(f"{name}: {text}" for name, text in value.items()))
        case Decimal():
            return f"{value:f}"  # without an exponent; a negative number is not a formula
        case str():
            return _FORMULA.sub(_insert_apostrophe, value)
    return value


def _insert_apostrophe(found: re.Match[str]) -> str:
    before, between, first = found.groups()
    is_first = all(unicodedata.category(each) in _STRIPPED for each in between)
    return f"{before}{between}'{first}" if is_first else found[0]


def _title(column: str) -> str:
    return _TITLES.get(column) or _CAPITAL.sub(" ", column).capitalize()


def _time_fields(model: type[BaseModel]) -> set[str]:
    """Return the names of the columns that are times."""
    return {
        field.alias or name
        for name, field in model.model_fields.items()
        if datetime in {field.annotation, *get_args(field.annotation)}
    }
