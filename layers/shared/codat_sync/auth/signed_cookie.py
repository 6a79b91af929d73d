"""Read and write signed, HTTP-only cookies."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from itsdangerous import BadData, URLSafeSerializer
from pydantic import TypeAdapter, ValidationError

from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.errors import SecretUnavailableError

_SHORTEST_KEY = 32


class Expiring(Protocol):
    """A value with an expiry time, which a cookie can hold."""

    @property
    def expires_at(self) -> datetime:
        """When it expires."""


T = TypeVar("T", bound=Expiring)


def parse_session_key(text: str) -> str:
    """Parse the key from ``{"key": "…"}``. Raises SecretUnavailableError, without quoting any of it."""
    try:
        key = json.loads(text)["key"]
    except (ValueError, LookupError, TypeError):
        key = None
    if not isinstance(key, str) or len(key) < _SHORTEST_KEY:
        raise SecretUnavailableError(f'the secret is not {{"key": "…"}} with {_SHORTEST_KEY} characters or more')
    return key


class SignedCookie(Generic[T]):
    """A signed cookie that holds a ``model``. ``is_secure`` is false over http, as in the local environment."""

    def __init__(
        self,
        name: str,
        model: type[T],
        key: CachedSecret[str],
        now: Callable[[], datetime],
        *,
        is_secure: bool = True,
    ) -> None:
        # With this prefix browsers accept it only from this host over https: no sibling domain can set one.
        self._name = f"__Host-{name}" if is_secure else name
        self._adapter = TypeAdapter(model)
        self._key = key
        self._now = now
        self._is_secure = is_secure

    def write(self, value: T) -> Cookie:
        """Return the cookie that holds ``value`` until it expires. Raises SecretUnavailableError."""
        text = self._serializer(self._key.value()).dumps(self._adapter.dump_python(value, mode="json"))
        signed = text if isinstance(text, str) else text.decode()
        return self._cookie(signed, int((value.expires_at - self._now()).total_seconds()))

    def read(self, cookies: Mapping[str, str]) -> T | None:
        """Return the cookie's value; None if it is missing, expired, or not signed by us.

        Raises SecretUnavailableError.
        """
        text = cookies.get(self._name)
        if not text:
            return None
        value = self._read(text, self._key.value())
        # The key may have been rotated, and another process already use the new one. Costs at most a call per minute.
        if value is None and (key := self._key.refresh()):
            value = self._read(text, key)
        return value if value and value.expires_at > self._now() else None

    def expire(self) -> Cookie:
        """Return the cookie that makes the browser delete it."""
        return self._cookie("", 0)

    def _read(self, text: str, key: str) -> T | None:
        try:
            return self._adapter.validate_python(self._serializer(key).loads(text))
        # ValidationError: written by an older version of this application.
        except (BadData, ValidationError):
            return None

    def _serializer(self, key: str) -> URLSafeSerializer:
        # The name is part of the salt: a cookie of one kind is not valid as another.
        return URLSafeSerializer(key, salt=f"codat-sync.{self._name}", signer_kwargs={"digest_method": hashlib.sha256})

    def _cookie(self, value: str, seconds: int) -> Cookie:
        # Lax, not Strict: otherwise it would not be sent when the issuer redirects the user back.
        return Cookie(
            self._name,
            value,
            path="/",
            secure=self._is_secure,
            http_only=True,
            max_age=seconds,
            same_site=SameSite.LAX_MODE,
        )
