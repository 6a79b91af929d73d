"""Write a record's polling state to its attributes, and read it back."""

from collections.abc import Mapping
from typing import Any

from codat_sync.aws.dynamodb import Attributes
from codat_sync.aws.table_schema import due_index_keys
from codat_sync.core.enums import parse_enum
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.polling.schedule import CheckFailure, PendingCheck


def next_version(previous: Mapping[str, Any]) -> int:
    """Return the version that follows that of ``previous``."""
    return int(previous.get("version", 0)) + 1


def write_pending_check(pending_check: PendingCheck | None) -> Attributes:
    """Return the attributes of a pending check; None marks attributes to remove."""
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
    """Read the pending check, None if there is none."""
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
    """Return a summary with the pending check's fields that lists show and the clock needs."""
    shown: Attributes = {"version": version, "checkFailure": None, "isStuck": False, "correlationId": None}
    if pending_check:
        check_failure = pending_check.check_failure and pending_check.check_failure.value
        shown |= {
            "checkFailure": check_failure,
            "isStuck": pending_check.is_stuck,
            "correlationId": pending_check.correlation_id,
        }
    return {**summary, **shown}
