"""The polling state of a record: write it to the record's attributes, and read it back."""

from collections.abc import Mapping
from typing import Any

from codat_sync.aws.dynamodb import Attributes
from codat_sync.aws.table_schema import due_index_keys
from codat_sync.core.enums import parse_enum
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.polling.schedule import CheckFailure, PendingCheck


def next_version(previous: Mapping[str, Any]) -> int:
    """Return the version that comes after that of ``previous``."""
    return int(previous.get("version", 0)) + 1


def write_pending_check(pending_check: PendingCheck | None) -> Attributes:
    """Return the attributes that say how something waits; None is for those that go."""
    if pending_check is None:
        return {"pendingCheck": None, **due_index_keys(None)}
    due_at = format_timestamp(pending_check.due_at) if pending_check.due_at else None
    return {
        "pendingCheck": {
            "since": format_timestamp(pending_check.since),
            "attempts": pending_check.attempts,
            "checkFailure": pending_check.check_failure and pending_check.check_failure.value,
            "isStuck": pending_check.is_stuck,
            "correlationId": pending_check.correlation_id,
            "codatCorrelationId": pending_check.codat_correlation_id,
        },
        **due_index_keys(due_at, behind_gate=pending_check.is_waiting_for_gate),
    }


def read_pending_check(values: Mapping[str, Any]) -> PendingCheck | None:
    """Return how something waits, None if it does not."""
    written = values.get("pendingCheck")
    since = parse_timestamp(written["since"]) if written else None
    if written is None or since is None:
        return None
    return PendingCheck(
        since=since,
        attempts=int(written["attempts"]),
        due_at=parse_timestamp(values.get("dueAt")),
        check_failure=parse_enum(CheckFailure, written["checkFailure"], CheckFailure.UNAVAILABLE)
        if written["checkFailure"]
        else None,
        is_stuck=written["isStuck"],
        correlation_id=written["correlationId"],
        codat_correlation_id=written.get("codatCorrelationId"),
    )


def with_pending_check(summary: Mapping[str, Any], pending_check: PendingCheck | None, *, version: int) -> Attributes:
    """Return a summary with what lists show of the waiting, and what the clock needs to know of it."""
    shown: Attributes = {"version": version, "checkFailure": None, "isStuck": False, "correlationId": None}
    if pending_check:
        check_failure = pending_check.check_failure and pending_check.check_failure.value
        shown |= {
            "checkFailure": check_failure,
            "isStuck": pending_check.is_stuck,
            "correlationId": pending_check.correlation_id,
        }
    return {**summary, **shown}
