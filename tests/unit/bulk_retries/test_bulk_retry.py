"""The state and the progress of a bulk retry follow from its entries."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from codat_sync.bulk_retries.bulk_retry import (
    BulkRetry,
    BulkRetryState,
    Entry,
    EntryState,
    FailureFilter,
    filter_of,
    progress,
    skip,
)

_NOW = datetime(2026, 11, 3, tzinfo=UTC)
_CHOSEN = FailureFilter(date(2026, 11, 1), date(2026, 11, 3), "c", frozenset({5130}), "cause")
_RUNNING = BulkRetry("b", _CHOSEN, "Ann", _NOW)
_SELECTED = replace(_RUNNING, is_selected=True)
_STOPPED = replace(_SELECTED, stopped_by="Bob", stopped_at=_NOW)
_WAITING = Entry("c", "s")
_RETRIED = Entry("c", "s", EntryState.RETRIED)


@pytest.mark.parametrize(
    ("bulk_retry", "entries", "state"),
    [
        (_RUNNING, [], BulkRetryState.RUNNING),
        (_RUNNING, [_RETRIED], BulkRetryState.RUNNING),
        (_SELECTED, [_RETRIED, _WAITING], BulkRetryState.RUNNING),
        (_SELECTED, [], BulkRetryState.FINISHED),
        (_SELECTED, [_RETRIED, replace(_WAITING, state=EntryState.FAILED)], BulkRetryState.FINISHED),
        (_STOPPED, [_RETRIED, _WAITING], BulkRetryState.STOPPED),
        (_STOPPED, [_RETRIED, skip(_WAITING)], BulkRetryState.STOPPED),
        (replace(_RUNNING, stopped_at=_NOW), [_RETRIED], BulkRetryState.STOPPED),
        # It was stopped too late.
        (_STOPPED, [_RETRIED], BulkRetryState.FINISHED),
    ],
)
def test_the_state_follows_from_the_entries(bulk_retry: BulkRetry, entries: list[Entry], state: BulkRetryState) -> None:
    """It is finished once all its syncs are known and none is left out."""
    assert progress(bulk_retry, entries).state is state


def test_what_became_of_transactions_is_added_up() -> None:
    """Over all syncs, by next step."""
    entries = [
        replace(_RETRIED, resubmitted=2, steps={"scheduled": 1}),
        replace(_RETRIED, resubmitted=1, steps={"scheduled": 2, "needsBilling": 1}),
        _WAITING,
    ]
    found = progress(_SELECTED, entries)
    assert (found.syncs, found.settled, found.resubmitted) == (3, 2, 3)
    assert found.steps == {"scheduled": 3, "needsBilling": 1}


def test_a_filter_and_its_query_are_the_same() -> None:
    """The plan, the list and the run select the same items."""
    assert filter_of(_CHOSEN.query) == _CHOSEN
