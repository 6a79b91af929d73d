"""How our log lines about a sync are found."""

from dataclasses import replace
from datetime import UTC, datetime

from codat_sync.queries.support_bundle import find_log_lines
from codat_sync.queries.sync_details import SyncDetails
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.status_codes import Outcome
from codat_sync.webhooks.processed_events import ProcessedEvent

_AT = datetime(2026, 11, 28, tzinfo=UTC)
_LISTED = ListedSync("c", "s", "2026-11-28", Outcome.FAILED, 5130, _AT, _AT, 1, 1, None, is_stuck=False)
_DETAILS = SyncDetails(_LISTED, None, {}, 1, None, None, (), None, None, [], None, has_more_events=False)


def _event(correlation_id: str | None) -> ProcessedEvent:
    return ProcessedEvent("msg", "expenses.sync", _AT, _AT, _AT, correlation_id)


def test_the_query_finds_lines_by_the_sync_and_by_the_requests_of_its_events() -> None:
    """Newest first, each once."""
    logs = find_log_lines(replace(_DETAILS, events=[_event("a="), _event("b="), _event("a="), _event(None)]))
    assert logs.mentions == ("s", "a=", "b=")
    assert logs.query.startswith('filter @message like "s" or @message like "a=" or @message like "b=" | sort')


def test_the_query_is_bounded_and_holds_only_ids() -> None:
    """Whatever an event had as its correlation id."""
    events = [_event(f"id{number}") for number in range(100)]
    assert len(find_log_lines(replace(_DETAILS, events=events)).mentions) == 21
    assert find_log_lines(replace(_DETAILS, events=[_event('" or "')])).mentions == ("s",)
