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
from codat_sync.rate_limits.errors import GateClosedError, RationUsedError, TooBusyError
from codat_sync.reconciliation.reconciler import Compared
from codat_sync.webhooks.endpoint import EndpointState

if TYPE_CHECKING:
    from codat_sync.rate_limits.gate import SharedGate
    from codat_sync.reconciliation.company_discovery import Discovered, Discovering
    from codat_sync.reconciliation.endpoint_monitor import Watching
    from codat_sync.reconciliation.reconciler import Reconciling
    from codat_sync.reconciliation.repository import Due, ReconciliationStore

# More than a round gets to: so that those are among them for which there is most need.
_MOST_DUE = 2_000
# For each quiet company so many come first where something goes on; and never none.
_BUSY_FOR_A_QUIET_ONE = 3
_MOST_FAILURES = 3
# Something of this one company can't be read: a fault of ours, for whose cure the others need not wait.
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class End(StrEnum):
    """Why a round ended."""

    DONE = "done"  # nothing is due any more
    TIME = "time"
    SHARE = "share"  # what may be used of the day's quota by now is used
    PACE = "pace"  # as many calls as Codat allows were made this minute
    GATE = "gate"  # Codat may not be called
    NO_KEY = "noKey"
    CODAT = "codat"  # it fails


@dataclass(slots=True)
class Round:
    """What a round came to. ``fault`` is one of ours that kept a company from being compared, None if none did."""

    end: End = End.DONE
    compared: list[Compared] = field(default_factory=list)
    discovered: "Discovered | None" = None
    endpoint: EndpointState | None = None
    fault: Exception | None = None


@dataclass(frozen=True)
class Rounds:
    """How a round goes. ``tell`` hears of each comparison, ``tell_failure`` of one that came to nothing."""

    reconciling: "Reconciling"
    discovering: "Discovering"
    watching: "Watching"
    store: "ReconciliationStore"
    gate: "SharedGate"
    now: Callable[[], datetime]
    tell: Callable[[Compared], None]
    tell_failure: Callable[[str, Exception], None]

    def go(self, has_time: Callable[[], bool], correlation_id: str) -> Round:
        """Look at the endpoint, read Codat's list of companies, compare what is due. Raises QueueUnavailableError."""
        went = Round()
        try:
            self.gate.pass_through()  # Before anything is put off for a call that can't be made.
            went.endpoint = self._look()
            went.discovered = self._discover(has_time)
            self._compare_all(went, has_time, correlation_id)
        except RationUsedError:
            went.end = End.SHARE
        except TooBusyError:
            went.end = End.PACE
        except GateClosedError:
            went.end = End.GATE
        except SecretUnavailableError:
            went.end = End.NO_KEY
        return went

    def _compare_all(self, went: Round, has_time: Callable[[], bool], correlation_id: str) -> None:
        began_at = self.discovering.rounds.load_directory().began_at or self.now()
        failures = 0
        for due in by_need(self.store.load_due(self.now(), _MOST_DUE)):
            if not has_time():
                went.end = End.TIME
                return
            if failures == _MOST_FAILURES:
                went.end = End.CODAT
                return
            leased = self.store.lease(due, self.now())
            if leased is None:
                continue  # Another round has it.
            try:
                compared = self.reconciling.compare(leased, began_at, correlation_id)
            except CodatError as error:
                self._note_failure(leased, error)
                failures += isinstance(error, CodatUnavailableError)
                continue
            except _UNFORESEEN as error:
                self._put_off(leased, error, "It can't be compared, by a fault of ours: the log tells")
                went.fault = error
                continue
            failures = 0
            went.compared.append(compared)
            self.tell(compared)

    def _note_failure(self, leased: "Due", error: CodatError) -> None:
        """Write why a company was not compared, and put it off. Raises GateClosedError if no other can be either."""
        self.gate.pass_through()
        if isinstance(error, CodatUnavailableError):
            self._put_off(leased, error, "Codat does not answer")
        elif isinstance(error, GateClosedError):
            self._put_off(leased, error, "Codat refuses it", is_soon_over=False)
        else:
            self._put_off(leased, error, "Codat's answer can't be understood", is_soon_over=False)

    def _put_off(self, leased: "Due", error: Exception, problem: str, *, is_soon_over: bool = True) -> None:
        self.tell_failure(leased.company_id, error)
        self.reconciling.fail(leased, problem, is_soon_over=is_soon_over)

    def _look(self) -> EndpointState | None:
        """Return how the endpoint stands, None if it was not time to ask, or Codat fails."""
        try:
            return self.watching.look()
        except CodatError as error:
            self._pass_over("endpoint", error)
            return self.watching.put_off(is_answered=not isinstance(error, CodatUnavailableError))

    def _discover(self, has_time: Callable[[], bool]) -> "Discovered | None":
        """Return how far the list of companies is read, None if Codat fails."""
        try:
            return self.discovering.go_on(has_time)
        except CodatError as error:
            self._pass_over("companies", error)
            self.discovering.put_off()
            return None

    def _pass_over(self, what: str, error: CodatError) -> None:
        """Tell of an error that the comparisons do not depend on. Raises GateClosedError if they do."""
        self.gate.pass_through()
        self.tell_failure(what, error)


def by_need(due: Sequence["Due"]) -> Iterator["Due"]:
    """Yield companies where something goes on or is missing first, and a quiet one after every three of them."""
    busy = iter([each for each in due if not each.is_quiet])
    quiet = iter([each for each in due if each.is_quiet])
    while some := [*islice(busy, _BUSY_FOR_A_QUIET_ONE), *islice(quiet, 1)]:
        yield from some
