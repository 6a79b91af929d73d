"""What a retry command reads, runs and records, and in which order."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from codat_sync.core.clock import utc_now
from codat_sync.core.errors import CompanyErasedError
from codat_sync.retries.command_service import RetryCommandService
from codat_sync.retries.planner import Plan
from codat_sync.retries.requests import RetryCommand
from codat_sync.retries.service import RetryResult
from codat_sync.retries.transaction_history import FailedTransactions
from codat_sync.syncs.retry_record import Retry, RetryState, Step

if TYPE_CHECKING:
    from codat_sync.audit.entry import AuditEntry
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.retries.service import RetryService
    from codat_sync.retries.transaction_history import TransactionHistories
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

_NOW = utc_now()
_OPEN = Retry(RetryState.OPEN, (), {}, None)
_WRITTEN = RetryResult("t", Plan(Step.ALREADY_WRITTEN, "Codat reports it as completed."))
_WAITING = RetryResult("t", Plan(Step.SCHEDULED, "It has not ended.", _NOW + timedelta(hours=1)))


@dataclass
class World:
    """Syncs, retries and the retry service, which note what is done to them in ``log``."""

    syncs: dict[str, dict[str, Any]]
    results: list[RetryResult] | None = field(default_factory=lambda: [_WRITTEN])
    retry_records: dict[str, Retry] = field(default_factory=dict)
    log: list[tuple[str, ...]] = field(default_factory=list)
    selected: Collection[str] | None = None
    error: Exception | None = None

    def load_snapshot(self, _company_id: str, sync_id: str, _webhook_ids: list[str]) -> SimpleNamespace:
        return SimpleNamespace(values=self.syncs.get(sync_id, {}))

    def load(self, sync_id: str) -> Retry | None:
        return self.retry_records.get(sync_id)

    def ensure_due(self, _company_id: str, sync_id: str, _until: datetime) -> Retry | None:
        self.log.append(("due", sync_id))
        return self.load(sync_id)

    def put(self, _company_id: str, sync_id: str, retry: Retry, *_others: object) -> None:
        self.log.append(("put", sync_id, retry.state))

    def clear_due(self, sync_id: str) -> None:
        self.log.append(("clear", sync_id))

    def load_failed(self, sync_id: str) -> FailedTransactions | None:
        return FailedTransactions("c", tuple(self.syncs[sync_id]["failed"])) if sync_id in self.syncs else None

    def retry(
        self, sync_id: str, selected: Collection[str] | None, _correlation_id: str, *, is_manual: bool
    ) -> list[RetryResult] | None:
        self.log.append(("retry", sync_id, str(is_manual)))
        self.selected = selected
        if self.error:
            raise self.error
        return self.results

    def record(self, entry: "AuditEntry") -> None:
        self.log.append(("audit", entry.actor, *sorted(entry.details)))

    def service(self, *, erased: bool = False) -> RetryCommandService:
        """Return a service of this world."""
        return RetryCommandService(
            cast("RetryService", self),
            cast("SyncRepository", self),
            cast("RetryRepository", self),
            cast("TransactionHistories", self),
            cast("AuditRepository", self),
            lambda _: not erased,
            lambda: _NOW,
        )


def _command(sync_id: str = "s", ids: Collection[str] | None = None, *, is_manual: bool = True) -> RetryCommand:
    return RetryCommand(sync_id, None if ids is None else frozenset(ids), is_manual=is_manual, correlation_id="x")


def _world(**more: Any) -> World:  # noqa: ANN401 - the fields of World
    return World({"s": {"companyId": "c", "failed": ["t"]}}, retry_records={"s": _OPEN}, **more)


def test_a_retry_is_due_before_it_is_planned_and_recorded_after() -> None:
    """A crash in between is followed by another attempt."""
    world = _world()
    report = world.service().execute(_command())
    assert world.log == [("due", "s"), ("retry", "s", "True"), ("put", "s", RetryState.RESOLVED)]
    assert report is not None
    assert (report.sync_id, report.results, report.retry.state) == ("s", [_WRITTEN], RetryState.RESOLVED)
    assert report.message is None


@pytest.mark.parametrize(
    ("results", "state"), [([_WRITTEN], RetryState.RESOLVED), ([_WRITTEN, _WAITING], RetryState.SCHEDULED)]
)
def test_the_state_follows_from_all_results(results: list[RetryResult], state: RetryState) -> None:
    """One transaction that waits keeps the retry open."""
    report = _world(results=results).service().execute(_command(is_manual=False))
    assert report is not None
    assert report.retry.state is state


@pytest.mark.parametrize("erased", [False, True])
def test_nothing_is_done_for_an_unknown_sync_or_an_erased_company(*, erased: bool) -> None:
    """Neither is anything written, so that an erasure finds nothing new."""
    world = _world() if erased else World({})
    assert world.service(erased=erased).execute(_command()) is None
    assert world.log == []


@pytest.mark.parametrize("end", [{"error": CompanyErasedError("c")}, {"results": None}])
def test_nothing_is_recorded_if_the_company_is_erased_meanwhile(end: dict[str, Any]) -> None:
    """The retry's record would outlive the erasure."""
    world = _world(**end)
    assert world.service().execute(_command()) is None
    assert "put" not in {entry[0] for entry in world.log}


def test_a_retry_of_a_retry_belongs_to_the_first_sync() -> None:
    """It resubmits only what failed in the later sync, whose own retry is done with."""
    world = World(
        {
            "first": {"companyId": "c", "failed": ["t", "u"]},
            "later": {"companyId": "c", "failed": ["t"], "retryOf": "first"},
        },
        retry_records={"first": _OPEN, "later": _OPEN},
    )
    report = world.service().execute(_command("later"))
    assert report is not None
    assert report.sync_id == "first"
    assert set(world.selected or ()) == {"t"}
    assert ("clear", "later") in world.log
    assert ("put", "first", RetryState.RESOLVED) in world.log


def test_named_transactions_limit_the_retry() -> None:
    """An operator's retry overrides waiting, for these alone."""
    world = _world()
    world.service().execute(_command(ids=["t"]))
    assert set(world.selected or ()) == {"t"}


def test_the_audit_says_who_asked_before_anything_is_done_and_then_what_came_of_it() -> None:
    """What is due has nobody who asked."""
    world = _world(results=[replace(_WRITTEN, sync_id="new")])
    world.service().execute(replace(_command(), by="Ann (1)"))
    outcome = ("resubmitted", "result", "retrySyncIds", "state", "transactions")
    assert (world.log[0], world.log[-1]) == (("audit", "Ann (1)", "transactions"), ("audit", "Ann (1)", *outcome))
    due = _world()
    due.service().execute(_command())
    assert "audit" not in {name for name, *_ in due.log}
