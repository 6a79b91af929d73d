"""Preset periods offered on pages."""

from dataclasses import dataclass
from datetime import date, timedelta

from codat_sync.queries.sync_query import MAX_DAYS, Period

_OFFERED = (("7 days", 7), ("30 days", 30), ("3 months", MAX_DAYS))
RECENT = (("Today", 1), ("Since yesterday", 2))


@dataclass(frozen=True, slots=True)
class Offered:
    """A preset period. ``first`` is None for the default."""

    title: str
    first: date | None
    is_chosen: bool


def offered(asked: Period, today: date, recent: tuple[tuple[str, int], ...] = ()) -> list[Offered]:
    """Return the preset periods ending ``today``, after shorter ones, marking the one that equals ``asked``."""
    default = 30
    found = []
    for title, days in (*recent, *_OFFERED):
        first = today - timedelta(days=days - 1)
        found.append(Offered(title, None if days == default else first, asked == Period(first, today)))
    return found
