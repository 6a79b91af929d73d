"""The environment of each function, read once when it starts: what is missing is known then, by its name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TypedDict

from codat_sync.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """What the receiver is told."""

    webhook_secret_arn: str
    sync_queue_url: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "ReceiverSettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            webhook_secret_arn=_text(environment, "WEBHOOK_SECRET_ARN"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the worker is told."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    sync_dead_letter_queue_url: str
    event_retention: timedelta
    first_look: timedelta
    maximum_concurrency: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "WorkerSettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            sync_dead_letter_queue_url=_text(environment, "SYNC_DEAD_LETTER_QUEUE_URL"),
            event_retention=timedelta(days=_number(environment, "EVENT_RETENTION_DAYS")),
            first_look=timedelta(seconds=_number(environment, "FIRST_LOOK_SECONDS")),
            maximum_concurrency=_number(environment, "MAXIMUM_CONCURRENCY"),
        )


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """What the clock is told."""

    sync_table_name: str
    sync_queue_url: str
    retry_queue_url: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "ClockSettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            retry_queue_url=_text(environment, "RETRY_QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True)
class SubmitSettings:
    """What submit is told."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    event_retention: timedelta
    first_look: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "SubmitSettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            event_retention=timedelta(days=_number(environment, "EVENT_RETENTION_DAYS")),
            first_look=timedelta(seconds=_number(environment, "FIRST_LOOK_SECONDS")),
        )


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """What health is told."""

    codat_base_url: str
    codat_secret_arn: str
    sync_table_name: str
    sync_queue_url: str
    most_attempts: int
    first_delay: timedelta
    longest_delay: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "HealthSettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            codat_base_url=_text(environment, "CODAT_BASE_URL"),
            codat_secret_arn=_text(environment, "CODAT_SECRET_ARN"),
            sync_table_name=_text(environment, "SYNC_TABLE_NAME"),
            sync_queue_url=_text(environment, "SYNC_QUEUE_URL"),
            **_policy(environment),
        )


@dataclass(frozen=True, slots=True)
class RetrySettings(SubmitSettings):
    """What retry is told: what submit is, and how often it may try."""

    retry_dead_letter_queue_url: str
    most_attempts: int
    first_delay: timedelta
    longest_delay: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "RetrySettings":
        """Return the settings that ``environment`` holds. Raises SettingsError."""
        return cls(
            **asdict(SubmitSettings.read(environment)),
            retry_dead_letter_queue_url=_text(environment, "RETRY_DEAD_LETTER_QUEUE_URL"),
            **_policy(environment),
        )


class _Policy(TypedDict):
    most_attempts: int
    first_delay: timedelta
    longest_delay: timedelta


def _policy(environment: Mapping[str, str]) -> _Policy:
    return {
        "most_attempts": _number(environment, "RETRY_MOST_ATTEMPTS"),
        "first_delay": timedelta(seconds=_number(environment, "RETRY_FIRST_DELAY_SECONDS")),
        "longest_delay": timedelta(seconds=_number(environment, "RETRY_LONGEST_DELAY_SECONDS")),
    }


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
