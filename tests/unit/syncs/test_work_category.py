"""Every failed sync is in exactly one category of the worklist."""

from datetime import UTC, datetime
from itertools import combinations, product

import pytest

from codat_sync.retries.planner import CUSTOMER_NOTES, Plan
from codat_sync.retries.service import RetryResult, categorize_retry_syncs
from codat_sync.syncs.retry_record import Decision, DecisionKind, Retry, RetryState, Step
from codat_sync.syncs.work_category import (
    OPEN_CATEGORIES,
    WorkCategory,
    categorize,
    categorize_steps,
    parse_category,
)

_NOW = datetime(2026, 7, 1, tzinfo=UTC)
_PLANNED = [each for each in Step if each is not Step.NOT_FAILED]


def _retry(*steps: str, state: RetryState = RetryState.STOPPED, **more: object) -> Retry:
    return Retry(state, (), dict.fromkeys(steps, 1), None, **more)  # type: ignore[arg-type]


def _decision(kind: DecisionKind, failure: str | None = "s#1") -> Decision:
    return Decision(kind, "Ann", "seen", _NOW, failure)


@pytest.mark.parametrize("size", range(4))
def test_every_combination_of_state_and_steps_has_one_category(size: int) -> None:
    """It is resolved only if all is written, and otherwise waits for whoever comes first in the order."""
    for state, steps in product(RetryState, combinations(_PLANNED, size)):
        found = categorize(_retry(*steps, state=state))
        single = {categorize_steps({each: 1}) for each in steps} - {WorkCategory.RESOLVED}
        if state is RetryState.RESOLVED or (steps and not single and state is not RetryState.OPEN):
            assert found is WorkCategory.RESOLVED
        elif state is RetryState.OPEN:
            assert found is WorkCategory.SCHEDULED
        elif steps:
            assert found is min(single, key=OPEN_CATEGORIES.index)
        else:
            assert found is not WorkCategory.DISMISSED


@pytest.mark.parametrize(
    ("step", "category"),
    [
        (Step.PARTIALLY_WRITTEN, WorkCategory.OUR_TEAM),
        (Step.OUTCOME_UNKNOWN, WorkCategory.OUR_TEAM),
        (Step.NO_BODY_RECORDED, WorkCategory.OUR_TEAM),
        (Step.ATTEMPTS_EXHAUSTED, WorkCategory.OUR_TEAM),
        (Step.NEEDS_CORRECTION, WorkCategory.CUSTOMER),
        (Step.NEEDS_RECONNECTION, WorkCategory.CUSTOMER),
        (Step.NEEDS_BILLING, WorkCategory.CUSTOMER),
        (Step.STUCK_AT_CODAT, WorkCategory.CODAT),
        (Step.RETRY_NOW, WorkCategory.SCHEDULED),
        (Step.SCHEDULED, WorkCategory.SCHEDULED),
        (Step.IN_PROGRESS, WorkCategory.IN_PROGRESS),
        (Step.ALREADY_WRITTEN, WorkCategory.RESOLVED),
        (Step.NOT_FAILED, WorkCategory.RESOLVED),
        ("a step of a newer version", WorkCategory.OUR_TEAM),
    ],
)
def test_each_step_is_in_the_category_of_who_has_to_act(step: Step, category: WorkCategory) -> None:
    """A step that this version does not know is looked after by our team."""
    assert categorize_steps({step: 1}) is category
    assert categorize_steps({step: 0}) is None


def test_the_customer_is_asked_exactly_for_what_waits_for_the_customer() -> None:
    """The category and the note for the customer never contradict each other."""
    asking = {step for step, note in CUSTOMER_NOTES.items() if "Please" in note and "Please do not" not in note}
    assert asking == {step for step in Step if categorize_steps({step: 1}) is WorkCategory.CUSTOMER}


@pytest.mark.parametrize(
    ("state", "category"),
    [
        (RetryState.OPEN, WorkCategory.SCHEDULED),
        (RetryState.SCHEDULED, WorkCategory.IN_PROGRESS),
        (RetryState.STOPPED, WorkCategory.OUR_TEAM),
        (RetryState.RESOLVED, WorkCategory.RESOLVED),
        (RetryState.NOT_FAILED, WorkCategory.RESOLVED),
    ],
)
def test_a_sync_without_failed_transactions_follows_its_state(state: RetryState, category: WorkCategory) -> None:
    """Not planned yet, in progress again, failed as a whole, or written after all."""
    assert categorize(_retry(state=state)) is category


