"""What every rate limiter offers to the connection to Codat."""

from contextlib import AbstractContextManager
from typing import Protocol


class RateLimiter(Protocol):
    """What keeps calls within Codat's limits."""

    def acquire(self, company_id: str | None) -> AbstractContextManager[None]:
        """Wait for one's turn to call about a company, and keep it for as long as the call takes."""
