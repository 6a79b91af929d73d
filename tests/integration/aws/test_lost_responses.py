"""Lose the response to each write of the table, one at a time, while an expense fails and is retried."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.retry_repository import RetryRepository
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.support.botocore_calls import lose_responses
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

_WRITES = {"PutItem", "UpdateItem", "TransactWriteItems"}
_PUSH_ERROR = Settled(otherwise=Verdict("PushError", "The accounting software is busy."))


def _is_lost(lost: int, writes: Iterator[int], operation: str, _: int) -> bool:
    """Count the writes; the response to the one with the number ``lost`` is lost."""
    return operation in _WRITES and next(writes) == lost


def _retry(retry: Handler, sync_id: str) -> None:
    event: dict[str, Any] = load("retry", "asked")
    event["pathParameters"]["syncId"] = sync_id
    assert retry(event)["statusCode"] == 200


def test_no_write_is_taken_for_anothers_if_its_response_is_lost(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything ends as if no response had been lost: each expense is sent once, fails, and is sent once more."""
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    submit, worker, retry = start("submit"), start("worker"), start("retry")
    submissions, retries = SubmissionRepository(store.table), RetryRepository(store.table)

    def fail_and_retry(transaction_id: str) -> str:
        answer = ask(submit, "POST", EXPENSES, [expense(transaction_id)])
        assert answer.status == 200
        first = simulated.settle(answer.body["syncId"], _PUSH_ERROR)
        assert failed(worker(batch(of(simulated, first, f"msg_{uuid4()}")))) == []
        _retry(retry, first.sync_id)
        second = simulated.settle(simulated.submissions[-1].sync_id)
        assert failed(worker(batch(of(simulated, second, f"msg_{uuid4()}")))) == []
        _retry(retry, first.sync_id)
        return first.sync_id

    for lost in count():
        transaction_id, writes = str(uuid4()), count()
        with lose_responses(partial(_is_lost, lost, writes)):
            sync_id = fail_and_retry(transaction_id)
        sent = [each for each in simulated.submissions if transaction_id in str(each.transactions)]
        states = [each.state for each, _ in submissions.load_submissions(COMPANY_ID, transaction_id)]
        retried = retries.load(sync_id)
        assert (len(sent), states) == (2, [State.ACCEPTED, State.ACCEPTED]), f"the response to write {lost} was lost"
        assert retried
        assert retried.state is RetryState.RESOLVED
        if next(writes) <= lost:
            assert lost > 15  # There is no such write: all of them have been tried.
            return