@pytest.mark.parametrize(
    ("decisions", "is_dismissed"),
    [
        ([], False),
        ([_decision(DecisionKind.NOTE)], False),
        ([_decision(DecisionKind.DISMISS)], True),
        ([_decision(DecisionKind.DISMISS), _decision(DecisionKind.NOTE)], True),
        ([_decision(DecisionKind.DISMISS), _decision(DecisionKind.REOPEN)], False),
        ([_decision(DecisionKind.REOPEN), _decision(DecisionKind.DISMISS)], True),
        ([_decision(DecisionKind.DISMISS, "s#0")], False),
        ([_decision(DecisionKind.DISMISS, "s#0"), _decision(DecisionKind.DISMISS)], True),
        ([_decision(DecisionKind.DISMISS), _decision(DecisionKind.NOTE, "s#0")], True),
    ],
)
def test_a_dismissal_holds_until_it_is_reopened_or_fails_again(
    decisions: list[Decision], *, is_dismissed: bool
) -> None:
    """A failure that the user has not seen is not dismissed."""
    retry = _retry(Step.NEEDS_CORRECTION, last_failure="s#1", decisions=tuple(decisions))
    assert categorize(retry) is (WorkCategory.DISMISSED if is_dismissed else WorkCategory.CUSTOMER)


def test_what_is_written_is_resolved_although_it_was_dismissed() -> None:
    """Nobody has to wonder whether it is in the books."""
    dismissed = (_decision(DecisionKind.DISMISS),)
    retry = _retry(Step.ALREADY_WRITTEN, state=RetryState.RESOLVED, last_failure="s#1", decisions=dismissed)
    assert categorize(retry) is WorkCategory.RESOLVED


@pytest.mark.parametrize(
    ("steps", "acknowledged_ids", "category"),
    [
        ((Step.OUTCOME_UNKNOWN,), ("a", "b"), WorkCategory.DISMISSED),
        ((Step.OUTCOME_UNKNOWN, Step.ALREADY_WRITTEN), ("a", "b"), WorkCategory.DISMISSED),
        ((Step.OUTCOME_UNKNOWN,), ("a",), WorkCategory.OUR_TEAM),
        ((Step.OUTCOME_UNKNOWN, Step.NEEDS_BILLING), ("a", "b"), WorkCategory.OUR_TEAM),
    ],
)
def test_unknown_outcomes_that_were_dealt_with_need_nobody(
    steps: tuple[Step, ...], acknowledged_ids: tuple[str, ...], category: WorkCategory
) -> None:
    """Unless something else is open, or another outcome is unknown."""
    blocked = {Step.OUTCOME_UNKNOWN: ("a", "b")}
    assert categorize(_retry(*steps, blocked=blocked, acknowledged_ids=acknowledged_ids)) is category


def test_a_sync_that_a_retry_created_has_the_category_of_its_own_transactions() -> None:
    """What failed in the first sync, and was resubmitted in another one, does not count."""
    results = [
        RetryResult("a", Plan(Step.ALREADY_WRITTEN, ""), earlier_sync_ids=("r1", "r2")),
        RetryResult("b", Plan(Step.IN_PROGRESS, ""), "r3", earlier_sync_ids=("r1",)),
        RetryResult("c", Plan(Step.NEEDS_BILLING, "")),
    ]
    assert categorize_retry_syncs(results) == {
        "r1": WorkCategory.IN_PROGRESS,
        "r2": WorkCategory.RESOLVED,
        "r3": WorkCategory.IN_PROGRESS,
    }


def test_a_category_of_a_newer_version_is_for_our_team() -> None:
    """Nothing is hidden."""
    assert [parse_category(each) for each in (None, "customer", "new")] == [
        None,
        WorkCategory.CUSTOMER,
        WorkCategory.OUR_TEAM,
    ]
