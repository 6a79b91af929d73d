"""Model a company (a customer of the product) and its connections."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

# Codat sends an event when a connection changes, but not when a name does.
STALE_AFTER = timedelta(days=7)
_ACCOUNTING = "accounting"
_EXPENSE = "expense"
_LINKED = "linked"


class Connection(TypedDict, total=False):
    """A company's connection in Codat's format."""

    platformName: str | None
    sourceType: str | None
    status: str | None


class ConnectionState(StrEnum):
    """The state of a company's connection to its accounting software, for filters."""

    LINKED = "linked"
    PENDING = "pendingAuth"
    DEAUTHORIZED = "deauthorized"
    UNLINKED = "unlinked"
    DELETED = "deleted"  # the company is deleted in Codat
    UNKNOWN = "unknown"  # not fetched yet, without a connection, or a state that Codat has added


@dataclass(frozen=True, slots=True)
class Company:
    """A company at Codat. ``connection_status`` is that of its accounting software, the target."""

    company_id: str
    name: str | None
    source_platform: str | None
    target_platform: str | None
    connection_status: str | None
    is_deleted: bool = False

    @property
    def is_linked(self) -> bool:
        """Return whether writes can reach the accounting software."""
        return not self.is_deleted and (self.connection_status or "").lower() == _LINKED

    @property
    def connection_state(self) -> ConnectionState:
        """Return the state of its connection; a deleted company has no other."""
        if self.is_deleted:
            return ConnectionState.DELETED
        state = (self.connection_status or "").lower()
        return next((each for each in ConnectionState if each.lower() == state), ConnectionState.UNKNOWN)

    def as_deleted(self) -> "Company":
        """Return the company as deleted at Codat; its known data is kept as history."""
        return replace(self, is_deleted=True)


def build_company(company_id: str, name: str | None, connections: Sequence[Connection]) -> Company:
    """Build a company from its connections. Of several targets, a linked one takes precedence."""
    source, target = _find_connection(connections, _EXPENSE), _find_connection(connections, _ACCOUNTING)
    return Company(
        company_id=company_id,
        name=name,
        source_platform=source.get("platformName"),
        target_platform=target.get("platformName"),
        connection_status=target.get("status"),
    )


def is_stale(fetched_at: datetime | None, now: datetime) -> bool:
    """Return whether a company should be fetched from Codat again."""
    return fetched_at is None or now - fetched_at >= STALE_AFTER


def _find_connection(connections: Sequence[Connection], source_type: str) -> Connection:
    found = [each for each in connections if (each.get("sourceType") or "").lower() == source_type]
    linked = [each for each in found if (each.get("status") or "").lower() == _LINKED]
    return next(iter(linked + found), Connection())
