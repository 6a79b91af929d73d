"""What is wrong with a sync, as Codat lists it and as it stands in the table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.timestamps import format_instant
from codat_sync.polling.schedule import Trouble, Waiting
from codat_sync.reconciliation.comparison import OVERDUE, SOON, YOUNG, Glimpse, Known, Why, judge, latest
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus

_NOW = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)
_AT = _NOW - timedelta(hours=3)
_LISTED = SyncStatus("company", "sync", 2000, "Complete", None, None, _AT, data_pushed=True)
_KNOWN = Known("sync", 3, 2000, format_instant(_AT), Outcome.SUCCEEDED, None, _AT)
_WAITING = Waiting(_AT, 1, _NOW + timedelta(hours=2), None, is_stuck=False, correlation_id="c")


def _waiting(due_at: datetime | None, trouble: Trouble | None = None) -> Waiting:
    return replace(_WAITING, due_at=due_at, trouble=trouble)


def test_what_is_as_codat_lists_it_is_right() -> None:
    """This holds whether or not another check is scheduled."""
    assert judge(_LISTED, _KNOWN, _NOW) is None
    assert judge(_LISTED, replace(_KNOWN, waiting=_WAITING), _NOW) is None


def test_what_has_no_document_is_missing_unless_its_webhook_may_be_on_its_way() -> None:
    """Codat's clock may be ahead; a sync without a time is not waited for."""
    assert judge(_LISTED, None, _NOW) is Why.MISSING
    assert judge(replace(_LISTED, synced_at=None), None, _NOW) is Why.MISSING
    for ago in (YOUNG - timedelta(seconds=1), timedelta(minutes=-2)):
        assert judge(replace(_LISTED, synced_at=_NOW - ago), None, _NOW) is Why.EXPECTED
    assert judge(replace(_LISTED, synced_at=_NOW - YOUNG), None, _NOW) is Why.MISSING


@pytest.mark.parametrize("listed", [replace(_LISTED, code=5130), replace(_LISTED, synced_at=_NOW)])
def test_another_code_or_time_is_stale(listed: SyncStatus) -> None:
    """This applies unless a check is due soon anyway."""
    assert judge(listed, _KNOWN, _NOW) is Why.STALE
    assert judge(listed, replace(_KNOWN, waiting=_waiting(_NOW + SOON)), _NOW) is Why.EXPECTED
    assert judge(listed, replace(_KNOWN, waiting=_waiting(_NOW + SOON * 2)), _NOW) is Why.STALE
    assert judge(listed, replace(_KNOWN, waiting=_waiting(None, Trouble.NOT_FOUND)), _NOW) is Why.STALE


def test_what_was_never_asked_about_is_not_there_though_it_has_a_document() -> None:
    """It is only announced."""
    announced = replace(_KNOWN, code=None, synced_at=None, outcome=Outcome.ANNOUNCED)
    assert judge(_LISTED, replace(announced, waiting=_waiting(_NOW + SOON)), _NOW) is Why.EXPECTED
    assert judge(_LISTED, replace(announced, waiting=_waiting(None)), _NOW) is Why.STALE


def test_a_malformed_sync_counts_as_dead_lettered() -> None:
    """It is not there."""
    waiting = _waiting(None, Trouble.MALFORMED)
    found = judge(replace(_LISTED, code=5130), replace(_KNOWN, waiting=waiting), _NOW)
    assert found is Why.SET_ASIDE
    assert found.is_incomplete


@pytest.mark.parametrize("listed", [_LISTED, None])
def test_what_is_due_for_long_is_stuck(listed: SyncStatus | None) -> None:
    """This holds whatever Codat lists: no check happens."""
    assert judge(listed, replace(_KNOWN, waiting=_waiting(_NOW - OVERDUE)), _NOW) is None
    late = _waiting(_NOW - OVERDUE - timedelta(seconds=1))
    assert judge(listed, replace(_KNOWN, waiting=late), _NOW) is Why.STUCK


def test_a_submission_that_is_not_listed_had_no_webhook() -> None:
    """This holds for two weeks after the last check."""
    submitted = replace(_KNOWN, code=None, outcome=Outcome.SUBMITTED, waiting=_waiting(None, Trouble.NOT_FOUND))
    found = judge(None, submitted, _NOW)
    assert found is Why.UNHEARD
    assert found.is_to_be_asked
    assert not found.is_incomplete
    assert judge(None, replace(submitted, waiting=_waiting(_NOW + SOON)), _NOW) is None
    assert judge(None, replace(submitted, first_seen_at=_NOW - timedelta(days=14)), _NOW) is None
    assert judge(None, replace(submitted, outcome=Outcome.ANNOUNCED), _NOW) is None


@pytest.mark.parametrize(
    ("change", "is_settled"),
    [
        ({}, True),
        ({"code": 5130}, False),
        ({"synced_at": None}, False),
        ({"trouble": "unavailable"}, False),
        ({"outcome": Outcome.IN_PROGRESS}, False),
        ({"outcome": Outcome.SUBMITTED}, False),
    ],
)
def test_only_what_is_settled_need_not_be_read(change: dict[str, object], *, is_settled: bool) -> None:
    """It is as Codat lists it, and waits for nothing."""
    glimpse = Glimpse("sync", 2000, format_instant(_AT), Outcome.SUCCEEDED, None)
    assert replace(glimpse, **change).is_settled(_LISTED) is is_settled  # type: ignore[arg-type]
    assert glimpse.is_settled(None)


def test_the_last_activity_is_that_of_the_last_sync_with_a_time() -> None:
    """If there is any."""
    assert latest([replace(_LISTED, synced_at=None), _LISTED]) == _AT
    assert latest([replace(_LISTED, synced_at=None)]) is None
