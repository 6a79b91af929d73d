"""Read secrets from Secrets Manager and cache them for as long as that is safe."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.observability import logger
from codat_sync.core.errors import SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

# In seconds. A removed secret is rejected after this time.
_MAX_AGE = 300.0
# A new secret is noticed by the first request that needs it. Requests can be forged, so each process has a supply of
# reads that is replenished one at a time: at worst 12 calls a minute.
_MOST_REFRESHES = 60
_MIN_INTERVAL = 5.0


def read_secret(client: "SecretsManagerClient", secret_id: str) -> str:
    """Return a secret's text. Raises SecretUnavailableError."""
    try:
        text = client.get_secret_value(SecretId=secret_id).get("SecretString")
    except (ClientError, BotoCoreError) as error:
        raise SecretUnavailableError(f"the secret cannot be read: {error}") from error
    if not text:
        raise SecretUnavailableError("the secret has no text")
    return text


class CachedSecret(Generic[T]):
    """A secret, read lazily and parsed by ``parse``, which raises SecretUnavailableError for an invalid value."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        secret_id: str,
        parse: Callable[[str], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._parse = parse
        self._clock = clock
        self._value: T | None = None
        self._tried_at = float("-inf")
        self._refreshes_until = float("-inf")  # when the supply of re-reads is complete again

    def value(self) -> T:
        """Return the secret, cached for five minutes, or longer while it can't be read again.

        Raises SecretUnavailableError if it was never read.
        """
        if self._value is None:
            return self._read_first()
        if self._clock() - self._tried_at < _MAX_AGE:
            return self._value
        try:
            return self._read()
        except SecretUnavailableError:
            return self._value

    def refresh(self, min_age: float = 0) -> T | None:
        """Read the secret again, unless the last attempt was less than ``min_age`` seconds ago.

        Return None if it was, and if there were too many. Raises SecretUnavailableError.
        """
        now = self._clock()
        if now - self._tried_at < min_age:
            return None
        until = max(self._refreshes_until, now) + _MIN_INTERVAL
        if until - now > _MOST_REFRESHES * _MIN_INTERVAL:
            return None
        self._refreshes_until = until
        return self._read()

    def _read_first(self) -> T:
        if (value := self.refresh()) is None:
            raise SecretUnavailableError("the secret could not be read a moment ago")
        return value

    def _read(self) -> T:
        self._tried_at = self._clock()
        try:
            self._value = self._parse(read_secret(self._client, self._secret_id))
        except SecretUnavailableError as error:
            # Here, because callers may go on with an older value, and nothing else would reveal it.
            logger.warning("secret unavailable", secret=self._secret_id, reason=str(error))
            raise
        return self._value
