"""What is wrong with a sync, as Codat lists it and as it stands in the table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.timestamps import format_timestamp
from codat_sync.polling.schedule import CheckFailure, PendingCheck
from codat_sync.reconciliation.comparison import (
    DUE_SOON,
    OVERDUE_AFTER,
    WEBHOOK_GRACE_PERIOD,
    Discrepancy,
    KnownSync,
    SyncSummary,
    find_discrepancy,
    latest_sync_time,
)
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus

_NOW = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)
_AT = _NOW - timedelta(hours=3)
_LISTED = SyncStatus("company", "sync", 2000, "Complete", None, None, _AT, data_pushed=True)
_KNOWN = KnownSync("sync", 3, 2000, format_timestamp(_AT), Outcome.SUCCEEDED, None, _AT)
_WAITING = PendingCheck(_AT, 1, _NOW + timedelta(hours=2), None, is_stuck=False, correlation_id="c")


def _waiting(due_at: datetime | None, check_failure: CheckFailure | None = None) -> PendingCheck:
    return replace(_WAITING, due_at=due_at, check_failure=check_failure)


def test_what_is_as_codat_lists_it_is_right() -> None:
    """This holds whether or not another check is scheduled."""
    assert find_discrepancy(_LISTED, _KNOWN, _NOW) is None
    assert find_discrepancy(_LISTED, replace(_KNOWN, pending_check=_WAITING), _NOW) is None


def test_what_has_no_document_is_missing_unless_its_webhook_may_be_on_its_way() -> None:
    """Codat's clock may be ahead; a sync without a time is not waited for."""
    assert find_discrepancy(_LISTED, None, _NOW) is Discrepancy.MISSING
    assert find_discrepancy(replace(_LISTED, synced_at=None), None, _NOW) is Discrepancy.MISSING
    for ago in (WEBHOOK_GRACE_PERIOD - timedelta(seconds=1), timedelta(minutes=-2)):
        assert find_discrepancy(replace(_LISTED, synced_at=_NOW - ago), None, _NOW) is Discrepancy.PENDING
    assert find_discrepancy(replace(_LISTED, synced_at=_NOW - WEBHOOK_GRACE_PERIOD), None, _NOW) is Discrepancy.MISSING


@pytest.mark.parametrize("listed", [replace(_LISTED, code=5130), replace(_LISTED, synced_at=_NOW)])
def test_another_code_or_time_is_stale(listed: SyncStatus) -> None:
    """This applies unless a check is due soon anyway."""
    assert find_discrepancy(listed, _KNOWN, _NOW) is Discrepancy.STALE
    assert (
        find_discrepancy(listed, replace(_KNOWN, pending_check=_waiting(_NOW + DUE_SOON)), _NOW) is Discrepancy.PENDING
    )
    assert (
        find_discrepancy(listed, replace(_KNOWN, pending_check=_waiting(_NOW + DUE_SOON * 2)), _NOW)
        is Discrepancy.STALE
    )
    assert (
        find_discrepancy(listed, replace(_KNOWN, pending_check=_waiting(None, CheckFailure.NOT_FOUND)), _NOW)
        is Discrepancy.STALE
    )


def test_what_was_never_asked_about_is_not_there_though_it_has_a_document() -> None:
    """It is only announced."""
    announced = replace(_KNOWN, code=None, synced_at=None, outcome=Outcome.ANNOUNCED)
    assert (
        find_discrepancy(_LISTED, replace(announced, pending_check=_waiting(_NOW + DUE_SOON)), _NOW)
        is Discrepancy.PENDING
    )
    assert find_discrepancy(_LISTED, replace(announced, pending_check=_waiting(None)), _NOW) is Discrepancy.STALE


def test_a_malformed_sync_counts_as_dead_lettered() -> None:
    """It is not there."""
    pending_check = _waiting(None, CheckFailure.MALFORMED_RESPONSE)
    found = find_discrepancy(replace(_LISTED, code=5130), replace(_KNOWN, pending_check=pending_check), _NOW)
    assert found is Discrepancy.DEAD_LETTERED
    assert found.is_incomplete


@pytest.mark.parametrize("listed", [_LISTED, None])
def test_what_is_due_for_long_is_stuck(listed: SyncStatus | None) -> None:
    """This holds whatever Codat lists: no check happens."""
    assert find_discrepancy(listed, replace(_KNOWN, pending_check=_waiting(_NOW - OVERDUE_AFTER)), _NOW) is None
    late = _waiting(_NOW - OVERDUE_AFTER - timedelta(seconds=1))
    assert find_discrepancy(listed, replace(_KNOWN, pending_check=late), _NOW) is Discrepancy.STUCK


def test_a_submission_that_is_not_listed_had_no_webhook() -> None:
    """This holds for two weeks after the last check."""
    submitted = replace(
        _KNOWN, code=None, outcome=Outcome.SUBMITTED, pending_check=_waiting(None, CheckFailure.NOT_FOUND)
    )
    found = find_discrepancy(None, submitted, _NOW)
    assert found is Discrepancy.NOT_LISTED
    assert found.is_check_needed
    assert not found.is_incomplete
    assert find_discrepancy(None, replace(submitted, pending_check=_waiting(_NOW + DUE_SOON)), _NOW) is None
    assert find_discrepancy(None, replace(submitted, first_seen_at=_NOW - timedelta(days=14)), _NOW) is None
    assert find_discrepancy(None, replace(submitted, outcome=Outcome.ANNOUNCED), _NOW) is None


@pytest.mark.parametrize(
    ("change", "is_settled"),
    [
        ({}, True),
        ({"code": 5130}, False),
        ({"synced_at": None}, False),
        ({"check_failure": "unavailable"}, False),
        ({"outcome": Outcome.IN_PROGRESS}, False),
        ({"outcome": Outcome.SUBMITTED}, False),
    ],
)
def test_only_what_is_settled_need_not_be_read(change: dict[str, object], *, is_settled: bool) -> None:
    """It is as Codat lists it, and waits for nothing."""
    summary = SyncSummary("sync", 2000, format_timestamp(_AT), Outcome.SUCCEEDED, None)
    assert replace(summary, **change).is_settled(_LISTED) is is_settled  # type: ignore[arg-type]
    assert summary.is_settled(None)


def test_the_last_activity_is_that_of_the_last_sync_with_a_time() -> None:
    """If there is any."""
    assert latest_sync_time([replace(_LISTED, synced_at=None), _LISTED]) == _AT
    assert latest_sync_time([replace(_LISTED, synced_at=None)]) is None
