"""Errors of the rate limits and the gate."""

from codat_sync.core.errors import CodatError, CodatSyncError
from codat_sync.rate_limits.quota import Closure


class RateLimitExceededError(CodatSyncError):
    """Too many concurrent or recent calls to Codat. Retry in a second."""


class DailyBudgetExhaustedError(CodatSyncError):
    """Reconcile's daily budget released so far is used up. Retry later."""


class GateClosedError(CodatError):
    """The gate is closed: Codat's quota is used up (429), or Codat rejects the key (401, 402, 403).

    ``closure`` holds the reason and end, ``is_refused_by_codat`` whether Codat rejected this very call. A used-up quota
    resolves itself; a rejected key needs an operator.
    """

    def __init__(
        self, message: str, closure: Closure, *, is_refused_by_codat: bool = False, correlation_id: str | None = None
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.closure = closure
        self.is_refused_by_codat = is_refused_by_codat
