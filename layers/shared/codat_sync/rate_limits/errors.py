"""Errors of what keeps calls within Codat's limits: waiting resolves each of them."""

from codat_sync.core.errors import CodatError, CodatSyncError
from codat_sync.rate_limits.quota import Closure


class RateLimitExceededError(CodatSyncError):
    """More is asked of Codat at once than it allows. Waiting for a second cures it."""


class DailyBudgetExhaustedError(CodatSyncError):
    """What reconcile may use of the day's quota by now is used. Waiting cures it."""


class GateClosedError(CodatError):
    """Codat may not be called for now: its quota is used up (429), or it refuses the key (401, 402, 403).

    ``closure`` says why and until when, ``is_refused_by_codat`` whether this very call was refused. Waiting cures the
    first, a person the second.
    """

    def __init__(
        self, message: str, closure: Closure, *, is_refused_by_codat: bool = False, correlation_id: str | None = None
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.closure = closure
        self.is_refused_by_codat = is_refused_by_codat
