"""Status codes, and how a sync stands."""

import pytest

from codat_sync.syncs.items import Item
from codat_sync.syncs.status_codes import STATUS_CODES, ActionOwner, Outcome, status_code
from codat_sync.syncs.sync import Sync, SyncStatus


def _sync(code: int, *statuses: str | None) -> Sync:
    status = SyncStatus("c", "s", code, None, None, None, None, None)
    return Sync(status, tuple(Item(f"t{n}", "expense", item, None) for n, item in enumerate(statuses)))


def test_all_of_codats_codes_are_known() -> None:
    """The twelve documented codes each have a note for the customer."""
    assert set(STATUS_CODES) == {1000, 1010, 2000, 2040, 4000, 4040, 4220, 4260, 5000, 5080, 5120, 5130}
    assert all(known.customer_note and known.next_step and known.meaning for known in STATUS_CODES.values())


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (1000, Outcome.IN_PROGRESS),
        (1010, Outcome.IN_PROGRESS),
        (2000, Outcome.SUCCEEDED),
        (2040, Outcome.SUCCEEDED),
        (4000, Outcome.FAILED),
        (5080, Outcome.FAILED),
        (9999, Outcome.UNKNOWN),
    ],
)
def test_a_sync_stands_as_its_code_says(code: int, outcome: Outcome) -> None:
    """While none of its items failed."""
    assert _sync(code, "Completed", "Completed").outcome is outcome


@pytest.mark.parametrize("status", ["PushError", "ValidationError", "Failed"])
def test_one_failed_item_makes_a_sync_failed(status: str) -> None:
    """Whatever the others did, and whatever its code says."""
    sync = _sync(2000, "Completed", status, "Completed")
    assert (sync.outcome, sync.failed_items) == (Outcome.FAILED, 1)


def test_an_unknown_code_needs_an_operator() -> None:
    """Codat may add some."""
    unknown = status_code(6100)
    assert (unknown.code, unknown.action_owner, "6100" in unknown.meaning) == (6100, ActionOwner.OUR_TEAM, True)


def test_a_digest_reveals_changes_at_codat() -> None:
    """The order of the rows is nothing new; everything else is."""
    base = _sync(5130, "Completed", "PushError")
    assert Sync(base.status, base.items[::-1]).digest == base.digest
    for other in (_sync(5120, "Completed", "PushError"), _sync(5130, "Completed", "Completed"), _sync(5130)):
        assert other.digest != base.digest
