"""The polling state of a record: write it to the record's attributes, and read it back."""

from collections.abc import Mapping
from typing import Any

from codat_sync.aws.dynamodb import Values
from codat_sync.aws.table_schema import due_keys
from codat_sync.core.enums import member
from codat_sync.core.timestamps import format_instant, parse_instant
from codat_sync.polling.schedule import Trouble, Waiting


def next_version(previous: Mapping[str, Any]) -> int:
    """Return the version that comes after that of ``previous``."""
    return int(previous.get("version", 0)) + 1


def write_waiting(waiting: Waiting | None) -> Values:
    """Return the attributes that say how something waits; None is for those that go."""
    if waiting is None:
        return {"waiting": None, **due_keys(None)}
    due_at = format_instant(waiting.due_at) if waiting.due_at else None
    return {
        "waiting": {
            "since": format_instant(waiting.since),
            "looks": waiting.looks,
            "trouble": waiting.trouble and waiting.trouble.value,
            "isStuck": waiting.is_stuck,
            "correlationId": waiting.correlation_id,
            "codatCorrelationId": waiting.codat_correlation_id,
        },
        **due_keys(due_at, behind_gate=waiting.is_behind_gate),
    }


def read_waiting(values: Mapping[str, Any]) -> Waiting | None:
    """Return how something waits, None if it does not."""
    written = values.get("waiting")
    since = parse_instant(written["since"]) if written else None
    if written is None or since is None:
        return None
    return Waiting(
        since=since,
        looks=int(written["looks"]),
        due_at=parse_instant(values.get("dueAt")),
        trouble=member(Trouble, written["trouble"], Trouble.UNAVAILABLE) if written["trouble"] else None,
        is_stuck=written["isStuck"],
        correlation_id=written["correlationId"],
        codat_correlation_id=written.get("codatCorrelationId"),
    )


def with_waiting(summary: Mapping[str, Any], waiting: Waiting | None, *, version: int) -> Values:
    """Return a summary with what lists show of the waiting, and what the clock needs to know of it."""
    shown: Values = {"version": version, "trouble": None, "isStuck": False, "correlationId": None}
    if waiting:
        trouble = waiting.trouble and waiting.trouble.value
        shown |= {"trouble": trouble, "isStuck": waiting.is_stuck, "correlationId": waiting.correlation_id}
    return {**summary, **shown}
