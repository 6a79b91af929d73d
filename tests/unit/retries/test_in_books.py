"""Whether an expense is in the books: yes, no, or nobody knows (yet)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.retries.in_books import InBooks, is_in_books
from codat_sync.retries.planner import TransactionHistory, TransactionResult
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.submission import Resolution, State, Submission

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_THEN = _NOW - timedelta(days=1)
_LATER = _THEN + timedelta(hours=1)


def _sent(state: State = State.ACCEPTED, **more: object) -> Submission:
    known = Submission(
        submission_id="s",
        company_id="c",
        kind=Kind.EXPENSE,
        method="POST",
        transaction_ids=("t",),
        idempotency_key=None,
        digest="",
        state=state,
        recorded_at=_THEN,
        sent_at=None if state is State.RECORDED else _THEN,
        sync_id="first" if state is State.ACCEPTED else None,
    )
    return replace(known, **more)  # type: ignore[arg-type]


def _seen(sync_id: str = "first", code: int = 5130, at: datetime = _THEN, **statuses: str | None) -> TransactionResult:
    return TransactionResult(sync_id, code, code != 1000, at, statuses)


def _known(*syncs: TransactionResult, sent: tuple[Submission, ...] = (_sent(),)) -> TransactionHistory:
    return TransactionHistory("t", syncs, tuple((each, Body("t", "{}")) for each in sent))


_UPDATE = _sent(submission_id="u", method="PUT", recorded_at=_LATER, sent_at=_LATER, sync_id="second")
_RESOLVED = Resolution("ann", "seen there", _LATER)


@pytest.mark.parametrize(
    ("history", "answer", "reason"),
    [
        (_known(_seen(code=2000, expense="Completed")), InBooks.YES, "completed"),
        (_known(_seen(expense="Completed", bankfeeds="PushError")), InBooks.YES, "but not as bankfeeds: PushError"),
        (_known(_seen(expense="PushError"), _seen("second", 2000, expense="Completed")), InBooks.YES, "completed"),
        (_known(_seen(code=5080, expense="PushError")), InBooks.YES, "duplicate protection"),
        (
            _known(_seen(expense="PushError"), sent=(_sent(already_processed=frozenset("t"), resolution=_RESOLVED),)),
            InBooks.YES,
            "ann found it",
        ),
        # An update that failed, is on its way, or got lost: the version before it stays.
        *(
            (
                _known(_seen(code=2000, expense="Completed"), *later, sent=(_sent(), update)),
                InBooks.YES,
                "Sync first wrote",
            )
            for later, update in (
                ((_seen("second", at=_LATER, expense="PushError"),), _UPDATE),
                ((), _UPDATE),
                ((), replace(_UPDATE, state=State.UNKNOWN, sync_id=None)),
            )
        ),
        (_known(_seen(expense="PushError")), InBooks.NO, "Sync first did not write it"),
        (_known(_seen(expense="ValidationError"), sent=()), InBooks.NO, "did not write it"),
        (_known(_seen(code=4000)), InBooks.NO, "did not write it"),
        (
            _known(sent=(_sent(State.REJECTED, answer_status=400, rejection_reason="the account is unknown"),)),
            InBooks.NO,
            "the account is unknown",
        ),
        (_known(), InBooks.UNKNOWN, "no result for it yet"),
        (_known(_seen(code=1000, expense="Pending")), InBooks.UNKNOWN, "has not ended"),
        (_known(sent=(_sent(State.SENT, sent_at=_NOW, recorded_at=_NOW),)), InBooks.UNKNOWN, "being sent"),
        (_known(sent=(_sent(State.UNKNOWN),)), InBooks.UNKNOWN, "response is unknown"),
        (_known(_seen(expense=None)), InBooks.UNKNOWN, "no outcome"),
        (_known(sent=(_sent(State.STORED),)), InBooks.UNKNOWN, "No sync contains it"),
    ],
)
def test_the_books_are_known_by_the_history(history: TransactionHistory, answer: InBooks, reason: str) -> None:
    """Codat does not undo a write. What is on its way is unknown."""
    found = is_in_books(history, _NOW)
    assert found.answer is answer
    assert reason in found.reason
