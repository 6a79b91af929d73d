"""Explain why there is nothing to retry."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from codat_sync.retries.not_failed import explain_sync, explain_transaction
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.retry_record import RetryState, Step
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import Sync, SyncStatus

_NOW = datetime(2026, 11, 28, tzinfo=UTC)
_ANNOUNCED = SyncRecord("c", "s", None, Outcome.ANNOUNCED, (), None, 1, None, _NOW, _NOW)


def _record(code: int, *items: Item) -> SyncRecord:
    status = SyncStatus("c", "s", code, None, None, None, _NOW, None)
    return replace(_ANNOUNCED, sync=Sync(status, items))


_BOOKED = Item("t", "expense", "Completed", None)


@pytest.mark.parametrize(
    ("record", "state", "reported", "words"),
    [
        (_ANNOUNCED, RetryState.SCHEDULED, RetryState.NOT_FAILED, "has not been fetched"),
        (_record(1000), RetryState.SCHEDULED, RetryState.NOT_FAILED, "has not ended"),
        (_record(2000, _BOOKED), RetryState.RESOLVED, RetryState.NOT_FAILED, "nothing failed"),
        (_record(4000), RetryState.STOPPED, RetryState.STOPPED, "names no transaction"),
    ],
)
def test_each_sync_without_failed_transactions_has_its_reason(
    record: SyncRecord, state: RetryState, reported: RetryState, words: str
) -> None:
    """Only one that failed as a whole needs manual action."""
    found = explain_sync(record)
    assert (found.state, found.reported_state) == (state, reported)
    assert words in found.message


@pytest.mark.parametrize(
    ("items", "words"),
    [((), "does not contain it"), ((_BOOKED,), "Completed"), ((Item("t", "expense", None, None),), "Unknown")],
)
def test_each_transaction_that_has_not_failed_has_its_reason(items: tuple[Item, ...], words: str) -> None:
    """By what the sync says about it."""
    found = explain_transaction(items)
    assert found.step is Step.NOT_FAILED
    assert words in found.support_note
    assert found.customer_note
