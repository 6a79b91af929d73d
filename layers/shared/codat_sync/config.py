"""Parse each function's environment once at start, so that a missing variable fails then, with its name.

The receiver reads its two variables itself: these classes would be 4 % of its cold start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Self

from codat_sync.auth.roles import AccessPolicy
from codat_sync.core.environment import required
from codat_sync.core.errors import SettingsError
from codat_sync.search.kinds import SearchIndexScope

_LOCAL = "local"
# The variables of settings without a variable of their own name. A duration's name ends with its unit.
_VARIABLES = {
    "event_retention": "EVENT_RETENTION_DAYS",
    "poll_initial_delay": "POLL_INITIAL_DELAY_SECONDS",
    "max_attempts": "RETRY_MAX_ATTEMPTS",
    "initial_delay": "RETRY_INITIAL_DELAY_SECONDS",
    "max_delay": "RETRY_MAX_DELAY_SECONDS",
    "quota_percent": "RECONCILE_QUOTA_PERCENT",
    "active_interval": "RECONCILE_ACTIVE_INTERVAL_MINUTES",
    "idle_interval": "RECONCILE_IDLE_INTERVAL_MINUTES",
}


@dataclass(frozen=True, slots=True)
class _Settings:
    """Settings read from the variables of their names, such as ``SYNC_TABLE_NAME``, and parsed by their types."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Parse the settings from ``environment``. Raises SettingsError."""
        values = {
            each.name: _parse(each.type, _VARIABLES.get(each.name, each.name.upper()), environment)
            for each in fields(cls)
        }
        return cls(**values)


@dataclass(frozen=True, slots=True)
class WorkerSettings(_Settings):
    """Settings of the worker."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    sync_dead_letter_queue_url: str
    event_retention: timedelta
    poll_initial_delay: timedelta
    maximum_concurrency: int


@dataclass(frozen=True, slots=True)
class ClockSettings(_Settings):
    """Settings of the clock."""

    sync_table_name: str
    sync_queue_url: str
    retry_queue_url: str


@dataclass(frozen=True, slots=True)
class SubmitSettings(_Settings):
    """Settings of submit."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    event_retention: timedelta
    poll_initial_delay: timedelta


@dataclass(frozen=True, slots=True)
class HealthSettings(_Settings):
    """Settings of health. ``publish_dead_letter_queue_url`` is None where publish is disabled."""

    access: AccessPolicy
    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    sync_dead_letter_queue_url: str
    retry_queue_url: str
    retry_dead_letter_queue_url: str
    publish_dead_letter_queue_url: str | None
    retry_function_name: str
    search_index: SearchIndexScope
    max_attempts: int
    initial_delay: timedelta
    max_delay: timedelta


@dataclass(frozen=True, slots=True)
class RetrySettings(SubmitSettings):
    """Settings of retry: those of submit, the authentication and the retry policy."""

    access: AccessPolicy
    retry_dead_letter_queue_url: str
    max_attempts: int
    initial_delay: timedelta
    max_delay: timedelta


@dataclass(frozen=True, slots=True)
class PublishSettings(_Settings):
    """Settings of publish."""

    sync_table_name: str
    event_bus_name: str
    publish_dead_letter_queue_url: str


@dataclass(frozen=True, slots=True)
class IndexSettings(_Settings):
    """Settings of index."""

    sync_table_name: str
    search_index: SearchIndexScope


@dataclass(frozen=True, slots=True)
class ReconcileSettings(_Settings):
    """Settings of reconcile."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    webhook_url: str
    quota_percent: int
    active_interval: timedelta
    idle_interval: timedelta


@dataclass(frozen=True, slots=True)
class LoginSettings(_Settings):
    """Authentication settings of the web UI. An empty ``public_url`` means the API's own URL."""

    access: AccessPolicy
    is_local: bool
    issuer: str
    login_secret_id: str
    session_secret_arn: str
    public_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Parse the settings from ``environment``. Raises SettingsError."""
        is_local = _is_local(environment)
        return cls(
            access=_access(environment),
            is_local=is_local,
            issuer=_url(environment, "ISSUER", is_local=is_local),
            login_secret_id=required(environment, "LOGIN_SECRET_ID"),
            session_secret_arn=required(environment, "SESSION_SECRET_ARN"),
            public_url=_url(environment, "PUBLIC_URL", is_local=is_local) if environment.get("PUBLIC_URL") else "",
        )


def _parse(kind: object, name: str, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - of the type ``kind``
    if kind is AccessPolicy:
        return _access(environment)
    if kind is SearchIndexScope:
        return _scope(required(environment, name))
    if kind is int:
        return _number(environment, name)
    if kind is timedelta:
        return timedelta(**{name.rpartition("_")[2].lower(): _number(environment, name)})
    return environment.get(name) or None if kind == str | None else required(environment, name)


def _access(environment: Mapping[str, str]) -> AccessPolicy:
    """Return the access policy. Authentication may be off in the local environment only."""
    authentication, is_local = required(environment, "AUTHENTICATION"), _is_local(environment)
    if authentication not in {"on", "off"}:
        raise SettingsError(f"the environment variable AUTHENTICATION is neither on nor off: {authentication!r}")
    if authentication == "off" and not is_local:
        raise SettingsError("the environment variable AUTHENTICATION may be off only if ENVIRONMENT is local")
    claims = tuple(filter(None, (each.strip() for each in required(environment, "ROLE_CLAIMS").split(","))))
    return AccessPolicy(authentication == "on", claims)


def _scope(value: str) -> SearchIndexScope:
    try:
        return SearchIndexScope(value)
    except ValueError:
        raise SettingsError(f"the environment variable SEARCH_INDEX is none of all, ids and off: {value!r}") from None


def _is_local(environment: Mapping[str, str]) -> bool:
    return required(environment, "ENVIRONMENT") == _LOCAL


def _url(environment: Mapping[str, str], name: str, *, is_local: bool) -> str:
    value = required(environment, name)
    if not value.startswith(("https://", "http://") if is_local else "https://"):
        raise SettingsError(f"the environment variable {name} is no https URL: {value!r}")
    return value


def _number(environment: Mapping[str, str], name: str) -> int:
    value = required(environment, name)
    if not value.isdecimal():
        raise SettingsError(f"the environment variable {name} is not a number: {value!r}")
    return int(value)
