"""Run reconciliation: compare companies for as long as time, quota and Codat allow. The next run resumes there.

The index of due companies is the queue. A company is leased before it is compared, so that concurrent runs never
compare the same one, and a crash costs no more than the lease.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.core.errors import CodatError, CodatUnavailableError, SecretUnavailableError
from codat_sync.rate_limits.errors import DailyBudgetExhaustedError, GateClosedError, RateLimitExceededError
from codat_sync.reconciliation.reconciler import ComparisonResult
from codat_sync.webhooks.endpoint import EndpointState

if TYPE_CHECKING:
    from codat_sync.rate_limits.gate import SharedGate
    from codat_sync.reconciliation.company_discovery import CompanyDiscovery, DiscoveryProgress
    from codat_sync.reconciliation.endpoint_monitor import EndpointMonitor
    from codat_sync.reconciliation.reconciler import Reconciler
    from codat_sync.reconciliation.repository import Due, ReconciliationRepository

# More than a run can process, so that the active companies are among them.
_MAX_DUE = 2_000
# Number of active companies compared per quiet one, so that neither kind starves.
_BUSY_PER_QUIET = 3
_MAX_FAILURES = 3
# Raised by a bug in processing one company's data: the others are compared nevertheless.
_UNEXPECTED_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class StopReason(StrEnum):
    """Reasons why a run ended."""

    COMPLETED = "completed"  # no more companies are due
    OUT_OF_TIME = "outOfTime"
    BUDGET_USED = "budgetUsed"  # the daily budget released so far is used
    RATE_LIMITED = "rateLimited"  # the rate limit per minute is reached
    GATE_CLOSED = "gateClosed"  # calls to Codat are suspended
    NO_API_KEY = "noApiKey"
    CODAT_UNAVAILABLE = "codatUnavailable"  # several companies in a row failed because Codat was unavailable


@dataclass(slots=True)
class RunResult:
    """Result of a run. ``fault`` is an unexpected error that kept a company from being compared; None if none did."""

    stop_reason: StopReason = StopReason.COMPLETED
    compared: list[ComparisonResult] = field(default_factory=list)
    discovery_progress: "DiscoveryProgress | None" = None
    endpoint: EndpointState | None = None
    fault: Exception | None = None


@dataclass(frozen=True)
class ReconciliationRun:
    """Run reconciliation. ``log_comparison`` is called per comparison, ``log_failure`` per failed one."""

    reconciler: "Reconciler"
    discovery: "CompanyDiscovery"
    endpoint_monitor: "EndpointMonitor"
    store: "ReconciliationRepository"
    gate: "SharedGate"
    now: Callable[[], datetime]
    log_comparison: Callable[[ComparisonResult], None]
    log_failure: Callable[[str, Exception], None]

    def run(self, has_time: Callable[[], bool], correlation_id: str) -> RunResult:
        """Check the endpoint, read Codat's list of companies, compare due companies. Raises QueueUnavailableError."""
        result = RunResult()
        try:
            self.gate.require_open()  # Before a lease is taken for a call that can't be made.
            result.endpoint = self._check_endpoint()
            result.discovery_progress = self._discover(has_time)
            self._compare_all(result, has_time, correlation_id)
        except DailyBudgetExhaustedError:
            result.stop_reason = StopReason.BUDGET_USED
        except RateLimitExceededError:
            result.stop_reason = StopReason.RATE_LIMITED
        except GateClosedError:
            result.stop_reason = StopReason.GATE_CLOSED
        except SecretUnavailableError:
            result.stop_reason = StopReason.NO_API_KEY
        return result

    def _compare_all(self, result: RunResult, has_time: Callable[[], bool], correlation_id: str) -> None:
        began_at = self.discovery.run_repository.load_directory().began_at or self.now()
        failures = 0
        for due in prioritize(self.store.load_due(self.now(), _MAX_DUE)):
            if not has_time():
                result.stop_reason = StopReason.OUT_OF_TIME
                return
            if failures == _MAX_FAILURES:
                result.stop_reason = StopReason.CODAT_UNAVAILABLE
                return
            leased = self.store.lease(due, self.now())
            if leased is None:
                continue  # Another run has leased it.
            try:
                compared = self.reconciler.compare(leased, began_at, correlation_id)
            except CodatError as error:
                self._record_failure(leased, error)
                failures += isinstance(error, CodatUnavailableError)
                continue
            except _UNEXPECTED_ERRORS as error:
                self._postpone(leased, error, "Internal error while comparing the company: see the log")
                result.fault = error
                continue
            failures = 0
            result.compared.append(compared)
            self.log_comparison(compared)

    def _record_failure(self, leased: "Due", error: CodatError) -> None:
        """Record why a comparison failed, and postpone the company. Raises GateClosedError if it affects all calls."""
        self.gate.require_open()
        if isinstance(error, CodatUnavailableError):
            self._postpone(leased, error, "Codat does not answer")
        elif isinstance(error, GateClosedError):
            self._postpone(leased, error, "Codat refuses requests for this company", is_transient=False)
        else:
            self._postpone(leased, error, "Codat's answer can't be understood", is_transient=False)

    def _postpone(self, leased: "Due", error: Exception, problem: str, *, is_transient: bool = True) -> None:
        self.log_failure(leased.company_id, error)
        self.reconciler.record_failure(leased, problem, is_transient=is_transient)

    def _check_endpoint(self) -> EndpointState | None:
        """Check the endpoint and return its state; None if the check was not due, or Codat is unavailable."""
        try:
            return self.endpoint_monitor.check()
        except CodatError as error:
            self._log_and_continue("endpoint", error)
            return self.endpoint_monitor.postpone(is_fetched=not isinstance(error, CodatUnavailableError))

    def _discover(self, has_time: Callable[[], bool]) -> "DiscoveryProgress | None":
        """Read the list of companies and return the progress; None if Codat fails."""
        try:
            return self.discovery.resume(has_time)
        except CodatError as error:
            self._log_and_continue("companies", error)
            self.discovery.postpone()
            return None

    def _log_and_continue(self, what: str, error: CodatError) -> None:
        """Log an error that does not affect the comparisons. Raises GateClosedError if it does."""
        self.gate.require_open()
        self.log_failure(what, error)


def prioritize(due: Sequence["Due"]) -> Iterator["Due"]:
    """Yield active and incomplete companies first, and a quiet one after every three of them."""
    active = iter([each for each in due if not each.is_quiet])
    quiet = iter([each for each in due if each.is_quiet])
    while some := [*islice(active, _BUSY_PER_QUIET), *islice(quiet, 1)]:
        yield from some
