"""Execute requests with an Idempotency-Key once, and repeat the response to each further one with the same key.

Every operation of the API is safe to repeat without this: nothing is written to Codat twice. With a key, a caller who
lost a response can get the same response again, instead of the response to a second attempt.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_sync.auth.roles import Viewer
from codat_sync.aws.errors import AWS_ERRORS
from codat_sync.aws.observability import logger
from codat_sync.core.errors import IdempotencyKeyReusedError, InvalidQueryError, RequestInProgressError
from codat_sync.core.http_event import get_headers, raw_body
from codat_sync.idempotency.repository import MAX_DURATION, IdempotencyRecord, IdempotencyRepository, Json, expiry

HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]{1,255}$"
REPLAYED = "idempotency-replayed"
_RETENTION = timedelta(hours=24)
_SUCCESS = range(200, 300)


@dataclass(frozen=True)
class IdempotentRequests:
    """Execute requests of API Gateway (payload 2.0)."""

    repository: IdempotencyRepository
    now: Callable[[], datetime]

    def answer(self, event: Mapping[str, Any], caller: Viewer, handle: Callable[[], Json]) -> Json:
        """Return the response of ``handle``, or the stored one if ``caller`` has made this request before.

        With the same roles: a caller who has lost one since gets what that leads to. Only successes are stored: after
        an error, the same request is executed again. Raises InvalidQueryError, RequestInProgressError,
        IdempotencyKeyReusedError, and what ``handle`` raises.
        """
        key = get_headers(event).get(HEADER.lower())
        if key is None:
            return handle()
        if not re.fullmatch(KEY_PATTERN, key):
            raise InvalidQueryError(HEADER, "must be 1 to 255 visible ASCII characters")
        record_id = _digest(*sorted(caller.roles), caller.subject, key)
        now = self.now()
        record = IdempotencyRecord(_digest_request(event), expiry(now, MAX_DURATION), expiry(now, _RETENTION))
        if replayed := self._begin(record_id, record):
            return replayed
        return self._execute(record_id, record, handle)

    def _begin(self, record_id: str, record: IdempotencyRecord) -> Json | None:
        """Store the record of a new request; return the response to an earlier one if there is one."""
        if self.repository.begin(record_id, record, None):
            return None
        stored = self.repository.load(record_id)
        now = self.now().timestamp()
        if stored and stored.expires_at > now:
            if stored.digest != record.digest:
                raise IdempotencyKeyReusedError("the key was used for another request")
            if stored.response:
                headers = {**stored.response["headers"], REPLAYED: "true"}
                return stored.response | {"headers": headers}
            if stored.locked_until > now:
                raise RequestInProgressError("the request is in progress")
        # It expired; or its function was ended before it finished.
        if not self.repository.begin(record_id, record, stored):
            raise RequestInProgressError("another request was faster")
        return None

    def _execute(self, record_id: str, record: IdempotencyRecord, handle: Callable[[], Json]) -> Json:
        response: Json | None = None
        try:
            response = handle()
        finally:
            self._finish(record_id, record, response)
        return response

    def _finish(self, record_id: str, record: IdempotencyRecord, response: Json | None) -> None:
        """Store a success. If that fails, the caller still gets the response: a repetition does no harm."""
        try:
            if response and response["statusCode"] in _SUCCESS:
                self.repository.finish(record_id, record, response)
            else:
                self.repository.release(record_id, record)
        except AWS_ERRORS as error:
            logger.warning("response not stored for its Idempotency-Key", error=type(error).__name__)


def _digest_request(event: Mapping[str, Any]) -> str:
    """Return a digest of everything that decides what a request does. Raises InvalidBodyError."""
    http = event["requestContext"]["http"]
    return _digest(http["method"], event["rawPath"], event.get("rawQueryString", ""), raw_body(event).hex())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
