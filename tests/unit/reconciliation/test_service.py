"""What is recorded after a run, and in which order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.reconciliation.company_discovery import DiscoveryProgress
from codat_sync.reconciliation.company_state import Reconciliation
from codat_sync.reconciliation.completeness import Completeness, OverallCompleteness
from codat_sync.reconciliation.reconciler import ComparisonResult
from codat_sync.reconciliation.run import ReconciliationRun, RunResult
from codat_sync.reconciliation.service import ReconciliationService

if TYPE_CHECKING:
    from codat_sync.reconciliation.run_repository import ReconciliationRunRepository

_NOW = datetime(2026, 11, 28, tzinfo=UTC)


class Ports:
    """The run and what is stored after it; ``calls`` holds their order."""

    def __init__(self, result: RunResult) -> None:
        self.result = result
        self.calls: list[object] = []

    def load_directory(self) -> DiscoveryProgress | None:
        self.calls.append("load")
        return None

    def run(self, has_time: Callable[[], bool], correlation_id: str) -> RunResult:
        self.calls.append(("run", has_time(), correlation_id))
        return self.result

    def count_missed_webhooks(self, number: int, now: datetime) -> None:
        self.calls.append(("missed", number, now))

    def update_overall(self, _: object, now: datetime) -> OverallCompleteness:
        self.calls.append(("overall", now))
        return OverallCompleteness(complete_as_of=_NOW)


def _service(ports: Ports) -> ReconciliationService:
    return ReconciliationService(
        cast("ReconciliationRun", ports),
        cast("ReconciliationRunRepository", ports),
        cast("Completeness", ports),
        lambda: _NOW,
    )


def _compared(*lost: str, enqueued: int = 0) -> ComparisonResult:
    return ComparisonResult(Reconciliation(company_id="c"), enqueued=enqueued, lost=lost)


def test_a_run_is_summarized_and_missed_webhooks_are_counted() -> None:
    """The directory is read before the run: what is registered during it has not been compared."""
    ports = Ports(RunResult(compared=[_compared("s1", "s2", enqueued=2), _compared("s3", enqueued=1)]))
    assert _service(ports).reconcile(lambda: True, "correlation") == {
        "stopReason": "completed",
        "compared": 2,
        "enqueued": 3,
        "completeAsOf": "2026-11-28T00:00:00.000Z",
    }
    assert ports.calls == ["load", ("run", True, "correlation"), ("missed", 3, _NOW), ("overall", _NOW)]


def test_without_missed_webhooks_none_are_counted() -> None:
    """The count is a write to the table."""
    ports = Ports(RunResult(compared=[_compared()]))
    _service(ports).reconcile(lambda: False, "correlation")
    assert [each for each in ports.calls if each[0] == "missed"] == []  # type: ignore[index]


def test_an_unexpected_error_fails_the_invocation_after_everything_is_stored() -> None:
    """It raises the alarm, and costs nothing else."""
    ports = Ports(RunResult(compared=[_compared("s1")], fault=KeyError("x")))
    with pytest.raises(KeyError):
        _service(ports).reconcile(lambda: True, "correlation")
    assert ports.calls[-2:] == [("missed", 1, _NOW), ("overall", _NOW)]
