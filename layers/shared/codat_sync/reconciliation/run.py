"""A round of reconcile's: companies are compared for as long as time, quota and Codat allow; then the next one goes on.

The index of what is due is the queue: a company is put off before it is compared, so that two rounds at once never
compare the same one, and a crash costs no more than that time.
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

# More than a round gets to: so that those are among them for which there is most need.
_MAX_DUE = 2_000
# For each quiet company so many come first where something goes on; and never none.
_BUSY_PER_QUIET = 3
_MAX_FAILURES = 3
# Something of this one company can't be read: a fault of ours, for whose cure the others need not wait.
_UNEXPECTED_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class StopReason(StrEnum):
    """Why a round ended."""

    COMPLETED = "completed"  # nothing is due any more
    OUT_OF_TIME = "outOfTime"
    BUDGET_USED = "budgetUsed"  # what may be used of the day's quota by now is used
    RATE_LIMITED = "rateLimited"  # as many calls as Codat allows were made this minute
    GATE_CLOSED = "gateClosed"  # Codat may not be called
    NO_API_KEY = "noApiKey"
    CODAT_UNAVAILABLE = "codatUnavailable"  # it fails


@dataclass(slots=True)
class RunResult:
    """What a round came to. ``fault`` is one of ours that kept a company from being compared, None if none did."""

    stop_reason: StopReason = StopReason.COMPLETED
    compared: list[ComparisonResult] = field(default_factory=list)
    discovery_progress: "DiscoveryProgress | None" = None
    endpoint: EndpointState | None = None
    fault: Exception | None = None


@dataclass(frozen=True)
class ReconciliationRun:
    """How a round goes. ``tell`` hears of each comparison, ``tell_failure`` of one that came to nothing."""

    reconciler: "Reconciler"
    discovery: "CompanyDiscovery"
    endpoint_monitor: "EndpointMonitor"
    store: "ReconciliationRepository"
    gate: "SharedGate"
    now: Callable[[], datetime]
    log_comparison: Callable[[ComparisonResult], None]
    log_failure: Callable[[str, Exception], None]

    def run(self, has_time: Callable[[], bool], correlation_id: str) -> RunResult:
        """Look at the endpoint, read Codat's list of companies, compare what is due. Raises QueueUnavailableError."""
        result = RunResult()
        try:
            self.gate.require_open()  # Before anything is put off for a call that can't be made.
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
                continue  # Another round has it.
            try:
                compared = self.reconciler.compare(leased, began_at, correlation_id)
            except CodatError as error:
                self._record_failure(leased, error)
                failures += isinstance(error, CodatUnavailableError)
                continue
            except _UNEXPECTED_ERRORS as error:
                self._postpone(leased, error, "It can't be compared, by a fault of ours: the log tells")
                result.fault = error
                continue
            failures = 0
            result.compared.append(compared)
            self.log_comparison(compared)

    def _record_failure(self, leased: "Due", error: CodatError) -> None:
        """Write why a company was not compared, and put it off. Raises GateClosedError if no other can be either."""
        self.gate.require_open()
        if isinstance(error, CodatUnavailableError):
            self._postpone(leased, error, "Codat does not answer")
        elif isinstance(error, GateClosedError):
            self._postpone(leased, error, "Codat refuses it", is_transient=False)
        else:
            self._postpone(leased, error, "Codat's answer can't be understood", is_transient=False)

    def _postpone(self, leased: "Due", error: Exception, problem: str, *, is_transient: bool = True) -> None:
        self.log_failure(leased.company_id, error)
        self.reconciler.record_failure(leased, problem, is_transient=is_transient)

    def _check_endpoint(self) -> EndpointState | None:
        """Return how the endpoint stands, None if it was not time to ask, or Codat fails."""
        try:
            return self.endpoint_monitor.check()
        except CodatError as error:
            self._log_and_continue("endpoint", error)
            return self.endpoint_monitor.postpone(is_fetched=not isinstance(error, CodatUnavailableError))

    def _discover(self, has_time: Callable[[], bool]) -> "DiscoveryProgress | None":
        """Return how far the list of companies is read, None if Codat fails."""
        try:
            return self.discovery.resume(has_time)
        except CodatError as error:
            self._log_and_continue("companies", error)
            self.discovery.postpone()
            return None

    def _log_and_continue(self, what: str, error: CodatError) -> None:
        """Tell of an error that the comparisons do not depend on. Raises GateClosedError if they do."""
        self.gate.require_open()
        self.log_failure(what, error)


def prioritize(due: Sequence["Due"]) -> Iterator["Due"]:
    """Yield companies where something goes on or is missing first, and a quiet one after every three of them."""
    active_interval = iter([each for each in due if not each.is_quiet])
    idle_interval = iter([each for each in due if each.is_quiet])
    while some := [*islice(active_interval, _BUSY_PER_QUIET), *islice(idle_interval, 1)]:
        yield from some
