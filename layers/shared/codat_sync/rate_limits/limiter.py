"""Define the interface of rate limiters."""

from contextlib import AbstractContextManager
from typing import Protocol


class RateLimiter(Protocol):
    """Keep calls within Codat's limits."""

    def acquire(self, company_id: str | None) -> AbstractContextManager[None]:
        """Wait for a slot for a call about a company, and hold it for the duration of the call."""
