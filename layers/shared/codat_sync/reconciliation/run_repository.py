"""Store reconciliation state that belongs to no single company: the company listing and the webhook endpoint."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import DIRECTORY, ENDPOINT, EXAMPLE_EVENT, Key
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_optional_timestamp, format_timestamp, parse_timestamp
from codat_sync.reconciliation.company_state import LEASE
from codat_sync.webhooks.endpoint import Endpoint, EndpointState

_VERSION = 1
_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class DirectoryProgress:
    """Progress through Codat's list of companies.

    ``began_at`` is when this deployment first requested it. ``listed_as_of`` is when the last full listing began, and
    ``read_at`` when it ended: by then all companies that Codat had at its beginning were known. ``page`` is the next
    page of the listing in progress; None if none is.
    """

    began_at: datetime | None = None
    listed_as_of: datetime | None = None
    read_at: datetime | None = None
    started_at: datetime | None = None
    page: int | None = None
    pages: int = 0
    next_at: str | None = None

    @property
    def progress(self) -> float:
        """Fraction of the list that has been read, from 0 to 1."""
        if self.page is None:
            return 1.0
        return 1 - self.page / self.pages if self.pages else 0.0


class ReconciliationRunRepository:
    """Load and store reconcile's items in SyncTable that belong to no single company."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_directory(self) -> DirectoryProgress:
        """Load the progress through the list of companies."""
        return _directory(self._load(DIRECTORY))

    def put_directory(self, directory: DirectoryProgress, next_at: datetime) -> DirectoryProgress | None:
        """Store the progress and when to continue; return it with that time, None if another run took over."""
        next_at_text = format_timestamp(next_at)
        changes = {
            "v": _VERSION,
            "beganAt": format_optional_timestamp(directory.began_at),
            "listedAsOf": format_optional_timestamp(directory.listed_as_of),
            "readAt": format_optional_timestamp(directory.read_at),
            "startedAt": format_optional_timestamp(directory.started_at),
            "page": directory.page,
            "pages": directory.pages,
            "nextAt": next_at_text,
        }
        if not self._put(DIRECTORY, changes, directory.next_at):
            return None
        return _directory(changes)

    def load_endpoint(self) -> Endpoint:
        """Load our endpoint's state as of the last check, and when the example event arrived."""
        found = {item["sk"]: item for item in self._table.get([ENDPOINT, EXAMPLE_EVENT])}
        return _endpoint(found.get(ENDPOINT["sk"], {}), found.get(EXAMPLE_EVENT["sk"], {}))

    def lease_endpoint(self, now: datetime) -> bool:
        """Lease the endpoint check; return whether it is due and this run got the lease."""
        next_at = self._load(ENDPOINT).get("nextAt")
        if next_at and next_at > format_timestamp(now):
            return False
        return self._put(ENDPOINT, {"v": _VERSION, "nextAt": format_timestamp(now + LEASE)}, next_at)

    def put_endpoint(self, state: EndpointState, now: datetime, next_at: datetime) -> None:
        """Store the endpoint's state and the time of the next check."""
        before = self.load_endpoint()
        since = before.since if before.state is state and before.since else now
        changes = {
            "state": state.value,
            "since": format_timestamp(since),
            "checkedAt": format_timestamp(now),
            "nextAt": format_timestamp(next_at),
        }
        self._table.update(ENDPOINT, changes, {})

    def postpone_endpoint_check(self, next_at: datetime) -> None:
        """Postpone the next endpoint check to ``next_at``."""
        self._table.update(ENDPOINT, {"v": _VERSION, "nextAt": format_timestamp(next_at)}, {})

    def count_missed_webhooks(self, number: int, now: datetime) -> None:
        """Add to the number of syncs whose webhook never arrived. Gives up after 5 lost races."""
        for _ in range(_MAX_ATTEMPTS):
            missed = self._load(ENDPOINT).get("missedWebhooks")
            changes = {
                "v": _VERSION,
                "missedWebhooks": int(missed or 0) + number,
                "lastMissedAt": format_timestamp(now),
            }
            with suppress(ConditionFailedError):
                self._table.update(ENDPOINT, changes, {"missedWebhooks": missed})
                return

    def _load(self, key: Key) -> Attributes:
        return next(iter(self._table.get([key])), {})

    def _put(self, key: Key, changes: Attributes, seen: str | None) -> bool:
        try:
            self._table.update(key, changes, {"nextAt": seen})
        except ConditionFailedError:
            return False
        return True


def _directory(values: Mapping[str, Any]) -> DirectoryProgress:
    return DirectoryProgress(
        began_at=parse_timestamp(values.get("beganAt")),
        listed_as_of=parse_timestamp(values.get("listedAsOf")),
        read_at=parse_timestamp(values.get("readAt")),
        started_at=parse_timestamp(values.get("startedAt")),
        page=int(values["page"]) if values.get("page") is not None else None,
        pages=int(values.get("pages", 0)),
        next_at=values.get("nextAt"),
    )


def _endpoint(values: Mapping[str, Any], example: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        state=parse_enum(EndpointState, values.get("state", ""), None),
        checked_at=parse_timestamp(values.get("checkedAt")),
        since=parse_timestamp(values.get("since")),
        missed_webhooks=int(values.get("missedWebhooks", 0)),
        last_missed_at=parse_timestamp(values.get("lastMissedAt")),
        example_received_at=parse_timestamp(example.get("receivedAt")),
    )
