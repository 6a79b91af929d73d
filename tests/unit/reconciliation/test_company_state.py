"""What may be claimed of a company after a comparison, and when it is compared next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codat_sync.reconciliation.company_state import LEASE, MOST, REPEATED_AFTER, Cadence, Reconciliation, Unresolved
from codat_sync.reconciliation.comparison import Why
from codat_sync.reconciliation.repository import Due, read, write
from codat_sync.reconciliation.run import by_need

_NOW = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)
_NEW = Reconciliation("company")


def _compared(known: Reconciliation, at: datetime, findings: dict[str, Why]) -> Reconciliation:
    return known.after(at, 10, known.found(findings, at), at)


def test_a_comparison_that_finds_nothing_is_complete_as_of_when_codat_was_asked() -> None:
    """By our clock."""
    assert _compared(_NEW, _NOW, {}).complete_as_of == _NOW


def test_the_first_comparison_claims_nothing_while_something_is_missing() -> None:
    """There was no moment before."""
    after = _compared(_NEW, _NOW, {"a": Why.MISSING})
    assert (after.complete_as_of, after.is_complete) == (None, False)


def test_what_is_not_listed_by_codat_holds_nothing_back() -> None:
    """All that Codat listed is there."""
    after = _compared(_NEW, _NOW, {"a": Why.UNHEARD})
    assert (after.complete_as_of, after.is_complete) == (_NOW, True)


def _came(missing: Sequence[set[int]], sync: int) -> bool:
    return any(sync not in each for each in missing)


@given(st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=12))
def test_a_claim_is_true_and_never_taken_back(rounds: Sequence[set[int]]) -> None:
    """All that was missing at the moment claimed has been found there since; and the moment only moves on."""
    known, times = _NEW, [_NOW + timedelta(hours=number) for number in range(len(rounds))]
    claims: list[datetime] = []
    for number, missing in enumerate(rounds):
        known = _compared(known, times[number], {str(each): Why.MISSING for each in missing})
        known = read("company", write(known, is_quiet=False))  # as it is kept in between
        claim = known.complete_as_of
        if claim is None:
            assert not claims
            continue
        claims.append(claim)
        then = times.index(claim)
        assert all(_came(rounds[then : number + 1], sync) for sync in rounds[then])
    assert claims == sorted(claims)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine it is slow to make so many
@given(st.lists(st.sets(st.integers(0, MOST + 3), min_size=MOST - 2), min_size=2, max_size=4))
def test_a_claim_is_true_although_not_all_syncs_can_be_tracked(rounds: Sequence[set[int]]) -> None:
    """What was left out may be any of them."""
    known, times = _compared(_NEW, _NOW, {}), [_NOW + timedelta(hours=number + 1) for number in range(len(rounds))]
    for number, missing in enumerate(rounds):
        known = _compared(known, times[number], {f"{each:04}": Why.MISSING for each in missing})
        assert len(known.unresolved) <= MOST
        assert len(known.unresolved) + known.left_out == len(missing)
        claim = known.complete_as_of
        assert claim
        then = times.index(claim) if claim in times else number + 1
        assert all(_came(rounds[then : number + 1], sync) for sync in (rounds[then] if then <= number else ()))


def test_what_was_left_out_was_missing_before() -> None:
    """Nobody knows which syncs those were: what is found next may be one of them, and is not new."""
    first, second, third = (_NOW + timedelta(hours=number) for number in range(3))
    known = _compared(_NEW, first, {})
    known = _compared(known, second, {f"{number:04}": Why.MISSING for number in range(MOST + 1)})
    assert (known.left_out, known.complete_as_of) == (1, first)
    left_out = {f"{MOST:04}": Why.MISSING}
    assert not known.is_new(f"{MOST:04}")
    known = _compared(known, third, left_out)
    assert (known.left_out, known.complete_as_of) == (0, first)
    assert _compared(known, third, {}).complete_as_of == third


def test_what_was_enqueued_is_enqueued_again_after_an_hour() -> None:
    """A submission without a webhook counts after a day."""
    found = Unresolved(Why.MISSING, None, None)
    assert found.is_to_be_enqueued(_NOW)
    enqueued = replace(found, enqueued_at=_NOW)
    assert not enqueued.is_to_be_enqueued(_NOW + REPEATED_AFTER - timedelta(seconds=1))
    assert enqueued.is_to_be_enqueued(_NOW + REPEATED_AFTER)
    assert not replace(enqueued, why=Why.UNHEARD).is_to_be_enqueued(_NOW + timedelta(hours=23))


@pytest.mark.parametrize("before", [None, Why.MISSING])
def test_a_dead_lettered_sync_is_checked_again_when_its_dead_letter_is_gone(before: Why | None) -> None:
    """Not sooner, as that would add a dead letter; whatever became of it, the sync stays tracked."""
    known = _compared(_NEW, _NOW, {"a": before} if before else {})
    for days, is_due in ((0, False), (13, False), (14, True)):
        known = _compared(known, _NOW + timedelta(days=days), {"a": Why.SET_ASIDE})
        assert known.unresolved["a"].is_to_be_enqueued(_NOW + timedelta(days=days)) is is_due


_CALM = replace(_compared(_NEW, _NOW, {}), latest_at=_NOW - timedelta(days=30))


@pytest.mark.parametrize(
    ("known", "has_open", "minutes"),
    [
        (_CALM, False, 360),
        (_CALM, True, 30),
        (replace(_CALM, latest_at=None), False, 360),
        (replace(_CALM, latest_at=_NOW - timedelta(hours=23)), False, 30),
        (replace(_CALM, latest_at=_NOW - timedelta(days=6)), False, 120),
        (_compared(_CALM, _NOW, {"a": Why.MISSING}), False, 5),
        (replace(_compared(_CALM, _NOW, {"a": Why.MISSING}), rounds=3), False, 40),
        (replace(_compared(_CALM, _NOW, {"a": Why.MISSING}), rounds=999), False, 360),
    ],
)
def test_need_decides_when_a_company_is_compared_next(known: Reconciliation, minutes: int, *, has_open: bool) -> None:
    """What is missing is confirmed soon; then what is open or recent; then the rest."""
    assert Cadence().next_at(known, _NOW, has_open=has_open) == _NOW + timedelta(minutes=minutes)


def test_nothing_is_due_sooner_than_a_lease_ends() -> None:
    """Or who reads the index in order could miss it."""
    hasty = Cadence(timedelta(minutes=1), timedelta(minutes=1))
    for known in (_CALM, _compared(_CALM, _NOW, {"a": Why.MISSING})):
        assert hasty.next_at(known, _NOW, has_open=True) == _NOW + LEASE


def test_runs_without_progress_are_counted() -> None:
    """Until something comes, or something else is found."""
    known = _compared(_CALM, _NOW, {"a": Why.SET_ASIDE})
    for number in range(1, 4):
        known = _compared(known, _NOW, {"a": Why.SET_ASIDE})
        assert known.rounds == number
    assert _compared(known, _NOW, {"b": Why.MISSING}).rounds == 0


def test_the_most_urgent_company_is_first_and_none_starves() -> None:
    """A quiet company after three of the others."""
    due = [Due(f"quiet-{n}", "", is_quiet=True) for n in range(3)] + [
        Due(f"busy-{n}", "", is_quiet=False) for n in "abcde"
    ]
    assert [each.company_id.removeprefix("busy-") for each in by_need(due)] == [
        *("a", "b", "c", "quiet-0", "d", "e", "quiet-1", "quiet-2"),
    ]
