"""The outcome of a sync, and what is published about it."""

import pytest

from codat_sync.syncs.items import Item
from codat_sync.syncs.status_codes import ActionOwner, Outcome, explain
from codat_sync.syncs.sync import Sync, SyncStatus


def _sync(code: int, *statuses: str | None, submitted_ids: tuple[str, ...] = ()) -> Sync:
    status = SyncStatus("c", "s", code, None, None, None, None, None)
    items = (Item(f"t{n}", "expense", each, None) for n, each in enumerate(statuses))
    return Sync(status, tuple(items), submitted_ids)


@pytest.mark.parametrize("code", [2000, 2040])
@pytest.mark.parametrize("status", ["Unknown", None, "", "completed", "Skipped"])
def test_success_means_known_to_be_written(code: int, status: str | None) -> None:
    """Every other status is an outcome that is not known; an operator has to act."""
    sync = _sync(code, "Completed", status)
    assert (sync.outcome, sync.has_succeeded, sync.is_unclear, sync.is_final) == (Outcome.UNKNOWN, False, True, True)
    meaning = explain(code, sync.outcome)
    assert (meaning.code, meaning.action_owner) == (code, ActionOwner.OUR_TEAM)
    assert "are in your accounting software" not in meaning.customer_note


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (("Completed", "Completed"), Outcome.SUCCEEDED),
        ((), Outcome.SUCCEEDED),
        (("Completed", "Pending"), Outcome.IN_PROGRESS),
        (("Unknown", "Pending"), Outcome.IN_PROGRESS),
        (("Unknown", "PushError"), Outcome.FAILED),
    ],
)
def test_the_items_decide_on_a_code_of_success(statuses: tuple[str, ...], outcome: Outcome) -> None:
    """A sync without transactions had nothing to write."""
    for code in (2000, 2040):
        sync = _sync(code, *statuses)
        assert (sync.outcome, sync.is_unclear) == (outcome, False)
        assert explain(code, outcome).outcome is outcome


def test_a_submitted_transaction_has_to_be_listed() -> None:
    """What Codat does not list is not known to be written. Its digest differs."""
    complete = _sync(2000, "Completed", "Completed", submitted_ids=("t0", "t1"))
    partial = _sync(2000, "Completed", "Completed", submitted_ids=("t0", "t1", "t2"))
    assert (complete.outcome, partial.outcome) == (Outcome.SUCCEEDED, Outcome.UNKNOWN)
    assert complete.digest == _sync(2000, "Completed", "Completed").digest != partial.digest
    assert _sync(5000, submitted_ids=("t0",)).digest == _sync(5000).digest
