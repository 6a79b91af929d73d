"""Read and write signed, HTTP-only cookies."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from pydantic import TypeAdapter, ValidationError

from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.errors import SecretUnavailableError
from codat_sync.core.pasted_secrets import clean, load_fields

_MIN_KEY_CHARACTERS = 32
# In seconds. A cookie that a newer key signed is rejected for as long, which costs its user a redirect to sign in.
_MIN_REFRESH_AGE = 60


class CookieContent(Protocol):
    """A value that a cookie can hold for its ``lifetime``."""

    lifetime: ClassVar[timedelta]


T = TypeVar("T", bound=CookieContent)


def parse_session_keys(text: str) -> list[str]:
    """Parse the keys from ``{"key": "…", "previousKeys": ["…"]}``, of which the second is optional, newest last.

    Raises SecretUnavailableError, without quoting any of it.
    """
    fields = load_fields(text) or {}
    previous = fields.get("previouskeys", [])
    pasted = [*(previous if isinstance(previous, list) else [None]), fields.get("key")]
    keys = [clean(key) for key in pasted if isinstance(key, str)]
    if len(keys) < len(pasted) or min(map(len, keys)) < _MIN_KEY_CHARACTERS:
        form = '{"key": "…"} or {"key": "…", "previousKeys": ["…"]}'
        raise SecretUnavailableError(f"the secret is not {form} with {_MIN_KEY_CHARACTERS} characters or more per key")
    return keys


class SignedCookie(Generic[T]):
    """A signed cookie that holds a ``model``. ``is_secure`` is false over http, as in the local environment."""

    def __init__(
        self,
        name: str,
        model: type[T],
        keys: CachedSecret[list[str]],
        now: Callable[[], datetime],
        *,
        is_secure: bool = True,
    ) -> None:
        # With this prefix browsers accept it only from this host over https: no sibling domain can set one.
        self._name = f"__Host-{name}" if is_secure else name
        self._lifetime = model.lifetime
        self._adapter = TypeAdapter(model)
        self._keys = keys
        self._now = now
        self._is_secure = is_secure

    def write(self, value: T) -> Cookie:
        """Return the cookie that holds ``value`` for its lifetime. Raises SecretUnavailableError."""
        signed = self._serializer(self._keys.value()).dumps(self._adapter.dump_python(value, mode="json"))
        return self._cookie(signed if isinstance(signed, str) else signed.decode(), self._lifetime)

    def read(self, cookies: Mapping[str, str]) -> T | None:
        """Return the cookie's value; None if it is missing, expired, or not signed by us.

        Raises SecretUnavailableError.
        """
        text = cookies.get(self._name)
        if not text:
            return None
        value = self._read(text, self._keys.value())
        # The key may have been rotated, and another process already use the new one. Costs at most a call per minute.
        if value is None and (keys := self._keys.refresh(_MIN_REFRESH_AGE)):
            value = self._read(text, keys)
        return value

    def expire(self) -> Cookie:
        """Return the cookie that makes the browser delete it."""
        return self._cookie("", timedelta())

    def _read(self, text: str, keys: list[str]) -> T | None:
        # A signature of exactly `max_age` is still valid for itsdangerous; ours ends when the browser drops the cookie.
        max_age = int(self._lifetime.total_seconds()) - 1
        try:
            return self._adapter.validate_python(self._serializer(keys).loads(text, max_age=max_age))
        # ValidationError: written by another version of this application.
        except (BadData, ValidationError):
            return None

    def _serializer(self, keys: list[str]) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            keys,  # The last one signs; all of them verify.
            # The name is part of the salt: a cookie of one kind is not valid as another.
            salt=f"codat-sync.{self._name}",
            signer=_Signer,
            signer_kwargs={"digest_method": hashlib.sha256, "now": self._now},
        )

    def _cookie(self, value: str, lifetime: timedelta) -> Cookie:
        # Lax, not Strict: otherwise it would not be sent when the issuer redirects the user back.
        return Cookie(
            self._name,
            value,
            path="/",
            secure=self._is_secure,
            http_only=True,
            max_age=int(lifetime.total_seconds()),
            same_site=SameSite.LAX_MODE,
        )


class _Signer(TimestampSigner):
    """Sign with the time of the clock ``now``."""

    def __init__(self, *arguments: Any, now: Callable[[], datetime], **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now().timestamp())
