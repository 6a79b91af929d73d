"""Cookies that nobody can make or change but us, and no script can read."""

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
    """What a cookie can hold: it says itself until when it is good."""

    @property
    def expires_at(self) -> datetime:
        """When it is over."""


T = TypeVar("T", bound=Expiring)


def parse_session_key(text: str) -> str:
    """Return the key of ``{"key": "…"}``. Raises SecretUnavailableError, without quoting any of it."""
    try:
        key = json.loads(text)["key"]
    except (ValueError, LookupError, TypeError):
        key = None
    if not isinstance(key, str) or len(key) < _SHORTEST_KEY:
        raise SecretUnavailableError(f'the secret is not {{"key": "…"}} with {_SHORTEST_KEY} characters or more')
    return key


class SignedCookie(Generic[T]):
    """The cookie ``name``, which holds a ``model``. Over http, as in the local environment, it is not ``is_secure``."""

    def __init__(
        self,
        name: str,
        model: type[T],
        key: CachedSecret[str],
        now: Callable[[], datetime],
        *,
        is_secure: bool = True,
    ) -> None:
        # With this prefix browsers take it only from this very host, over https: no neighbour can plant one.
        self._name = f"__Host-{name}" if is_secure else name
        self._adapter = TypeAdapter(model)
        self._key = key
        self._now = now
        self._is_secure = is_secure

    def write(self, value: T) -> Cookie:
        """Return the cookie that holds ``value``, until that is over. Raises SecretUnavailableError."""
        text = self._serializer(self._key.value()).dumps(self._adapter.dump_python(value, mode="json"))
        signed = text if isinstance(text, str) else text.decode()
        return self._cookie(signed, int((value.expires_at - self._now()).total_seconds()))

    def read(self, cookies: Mapping[str, str]) -> T | None:
        """Return what the cookie holds; None if there is none, it is over, or it is not of ours.

        Raises SecretUnavailableError.
        """
        text = cookies.get(self._name)
        if not text:
            return None
        value = self._read(text, self._key.value())
        # Perhaps the key was exchanged, and another process knows already. It costs a call a minute at most.
        if value is None and (key := self._key.refresh()):
            value = self._read(text, key)
        return value if value and value.expires_at > self._now() else None

    def expire(self) -> Cookie:
        """Return what has a browser drop the cookie."""
        return self._cookie("", 0)

    def _read(self, text: str, key: str) -> T | None:
        try:
            return self._adapter.validate_python(self._serializer(key).loads(text))
        # ValidationError: one of an older version of this application's.
        except (BadData, ValidationError):
            return None

    def _serializer(self, key: str) -> URLSafeSerializer:
        # The name is part of what is signed: a cookie of one kind is none of another.
        return URLSafeSerializer(key, salt=f"codat-sync.{self._name}", signer_kwargs={"digest_method": hashlib.sha256})

    def _cookie(self, value: str, seconds: int) -> Cookie:
        # Lax, not Strict: else it would not come along when the issuer sends somebody back.
        return Cookie(
            self._name,
            value,
            path="/",
            secure=self._is_secure,
            http_only=True,
            max_age=seconds,
            same_site=SameSite.LAX_MODE,
        )
