"""Preset periods offered on pages."""

from dataclasses import dataclass
from datetime import date, timedelta

from codat_sync.queries.sync_query import MAX_DAYS, Period

_OFFERED = (("7 days", 7), ("30 days", 30), ("3 months", MAX_DAYS))
RECENT = (("Today", 1), ("Since yesterday", 2))


@dataclass(frozen=True, slots=True)
class Offered:
    """A preset period. ``first`` is None for the default; ``last`` is None for today."""

    title: str
    first: date | None
    last: date | None
    is_chosen: bool


def offered(asked: Period, today: date, recent: tuple[tuple[str, int], ...] = ()) -> list[Offered]:
    """Return the preset periods ending ``today``, after shorter ones, and the last month. One may equal ``asked``."""
    default = 30
    found = []
    for title, days in (*recent, *_OFFERED):
        first = today - timedelta(days=days - 1)
        found.append(Offered(title, None if days == default else first, None, asked == Period(first, today)))
    end = today.replace(day=1) - timedelta(days=1)
    start = end.replace(day=1)
    return [*found, Offered("Last month", start, end, asked == Period(start, end))]
