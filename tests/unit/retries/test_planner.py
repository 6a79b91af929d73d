"""The planner: one answer to whatever is known of a transaction."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from codat_sync.retries.planner import (
    CUSTOMER_NOTES,
    Plan,
    RetryPolicy,
    TransactionHistory,
    TransactionResult,
    count_attempts,
    plan,
)
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.submission import IN_FLIGHT_TIMEOUT, State, Submission
from codat_sync.syncs.retry_record import Step

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_THEN = _NOW - timedelta(days=1)
_POLICY = RetryPolicy(max_attempts=2, initial_delay=timedelta(minutes=5), max_delay=timedelta(hours=1))
_MINUTE = timedelta(minutes=1)
_BEFORE = _THEN - _MINUTE


def _submission(
    state: State = State.ACCEPTED,
    sync_id: str | None = "first",
    *,
    at: datetime = _THEN,
    retry_of: str | None = None,
    method: str = "POST",
) -> Submission:
    return Submission(
        submission_id=f"sub-{sync_id}-{state}",
        company_id="c",
        kind=Kind.EXPENSE,
        method="PUT" if method == "PUT" else "POST",
        transaction_ids=("t",),
        idempotency_key="key",
        digest="digest",
        state=state,
        recorded_at=at,
        sent_at=None if state in {State.RECORDED, State.STORED} else at,
        sync_id=sync_id if state is State.ACCEPTED else None,
        retry_of=retry_of,
    )


def _seen(
    sync_id: str = "first",
    code: int | None = 5130,
    *,
    is_final: bool = True,
    at: datetime = _THEN,
    messages: tuple[str, ...] = (),
    **statuses: str | None,
) -> TransactionResult:
    return TransactionResult(sync_id, code, is_final, at, statuses, messages)


def _standing(
    *seen: TransactionResult, submissions: tuple[Submission, ...] = (_submission(),), **more: object
) -> TransactionHistory:
    bodies = tuple((submission, Body("t", "{}")) for submission in submissions)
    return replace(TransactionHistory("t", seen, bodies), **more)  # type: ignore[arg-type]


def _plan(history: TransactionHistory, *, is_manual: bool = False) -> Plan:
    return plan(history, _NOW, _POLICY, is_manual=is_manual)


_FAILED = _seen(expense="PushError")
_KEPT = _submission(State.STORED, None)


@pytest.mark.parametrize(
    ("history", "step", "needs_operator"),
    [
        (_standing(_FAILED), Step.RETRY_NOW, Step.RETRY_NOW),
        (_standing(_seen(expense="PushError", at=_NOW - _MINUTE)), Step.SCHEDULED, Step.RETRY_NOW),
        (_standing(_seen(expense="Completed")), Step.ALREADY_WRITTEN, Step.ALREADY_WRITTEN),
        (_standing(_FAILED, _seen("second", 2000, expense="Completed")), Step.ALREADY_WRITTEN, Step.ALREADY_WRITTEN),
        (_standing(_seen("second", 2000, expense="Completed"), _FAILED), Step.ALREADY_WRITTEN, Step.ALREADY_WRITTEN),
        (_standing(_seen(expense="Completed", bankfeeds="PushError")), Step.PARTIALLY_WRITTEN, Step.PARTIALLY_WRITTEN),
        (_standing(_seen(code=5080, expense="PushError")), Step.ALREADY_WRITTEN, Step.ALREADY_WRITTEN),
        (
            _standing(_seen(expense="PushError", messages=("It has previously been processed.",))),
            Step.ALREADY_WRITTEN,
            Step.ALREADY_WRITTEN,
        ),
        (
            _standing(_FAILED, _seen("second", 1000, is_final=False, at=_NOW - _MINUTE)),
            Step.IN_PROGRESS,
            Step.IN_PROGRESS,
        ),
        (_standing(submissions=(_submission(at=_NOW - _MINUTE),)), Step.IN_PROGRESS, Step.IN_PROGRESS),
        (_standing(_seen(code=1000, is_final=False, expense="Pending")), Step.STUCK_AT_CODAT, Step.STUCK_AT_CODAT),
        (_standing(_FAILED, _seen("second", None, is_final=False)), Step.STUCK_AT_CODAT, Step.STUCK_AT_CODAT),
        (_standing(_seen(expense=None)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_seen(expense="Unknown")), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_seen(code=2000)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_seen(code=9999)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(submissions=()), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(submissions=(_KEPT,)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_FAILED, submissions=()), Step.NO_BODY_RECORDED, Step.NO_BODY_RECORDED),
        (_standing(_FAILED, submissions=(_KEPT,)), Step.RETRY_NOW, Step.RETRY_NOW),
        (_standing(_seen(expense="ValidationError")), Step.NEEDS_CORRECTION, Step.RETRY_NOW),
        (_standing(_seen(code=4000)), Step.NEEDS_CORRECTION, Step.RETRY_NOW),
        (_standing(_seen(code=4260, expense="PushError")), Step.NEEDS_BILLING, Step.RETRY_NOW),
        (_standing(_seen(code=4220)), Step.NEEDS_RECONNECTION, Step.RETRY_NOW),
        (_standing(_seen(code=4220), connection_status="Linked"), Step.NEEDS_RECONNECTION, Step.RETRY_NOW),
        (
            _standing(_seen(code=4220), connection_status="Linked", connection_as_of=_BEFORE),
            Step.NEEDS_RECONNECTION,
            Step.RETRY_NOW,
        ),
        (
            _standing(_seen(code=4220), connection_status="Linked", connection_as_of=_NOW),
            Step.RETRY_NOW,
            Step.RETRY_NOW,
        ),
        (
            _standing(_seen(code=4040), connection_status=None, connection_as_of=_NOW),
            Step.NEEDS_RECONNECTION,
            Step.RETRY_NOW,
        ),
        (_standing(_seen(code=4220), submissions=(_submission(), _KEPT)), Step.NEEDS_RECONNECTION, Step.RETRY_NOW),
        (
            _standing(_seen(code=4220), connection_status="Deauthorized"),
            Step.NEEDS_RECONNECTION,
            Step.NEEDS_RECONNECTION,
        ),
        (_standing(_FAILED, is_company_deleted=True), Step.NEEDS_RECONNECTION, Step.NEEDS_RECONNECTION),
        (_standing(submissions=(_submission(),)), Step.STUCK_AT_CODAT, Step.STUCK_AT_CODAT),
        (_standing(_FAILED, submissions=(_submission(State.UNKNOWN),)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_FAILED, submissions=(_submission(State.SENT),)), Step.OUTCOME_UNKNOWN, Step.OUTCOME_UNKNOWN),
        (_standing(_FAILED, submissions=(_submission(State.SENT, at=_NOW),)), Step.IN_PROGRESS, Step.IN_PROGRESS),
        (_standing(_FAILED, submissions=(_submission(State.RECORDED, at=_NOW),)), Step.IN_PROGRESS, Step.IN_PROGRESS),
        (
            _standing(_FAILED, submissions=(replace(_submission(State.REJECTED), answer_status=422),)),
            Step.NEEDS_CORRECTION,
            Step.RETRY_NOW,
        ),
        (
            _standing(_FAILED, submissions=(replace(_submission(State.REJECTED), answer_status=429),)),
            Step.RETRY_NOW,
            Step.RETRY_NOW,
        ),
        (
            _standing(
                _FAILED,
                submissions=(_submission(), replace(_submission(State.REJECTED), already_processed=frozenset({"t"}))),
            ),
            Step.ALREADY_WRITTEN,
            Step.ALREADY_WRITTEN,
        ),
    ],
)
def test_each_transaction_history_has_its_plan(history: TransactionHistory, step: Step, needs_operator: Step) -> None:
    """A manual retry overrides delays and required corrections, never safety."""
    assert _plan(history).step is step
    assert _plan(history, is_manual=True).step is needs_operator


def test_retries_stop_after_the_maximum_until_an_operator_tries() -> None:
    """What was refused for others of its batch, or for the quota, is no attempt."""
    refused = replace(_submission(State.REJECTED, retry_of="first"), answer_status=429)
    retries = [_submission(sync_id=f"retry-{number}", retry_of="first") for number in range(2)]
    seen = [_seen(f"retry-{number}", expense="PushError") for number in range(2)]
    history = _standing(_FAILED, *seen, submissions=(_submission(), refused, *retries))
    assert count_attempts(history) == 2
    assert _plan(history).step is Step.ATTEMPTS_EXHAUSTED
    assert _plan(history, is_manual=True).step is Step.RETRY_NOW
    again = _standing(_FAILED, *seen, submissions=(*submission_history(history), _submission(sync_id="first")))
    assert count_attempts(again) == 0  # the product has submitted it anew


def submission_history(history: TransactionHistory) -> tuple[Submission, ...]:
    """Return the submissions of a transaction history."""
    return tuple(submission for submission, _ in history.submissions)


@pytest.mark.parametrize(("made", "minutes"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (99, 60)])
def test_each_attempt_waits_twice_as_long_as_the_one_before_with_jitter(made: int, minutes: int) -> None:
    """Up to the longest, and never less than three quarters of it; spread over all that is between."""
    longest = minutes * _MINUTE
    delays = [_POLICY.delay(made, f"sync-{number}") for number in range(500)]
    assert all(0.75 * longest <= delay <= longest for delay in delays)
    slots = Counter(int((longest - delay) / longest * 40) for delay in delays)
    assert min(slots[slot] for slot in range(10)) > 20


def test_without_a_delay_it_is_created_again_at_once() -> None:
    """There is nothing to spread."""
    at_once = RetryPolicy(initial_delay=timedelta(), max_delay=timedelta())
    assert at_once.delay(3, "first") == timedelta()
    assert plan(_standing(_seen(expense="PushError", at=_NOW)), _NOW, at_once).step is Step.RETRY_NOW


def test_the_jitter_is_the_same_each_time_and_for_all_of_a_sync() -> None:
    """A plan does not jump, and what failed together is created again together, though in several syncs since."""
    failed = _seen(expense="PushError", at=_NOW)
    one, other = (replace(_standing(failed), transaction_id=name) for name in ("t", "u"))
    assert _plan(one).until == _plan(other).until == _NOW + _POLICY.delay(0, "first")
    for sync_id in ("retry-1", "retry-2"):
        again = (_submission(), _submission(sync_id=sync_id, retry_of="first"))
        found = _plan(_standing(_FAILED, replace(failed, sync_id=sync_id), submissions=again))
        assert found.until == _NOW + _POLICY.delay(1, "first")


def test_a_new_body_makes_an_invalid_transaction_retryable() -> None:
    """Only one that came after the failure."""
    invalid = _seen(expense="ValidationError")
    new, old = replace(_KEPT, recorded_at=_NOW), replace(_KEPT, recorded_at=_THEN - _MINUTE)
    assert _plan(_standing(invalid, submissions=(_submission(), new))).step is Step.RETRY_NOW
    assert _plan(_standing(invalid, submissions=(old, _submission()))).step is Step.NEEDS_CORRECTION


def test_an_update_is_not_written_because_what_it_updates_is() -> None:
    """Completed counts for the submission that it is of."""
    created = _seen("first", 2000, expense="Completed", at=_THEN - _MINUTE)
    update = _submission(sync_id="second", method="PUT")
    failed = _seen("second", expense="PushError", at=_THEN + _MINUTE)
    submissions = (_submission(at=_THEN - 2 * _MINUTE), update)
    assert _plan(_standing(created, failed, submissions=submissions)).step is Step.RETRY_NOW
    done = _seen("second", 2000, expense="Completed", at=_THEN + _MINUTE)
    assert _plan(_standing(created, done, submissions=submissions)).step is Step.ALREADY_WRITTEN


def test_a_rejected_transaction_is_checked_once_more_and_continues_if_the_connection_was_the_cause() -> None:
    """Codat may reject before the lost connection is known; rejected requests of the product are reported."""
    ours = replace(_submission(State.REJECTED, retry_of="first", at=_NOW - _MINUTE), answer_status=400)
    refused = _standing(_FAILED, submissions=(_submission(), ours), connection_status="Linked")
    assert _plan(refused) == Plan(Step.NEEDS_CORRECTION, "Codat rejected it: None.", _NOW + 59 * _MINUTE)
    later = plan(refused, _NOW + timedelta(hours=1), _POLICY)
    assert (later.step, later.until) == (Step.NEEDS_CORRECTION, None)
    assert _plan(replace(refused, connection_status="Unlinked")).step is Step.NEEDS_RECONNECTION
    assert _plan(replace(refused, connection_changed_at=_NOW - 2 * _MINUTE)).step is Step.NEEDS_CORRECTION
    assert plan(replace(refused, connection_changed_at=_NOW), _NOW + timedelta(hours=1), _POLICY).step is Step.RETRY_NOW
    own = replace(ours, retry_of=None)
    by_product = _plan(replace(_standing(_FAILED, submissions=(_submission(), own)), connection_changed_at=_NOW))
    assert (by_product.step, by_product.until) == (Step.NEEDS_CORRECTION, None)


_STATUSES: tuple[dict[str, str | None], ...] = (
    {},
    {"expense": "Completed"},
    {"expense": "PushError"},
    {"expense": "ValidationError"},
    {"expense": "Pending"},
    {"expense": None},
    {"expense": "Completed", "bankfeeds": "PushError"},
    {"expense": "PushError", "bankfeeds": "ValidationError"},
)
_CODES = (None, 1000, 2000, 2040, 4000, 4040, 4260, 5000, 5080, 5130, 9999)


def _emptied(history: TransactionHistory) -> TransactionHistory:
    """Return it as it is when its bodies were too old to be kept."""
    return replace(history, submissions=tuple((each, Body("t", "")) for each, _ in history.submissions))


def test_what_codat_refused_is_not_unknown_because_its_body_is_not_kept() -> None:
    """It is asked for."""
    refused = _standing(submissions=(_submission(State.REJECTED),))
    assert _plan(_emptied(refused)).step is Step.NO_BODY_RECORDED


# What is said of a transaction whether or not its body is kept.
_WITHOUT_BODY = {
    *(Step.NO_BODY_RECORDED, Step.NEEDS_RECONNECTION),
    *(Step.SCHEDULED, Step.IN_PROGRESS, Step.STUCK_AT_CODAT),
}
_OF_NO_BODY = {Step.ALREADY_WRITTEN, Step.PARTIALLY_WRITTEN, Step.OUTCOME_UNKNOWN, Step.NO_BODY_RECORDED}


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("is_manual", [False, True])
def test_nothing_known_is_without_an_answer_and_nothing_unsafe_is_retried(
    state: State | None, *, is_manual: bool
) -> None:
    """Over the whole product of what can be known of two syncs, a submission, the company and the clock."""
    ages = (timedelta(), IN_FLIGHT_TIMEOUT, timedelta(days=1), timedelta(days=30))
    syncs = [
        TransactionResult("first", code, is_final, _THEN, statuses)
        for code, statuses, is_final in product(_CODES, _STATUSES, (True, False))
    ]
    seconds = [None, _seen("second", 5130, expense="PushError"), _seen("second", 2000, expense="Completed")]
    for first, second, connection, age in product(syncs, seconds, (None, "Linked", "Unlinked"), ages):
        submissions = () if state is None else (_submission(state, at=_NOW - age),)
        known = [each for each in (first, second) if each]
        history = _standing(*known, submissions=submissions, connection_status=connection)
        found = plan(history, _NOW, _POLICY, is_manual=is_manual)
        assert found.support_note
        assert found.customer_note == CUSTOMER_NOTES[plan(history, _NOW, _POLICY).step]
        without = plan(_emptied(history), _NOW, _POLICY, is_manual=is_manual)
        assert without == found if found.step in _OF_NO_BODY else without.step in _WITHOUT_BODY
        if found.step is Step.RETRY_NOW:
            assert history.body
            assert state not in {State.SENT, State.UNKNOWN, None}
            assert connection != "Unlinked"
            assert all(each.is_final for each in known)
            assert "Completed" not in {status for each in known for status in each.statuses.values()}


def test_a_purged_body_is_distinguished_from_one_that_never_existed() -> None:
    """A lookup knows that it was sent."""
    emptied = TransactionHistory("t", (_FAILED,), ((_submission(), Body("t", "")),))
    assert (_plan(emptied).step, "because of its age" in _plan(emptied).support_note) == (Step.NO_BODY_RECORDED, True)
    never = TransactionHistory("t", (_FAILED,))
    assert (_plan(never).step, "have a copy to resubmit" in _plan(never).support_note) == (
        Step.NO_BODY_RECORDED,
        True,
    )


# Each step that can be planned: a history that leads to it, what the customer is asked to do or wait for, and whether a
# manual retry overrides it.
_EVERY_STEP = {
    Step.RETRY_NOW: (_standing(_FAILED), "We are sending your expense", False),
    Step.SCHEDULED: (_standing(_seen(expense="PushError", at=_NOW - _MINUTE)), "on its way", True),
    Step.IN_PROGRESS: (_standing(_seen(code=1000, is_final=False, at=_NOW - _MINUTE)), "on its way", False),
    Step.STUCK_AT_CODAT: (_standing(_seen(code=1000, is_final=False)), "Please do not enter it by hand", False),
    Step.NEEDS_CORRECTION: (_standing(_seen(expense="ValidationError")), "that it is assigned to", True),
    Step.NEEDS_RECONNECTION: (_standing(_seen(code=4220)), "Please connect your accounting software again", True),
    Step.NEEDS_BILLING: (_standing(_seen(code=4260, expense="PushError")), "Please renew the subscription", True),
    Step.ALREADY_WRITTEN: (_standing(_seen(expense="Completed")), "is in your accounting software.", False),
    Step.PARTIALLY_WRITTEN: (_standing(_seen(expense="Completed", bankfeeds="PushError")), "only partly", False),
    Step.OUTCOME_UNKNOWN: (_standing(_seen(expense=None)), "Please do not enter it by hand", False),
    Step.NO_BODY_RECORDED: (_standing(_FAILED, submissions=()), "We are looking into it", False),
    Step.ATTEMPTS_EXHAUSTED: (
        _standing(
            *(_seen(each, expense="PushError") for each in ("first", "second", "third")),
            submissions=(_submission(), *(_submission(sync_id=each, retry_of="first") for each in ("second", "third"))),
        ),
        "We are looking into it",
        True,
    ),
}


@pytest.mark.parametrize("step", sorted(set(Step) - {Step.NOT_FAILED}))
@pytest.mark.parametrize("is_manual", [False, True])
def test_a_customer_reads_what_happens_by_itself(step: Step, *, is_manual: bool) -> None:
    """A manual retry is possible, not certain: the customer may have to act, whoever may retry."""
    history, note, is_overridden = _EVERY_STEP[step]
    found = _plan(history, is_manual=is_manual)
    assert found.step is (Step.RETRY_NOW if is_manual and is_overridden else step)
    assert found.automatic.step is step
    assert note in found.customer_note
