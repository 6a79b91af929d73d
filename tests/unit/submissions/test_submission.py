"""When the outcome of a submission is looked up."""

from datetime import UTC, datetime, timedelta

from codat_sync.submissions.expense_bodies import Kind
from codat_sync.submissions.submission import IN_FLIGHT_TIMEOUT, LOOKUP_PERIOD, State, Submission

_SENT_AT = datetime(2026, 11, 28, tzinfo=UTC)
_SUBMISSION = Submission(
    submission_id="a submission",
    company_id="a company",
    kind=Kind.EXPENSE,
    method="POST",
    transaction_ids=("a transaction",),
    idempotency_key="a key",
    digest="a digest",
    state=State.UNKNOWN,
    recorded_at=_SENT_AT,
    sent_at=_SENT_AT,
)


def test_lookups_become_rare_and_end() -> None:
    """After minutes, then hours, for fourteen days: some sixty in all. None is earlier than a response could be."""
    ages, now = [], _SENT_AT
    while next_at := _SUBMISSION.next_lookup_at(now, was_answered=True):
        now = next_at
        ages.append(now - _SENT_AT)
    assert ages[0] > IN_FLIGHT_TIMEOUT
    assert ages[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert 50 < len(ages) < 80
    assert LOOKUP_PERIOD <= ages[-1] <= LOOKUP_PERIOD + timedelta(hours=6)


def test_lookups_do_not_end_before_codat_has_answered() -> None:
    """An outage of two weeks is no outcome."""
    assert _SUBMISSION.next_lookup_at(_SENT_AT + LOOKUP_PERIOD, was_answered=True) is None
    assert _SUBMISSION.next_lookup_at(_SENT_AT + LOOKUP_PERIOD, was_answered=False) is not None
