"""Crash a run after any of its writes: the next one continues, and no incorrect claim is made."""

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from codat_sync.reconciliation.company_state import REQUEUE_AFTER
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.botocore_calls import intercept_calls
from tests.support.handlers import Handler
from tests.support.reconciliation_world import LONG_AGO, Clock, Reconcile, make_reconcile

_WRITES = {"UpdateItem", "SendMessage", "SendMessageBatch"}


class CrashError(Exception):
    """The process has ended."""


class Crashes:
    """Has the process end before or after one of its writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.is_after = False
        intercept_calls(monkeypatch, self._crash_at_last_write)

    def _crash_at_last_write(self, operation: str, _: Any, proceed: Callable[[], Any]) -> Any:  # noqa: ANN401 - botocore's own
        is_last = operation in _WRITES and self._is_last()
        if is_last and not self.is_after:
            raise CrashError
        answer = proceed()
        if is_last:
            raise CrashError
        return answer

    def _is_last(self) -> bool:
        self.left -= 1
        return self.left == -1

    def within(self, work: Callable[[], object], writes: int, *, is_after: bool) -> bool:
        """Do ``work``, and end it at the write after so many; returns whether it got so far."""
        self.left, self.is_after = writes, is_after
        try:
            work()
        except CrashError:
            return True
        finally:
            self.left = -1
        return False


def _is_claim_true(reconcile: Reconcile, since: dict[str, datetime]) -> bool:
    """Return whether all syncs are in the table that Codat had at the moment that is claimed to be complete."""
    there, claim = reconcile.store.load_summaries(COMPANY_ID), reconcile.overall.complete_as_of
    return claim is None or all(sync_id in there for sync_id, at in since.items() if at <= claim)


@pytest.mark.parametrize("is_after", [False, True])
def test_the_next_run_makes_up_for_a_crashed_one(
    start: Callable[[str], Handler],
    aws: Aws,
    simulated: SimulatedCodat,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_after: bool,
) -> None:
    """Before each of its writes, or after it: each time something new is lost, and is there in the end."""
    simulated.set_webhook_consumer(WEBHOOK_URL)
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    simulated.now = clock = Clock()
    reconcile = make_reconcile(aws, simulated.transport(), start("worker"), clock)
    crashes = Crashes(monkeypatch)
    since = {SYNC_ID: clock()}
    for writes in itertools.count():
        lost = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t")], sync_utc=LONG_AGO)
        since[lost.sync_id] = clock()
        clock.pass_by(hours=7)
        has_crashed = crashes.within(reconcile.run, writes, is_after=is_after)
        assert _is_claim_true(reconcile, since)
        reconcile.aws.messages("SYNC_QUEUE") if writes % 2 else reconcile.work()  # the message may be lost as well
        _finish(reconcile)
        assert _is_claim_true(reconcile, since)
        assert reconcile.overall.complete_as_of
        assert reconcile.overall.complete_as_of > since[lost.sync_id]
        assert reconcile.overall.incomplete == 0
        if not has_crashed:
            break
    assert writes > 10


def _finish(reconcile: Reconcile) -> None:
    """Go on until all is there and confirmed: what was lost is enqueued again after an hour."""
    for _ in range(3):
        reconcile.clock.pass_by(seconds=REQUEUE_AFTER.total_seconds() * 7)
        reconcile.run()
        reconcile.work()
