"""Parse each function's environment once at start, so that a missing variable fails then, with its name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TypedDict

from codat_sync.auth.roles import AccessPolicy
from codat_sync.core.errors import SettingsError

_LOCAL = "local"


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Settings of the receiver."""

    webhook_secret_arn: str
    sync_queue_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ReceiverSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            webhook_secret_arn=_text(environment, "WEBHOOK_SECRET_ARN"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings of the worker."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    sync_dead_letter_queue_url: str
    event_retention: timedelta
    poll_initial_delay: timedelta
    maximum_concurrency: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "WorkerSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            sync_dead_letter_queue_url=_text(environment, "SYNC_DEAD_LETTER_QUEUE_URL"),
            event_retention=timedelta(days=_number(environment, "EVENT_RETENTION_DAYS")),
            poll_initial_delay=timedelta(seconds=_number(environment, "POLL_INITIAL_DELAY_SECONDS")),
            maximum_concurrency=_number(environment, "MAXIMUM_CONCURRENCY"),
        )


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Settings of the clock."""

    sync_table_name: str
    sync_queue_url: str
    retry_queue_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ClockSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            retry_queue_url=_text(environment, "RETRY_QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True)
class SubmitSettings:
    """Settings of submit."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    event_retention: timedelta
    poll_initial_delay: timedelta

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "SubmitSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            event_retention=timedelta(days=_number(environment, "EVENT_RETENTION_DAYS")),
            poll_initial_delay=timedelta(seconds=_number(environment, "POLL_INITIAL_DELAY_SECONDS")),
        )


@dataclass(frozen=True, slots=True)
class HealthSettings:
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
    max_attempts: int
    initial_delay: timedelta
    max_delay: timedelta

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "HealthSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            access=_access(environment),
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            sync_dead_letter_queue_url=_text(environment, "SYNC_DEAD_LETTER_QUEUE_URL"),
            retry_queue_url=_text(environment, "RETRY_QUEUE_URL"),
            retry_dead_letter_queue_url=_text(environment, "RETRY_DEAD_LETTER_QUEUE_URL"),
            publish_dead_letter_queue_url=environment.get("PUBLISH_DEAD_LETTER_QUEUE_URL") or None,
            retry_function_name=_text(environment, "RETRY_FUNCTION_NAME"),
            **_retry_policy(environment),
        )


@dataclass(frozen=True, slots=True)
class RetrySettings(SubmitSettings):
    """Settings of retry: those of submit, the authentication and the retry policy."""

    access: AccessPolicy
    retry_dead_letter_queue_url: str
    max_attempts: int
    initial_delay: timedelta
    max_delay: timedelta

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RetrySettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            **asdict(SubmitSettings.from_environment(environment)),
            access=_access(environment),
            retry_dead_letter_queue_url=_text(environment, "RETRY_DEAD_LETTER_QUEUE_URL"),
            **_retry_policy(environment),
        )


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """Settings of publish."""

    sync_table_name: str
    event_bus_name: str
    publish_dead_letter_queue_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PublishSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            event_bus_name=_text(environment, "EVENT_BUS_NAME"),
            publish_dead_letter_queue_url=_text(environment, "PUBLISH_DEAD_LETTER_QUEUE_URL"),
        )


class _RetryPolicy(TypedDict):
    max_attempts: int
    initial_delay: timedelta
    max_delay: timedelta


def _retry_policy(environment: Mapping[str, str]) -> _RetryPolicy:
    return {
        "max_attempts": _number(environment, "RETRY_MAX_ATTEMPTS"),
        "initial_delay": timedelta(seconds=_number(environment, "RETRY_INITIAL_DELAY_SECONDS")),
        "max_delay": timedelta(seconds=_number(environment, "RETRY_MAX_DELAY_SECONDS")),
    }


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """Authentication settings of the web UI. An empty ``public_url`` means the API's own URL."""

    access: AccessPolicy
    is_local: bool
    issuer: str
    login_secret_id: str
    session_secret_arn: str
    public_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "LoginSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        is_local = _is_local(environment)
        return cls(
            access=_access(environment),
            is_local=is_local,
            issuer=_url(environment, "ISSUER", is_local=is_local),
            login_secret_id=_text(environment, "LOGIN_SECRET_ID"),
            session_secret_arn=_text(environment, "SESSION_SECRET_ARN"),
            public_url=_url(environment, "PUBLIC_URL", is_local=is_local) if environment.get("PUBLIC_URL") else "",
        )


def _access(environment: Mapping[str, str]) -> AccessPolicy:
    """Return the access policy. Authentication may be off in the local environment only."""
    authentication, is_local = _text(environment, "AUTHENTICATION"), _is_local(environment)
    if authentication not in {"on", "off"}:
        raise SettingsError(f"the environment variable AUTHENTICATION is neither on nor off: {authentication!r}")
    if authentication == "off" and not is_local:
        raise SettingsError("the environment variable AUTHENTICATION may be off only if ENVIRONMENT is local")
    claims = tuple(filter(None, (each.strip() for each in _text(environment, "ROLE_CLAIMS").split(","))))
    return AccessPolicy(authentication == "on", claims)


def _is_local(environment: Mapping[str, str]) -> bool:
    return _text(environment, "ENVIRONMENT") == _LOCAL


def _url(environment: Mapping[str, str], name: str, *, is_local: bool) -> str:
    value = _text(environment, name)
    if not value.startswith(("https://", "http://") if is_local else "https://"):
        raise SettingsError(f"the environment variable {name} is no https URL: {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """Settings of reconcile."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    webhook_url: str
    quota_percent: int
    active_interval: timedelta
    idle_interval: timedelta

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ReconcileSettings":
        """Parse the settings from ``environment``. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            webhook_url=_text(environment, "WEBHOOK_URL"),
            quota_percent=_number(environment, "RECONCILE_QUOTA_PERCENT"),
            active_interval=timedelta(minutes=_number(environment, "RECONCILE_ACTIVE_INTERVAL_MINUTES")),
            idle_interval=timedelta(minutes=_number(environment, "RECONCILE_IDLE_INTERVAL_MINUTES")),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def _number(environment: Mapping[str, str], name: str) -> int:
    value = _text(environment, name)
    if not value.isdecimal():
        raise SettingsError(f"the environment variable {name} is not a number: {value!r}")
    return int(value)
