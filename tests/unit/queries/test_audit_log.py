"""Which audit entries a list has, and where it goes on."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.audit_log import AuditLog, AuditQuery
from codat_sync.queries.sync_query import Period

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository

_PERIOD = Period(date(2026, 9, 30), date(2026, 11, 28))
_END = datetime(2026, 11, 28, 23, 59, 59, tzinfo=UTC)


class KnownMonths:
    """The entries of months, read newest first, as many at a time as asked for; it counts the requests."""

    def __init__(self, entries: list[AuditEntry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.position, reverse=True)
        self.requests = 0

    def load_month(self, month: str, after: str | None, limit: int) -> tuple[list[AuditEntry], bool]:
        self.requests += 1
        of_month = [each for each in self._entries if each.position.startswith(month)]
        rest = [each for each in of_month if after is None or each.position < after]
        return rest[:limit], len(rest) > limit


def _log(known: KnownMonths) -> AuditLog:
    return AuditLog(cast("AuditRepository", known))


def _daily(days: int, actor: str = "Ann (1)", action: Action = Action.RETRY) -> list[AuditEntry]:
    return [AuditEntry(_END - timedelta(days=number), actor, action) for number in range(days)]


def test_pages_cross_months_and_end_with_the_period() -> None:
    """Newest first, without repeating or leaving out an entry."""
    entries = _daily(80)
    log, found, cursor = _log(KnownMonths(entries)), [], None
    while True:
        page = log.load_page(AuditQuery(_PERIOD), 7, cursor)
        assert len(page.entries) <= 7
        found += page.entries
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == entries[:60]
    assert page.reached_to is None


def test_only_matching_entries_are_listed() -> None:
    """By action, and by a part of the name or id."""
    entries = [*_daily(3), *_daily(2, "Bob (2)"), *_daily(1, action=Action.DROP)]
    log = _log(KnownMonths(entries))

    def count(query: AuditQuery) -> int:
        return len(log.load_page(query, 50, None).entries)

    assert count(AuditQuery(_PERIOD, actor=" bob ")) == 2
    assert count(AuditQuery(_PERIOD, frozenset({Action.DROP}))) == 1
    assert count(AuditQuery(_PERIOD, frozenset({Action.DROP}), "bob")) == 0
    assert count(AuditQuery(Period(_PERIOD.last, _PERIOD.last))) == 3


def test_a_filter_that_matches_little_stops_and_says_how_far_it_got() -> None:
    """Five requests of 200 entries. Its cursor goes on where it stopped."""
    entries = [AuditEntry(_END - timedelta(minutes=number), "Ann", Action.RETRY) for number in range(1_500)]
    known = KnownMonths([*entries, AuditEntry(_END - timedelta(minutes=1_400, seconds=1), "Bob", Action.NOTE)])
    log, asked = _log(known), AuditQuery(_PERIOD, actor="Bob")
    page = log.load_page(asked, 25, None)
    assert (page.entries, known.requests, page.next_cursor) == ([], 5, entries[999].position)
    assert page.reached_to == entries[999].at.replace(microsecond=0)
    assert [each.actor for each in log.load_page(asked, 25, page.next_cursor).entries] == ["Bob"]
    walk = log.walk(asked, None)
    assert ([each.actor for each in walk.rows()], walk.cursor) == (["Bob"], None)


def test_a_cursor_that_nobody_gave_is_refused() -> None:
    """It would become part of a key."""
    with pytest.raises(InvalidQueryError):
        _log(KnownMonths([])).load_page(AuditQuery(_PERIOD), 5, "made up")


def test_an_export_ends_when_the_time_is_up_and_says_how_far_it_got() -> None:
    """API Gateway ends a request after 30 s, however many entries there are: its cursor goes on there."""
    entries = [AuditEntry(_END - timedelta(minutes=number), "Ann", Action.RETRY) for number in range(1_500)]
    known = KnownMonths(entries)
    ticks = iter(range(0, 1_000, 7))
    log = AuditLog(cast("AuditRepository", known), lambda: float(next(ticks)))
    walk = log.walk(AuditQuery(_PERIOD), None)
    assert (len(list(walk.rows())), walk.cursor) == (400, entries[399].position)
    assert len(list(_log(known).walk(AuditQuery(_PERIOD), walk.cursor).rows())) == 1_100
