"""The periods that pages offer."""

from datetime import date

import pytest

from codat_sync.queries.sync_query import Period
from codat_sync.web.pages.components.periods import RECENT, offered


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 3, 31), date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 1, 1), date(2025, 12, 1), date(2025, 12, 31)),
        (date(2028, 3, 1), date(2028, 2, 1), date(2028, 2, 29)),
    ],
)
def test_the_last_month_is_a_whole_calendar_month(today: date, first: date, last: date) -> None:
    """As customers and bookkeepers mean it."""
    month = offered(Period(first, last), today)[-1]
    assert (month.title, month.first, month.last, month.is_chosen) == ("Last month", first, last, True)


def test_one_period_is_marked_and_the_default_has_no_beginning() -> None:
    """So its URL stays the same every day."""
    today = date(2026, 11, 28)
    found = offered(Period(date(2026, 10, 30), today), today, RECENT)
    assert [each.title for each in found if each.is_chosen] == ["30 days"]
    assert [each.title for each in found if each.first is None] == ["30 days"]
    assert [each.title for each in found] == ["Today", "Since yesterday", "7 days", "30 days", "3 months", "Last month"]
