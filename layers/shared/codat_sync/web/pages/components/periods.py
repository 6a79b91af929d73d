"""The periods that pages offer."""

from dataclasses import dataclass
from datetime import date, timedelta

from codat_sync.queries.sync_query import MAX_DAYS, Period

_OFFERED = (("7 days", 7), ("30 days", 30), ("3 months", MAX_DAYS))


@dataclass(frozen=True, slots=True)
class Offered:
    """A period to choose. ``first`` is None for the one that is shown if none is chosen."""

    title: str
    first: date | None
    is_chosen: bool


def offered(asked: Period, today: date) -> list[Offered]:
    """Return the periods up to ``today`` that can be chosen with a click, and which of them ``asked`` is."""
    usual = 30
    found = []
    for title, days in _OFFERED:
        first = today - timedelta(days=days - 1)
        found.append(Offered(title, None if days == usual else first, asked == Period(first, today)))
    return found
