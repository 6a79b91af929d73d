"""Store responses by `Idempotency-Key` as Codat does."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import httpx

from dev.codat_simulator.api.errors import CodatApiError, ValidationFlaw, invalid

HEADER = "Idempotency-Key"
KEY_LIFETIME = timedelta(minutes=90)
# Rejected credentials and rate limits are not stored: the key may be used again.
NOT_REPLAYED_STATUSES = frozenset({401, 429})

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """A stored response without the parts that differ each time."""

    status: int
    content: bytes
    headers: dict[str, str]


@dataclass
class _Kept:
    asked: tuple[str, bytes]
    at: datetime
    answer: Answer | None = None  # while the request is running


class IdempotencyKeys:
    """The first response to each key. Codat ignores the header on a PUT."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._kept: dict[str, _Kept] = {}

    def is_known(self, request: httpx.Request) -> bool:
        """Return whether a request with this key is in progress or completed."""
        with self._lock:
            return self._find(_key(request)) is not None

    def answer(self, request: httpx.Request, first: Callable[[], Answer]) -> Answer:
        """Return the stored response to the key, or the `first` one. Raises a 400, 409 or 422, which are not stored."""
        key = _key(request)
        if key is None:
            return first()
        if not _GUID.fullmatch(key):
            raise invalid(ValidationFlaw(HEADER, f"{HEADER} must be a GUID", "Guid"))
        kept = self._begin(key, (request.url.path, request.read()))
        if kept is not None:
            return kept
        answer = None
        try:
            answer = first()
        finally:
            self._finish(key, answer)
        return answer

    def _begin(self, key: str, asked: tuple[str, bytes]) -> Answer | None:
        with self._lock:
            kept = self._find(key)
            if kept is None:
                self._kept[key] = _Kept(asked, self._now())
                return None
        if kept.asked != asked:
            raise CodatApiError(422, f"This {HEADER} was used with another request.", "False")
        if kept.answer is None:
            raise CodatApiError(409, f"A request with this {HEADER} is still running.", "True")
        return kept.answer

    def _finish(self, key: str, answer: Answer | None) -> None:
        with self._lock:
            if answer is None or answer.status in NOT_REPLAYED_STATUSES:
                del self._kept[key]
            else:
                self._kept[key].answer = answer

    def _find(self, key: str | None) -> _Kept | None:
        kept = self._kept.get(key or "")
        if kept is None or (kept.answer is not None and self._now() - kept.at >= KEY_LIFETIME):
            return None
        return kept


def _key(request: httpx.Request) -> str | None:
    key: str | None = request.headers.get(HEADER)
    return key.lower() if key is not None and request.method == "POST" else None
