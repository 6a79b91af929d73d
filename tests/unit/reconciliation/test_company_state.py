"""What may be claimed of a company after a comparison, and when it is compared next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.reconciliation.company_state import (
    LEASE,
    MAX_UNRESOLVED,
    REQUEUE_AFTER,
    Cadence,
    Reconciliation,
    UnresolvedSync,
)
from codat_sync.reconciliation.comparison import Discrepancy
from codat_sync.reconciliation.repository import Due, read, write
from codat_sync.reconciliation.run import prioritize

_NOW = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)
_NEW = Reconciliation("company")


def _compared(known: Reconciliation, at: datetime, findings: dict[str, Discrepancy]) -> Reconciliation:
    return known.after(at, 10, known.found(findings, at), at)


def test_a_comparison_that_finds_nothing_is_complete_as_of_when_codat_was_asked() -> None:
    """By our clock."""
    assert _compared(_NEW, _NOW, {}).complete_as_of == _NOW


def test_the_first_comparison_claims_nothing_while_something_is_missing() -> None:
    """There was no moment before."""
    after = _compared(_NEW, _NOW, {"a": Discrepancy.MISSING})
    assert (after.complete_as_of, after.is_complete) == (None, False)


def test_what_is_not_listed_by_codat_holds_nothing_back() -> None:
    """All that Codat listed is there."""
    after = _compared(_NEW, _NOW, {"a": Discrepancy.NOT_LISTED})
    assert (after.complete_as_of, after.is_complete) == (_NOW, True)


def _came(missing: Sequence[set[int]], sync: int) -> bool:
    return any(sync not in each for each in missing)


@given(st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=12))
def test_a_claim_is_true_and_never_taken_back(stalled_runs: Sequence[set[int]]) -> None:
    """All that was missing at the moment claimed has been found there since; and the moment only moves on."""
    known, times = _NEW, [_NOW + timedelta(hours=number) for number in range(len(stalled_runs))]
    claims: list[datetime] = []
    for number, missing in enumerate(stalled_runs):
        known = _compared(known, times[number], {str(each): Discrepancy.MISSING for each in missing})
        known = read("company", write(known, is_quiet=False))  # as it is kept in between
        claim = known.complete_as_of
        if claim is None:
            assert not claims
            continue
        claims.append(claim)
        then = times.index(claim)
        assert all(_came(stalled_runs[then : number + 1], sync) for sync in stalled_runs[then])
    assert claims == sorted(claims)


@given(st.lists(st.sets(st.integers(0, MAX_UNRESOLVED + 3), min_size=MAX_UNRESOLVED - 2), min_size=2, max_size=4))
def test_a_claim_is_true_although_not_all_syncs_can_be_tracked(stalled_runs: Sequence[set[int]]) -> None:
    """What was left out may be any of them."""
    known, times = (
        _compared(_NEW, _NOW, {}),
        [_NOW + timedelta(hours=number + 1) for number in range(len(stalled_runs))],
    )
    for number, missing in enumerate(stalled_runs):
        known = _compared(known, times[number], {f"{each:04}": Discrepancy.MISSING for each in missing})
        assert len(known.unresolved) <= MAX_UNRESOLVED
        assert len(known.unresolved) + known.omitted == len(missing)
        claim = known.complete_as_of
        assert claim
        then = times.index(claim) if claim in times else number + 1
        assert all(
            _came(stalled_runs[then : number + 1], sync) for sync in (stalled_runs[then] if then <= number else ())
        )


def test_what_was_left_out_was_missing_before() -> None:
    """Nobody knows which syncs those were: what is found next may be one of them, and is not new."""
    first, second, third = (_NOW + timedelta(hours=number) for number in range(3))
    known = _compared(_NEW, first, {})
    known = _compared(known, second, {f"{number:04}": Discrepancy.MISSING for number in range(MAX_UNRESOLVED + 1)})
    assert (known.omitted, known.complete_as_of) == (1, first)
    omitted = {f"{MAX_UNRESOLVED:04}": Discrepancy.MISSING}
    assert not known.is_new(f"{MAX_UNRESOLVED:04}")
    known = _compared(known, third, omitted)
    assert (known.omitted, known.complete_as_of) == (0, first)
    assert _compared(known, third, {}).complete_as_of == third


def test_what_was_enqueued_is_enqueued_again_after_an_hour() -> None:
    """A submission without a webhook counts after a day."""
    found = UnresolvedSync(Discrepancy.MISSING, None, None)
    assert found.is_enqueue_due(_NOW)
    enqueued = replace(found, enqueued_at=_NOW)
    assert not enqueued.is_enqueue_due(_NOW + REQUEUE_AFTER - timedelta(seconds=1))
    assert enqueued.is_enqueue_due(_NOW + REQUEUE_AFTER)
    assert not replace(enqueued, why=Discrepancy.NOT_LISTED).is_enqueue_due(_NOW + timedelta(hours=23))


@pytest.mark.parametrize("before", [None, Discrepancy.MISSING])
def test_a_dead_lettered_sync_is_checked_again_when_its_dead_letter_is_gone(before: Discrepancy | None) -> None:
    """Not sooner, as that would add a dead letter; whatever became of it, the sync stays tracked."""
    known = _compared(_NEW, _NOW, {"a": before} if before else {})
    for days, is_due in ((0, False), (13, False), (14, True)):
        known = _compared(known, _NOW + timedelta(days=days), {"a": Discrepancy.DEAD_LETTERED})
        assert known.unresolved["a"].is_enqueue_due(_NOW + timedelta(days=days)) is is_due


_CALM = replace(_compared(_NEW, _NOW, {}), latest_at=_NOW - timedelta(days=30))


@pytest.mark.parametrize(
    ("known", "has_open", "minutes"),
    [
        (_CALM, False, 360),
        (_CALM, True, 30),
        (replace(_CALM, latest_at=None), False, 360),
        (replace(_CALM, latest_at=_NOW - timedelta(hours=23)), False, 30),
        (replace(_CALM, latest_at=_NOW - timedelta(days=6)), False, 120),
        (_compared(_CALM, _NOW, {"a": Discrepancy.MISSING}), False, 5),
        (replace(_compared(_CALM, _NOW, {"a": Discrepancy.MISSING}), stalled_runs=3), False, 40),
        (replace(_compared(_CALM, _NOW, {"a": Discrepancy.MISSING}), stalled_runs=999), False, 360),
    ],
)
def test_need_decides_when_a_company_is_compared_next(known: Reconciliation, minutes: int, *, has_open: bool) -> None:
    """What is missing is confirmed soon; then what is open or recent; then the rest."""
    assert Cadence().next_at(known, _NOW, has_open=has_open) == _NOW + timedelta(minutes=minutes)


def test_nothing_is_due_sooner_than_a_lease_ends() -> None:
    """Or who reads the index in order could miss it."""
    hasty = Cadence(timedelta(minutes=1), timedelta(minutes=1))
    for known in (_CALM, _compared(_CALM, _NOW, {"a": Discrepancy.MISSING})):
        assert hasty.next_at(known, _NOW, has_open=True) == _NOW + LEASE


def test_runs_without_progress_are_counted() -> None:
    """Until something comes, or something else is found."""
    known = _compared(_CALM, _NOW, {"a": Discrepancy.DEAD_LETTERED})
    for number in range(1, 4):
        known = _compared(known, _NOW, {"a": Discrepancy.DEAD_LETTERED})
        assert known.stalled_runs == number
    assert _compared(known, _NOW, {"b": Discrepancy.MISSING}).stalled_runs == 0


def test_the_most_urgent_company_is_first_and_none_starves() -> None:
    """A quiet company after three of the others."""
    due = [Due(f"quiet-{n}", "", is_quiet=True) for n in range(3)] + [
        Due(f"busy-{n}", "", is_quiet=False) for n in "abcde"
    ]
    assert [each.company_id.removeprefix("busy-") for each in prioritize(due)] == [
        *("a", "b", "c", "quiet-0", "d", "e", "quiet-1", "quiet-2"),
    ]
