"""Read secrets from Secrets Manager and cache them for as long as that is safe."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

# In seconds. A removed secret is rejected after the first; a new one is noticed within the second, so deliberately
# invalid requests cost at most one call in that time.
_MAX_AGE = 300.0
_MIN_INTERVAL = 60.0


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

    def value(self) -> T:
        """Return the secret, cached for five minutes, or longer while it can't be read again.

        Raises SecretUnavailableError if it was never read.
        """
        if self._value is None:
            return self._read()
        if self._clock() - self._tried_at < _MAX_AGE:
            return self._value
        try:
            return self._read()
        except SecretUnavailableError:
            return self._value

    def refresh(self) -> T | None:
        """Read the secret again, or return None if the last attempt was less than a minute ago.

        Raises SecretUnavailableError.
        """
        return self._read() if self._clock() - self._tried_at >= _MIN_INTERVAL else None

    def _read(self) -> T:
        self._tried_at = self._clock()
        try:
            text = self._client.get_secret_value(SecretId=self._secret_id).get("SecretString")
        except (ClientError, BotoCoreError) as error:
            raise SecretUnavailableError(f"the secret cannot be read: {error}") from error
        if not text:
            raise SecretUnavailableError("the secret has no text")
        self._value = self._parse(text)
        return self._value
