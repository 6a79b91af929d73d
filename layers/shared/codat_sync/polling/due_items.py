"""Query SyncTable's due items by time, and lease them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    BULK,
    BULK_ENTRY_PREFIX,
    DUE,
    PART_RUN_PREFIX,
    RETRY,
    SUBMISSION,
    Partition,
    due_partition,
)
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.messaging.messages import (
    BulkRetryMessage,
    CheckMessage,
    RetryMessage,
    RetryQueueMessage,
    SubmissionMessage,
)

# A check completes long before; if it is lost, the item is due again after the lease.
LEASE = timedelta(minutes=15)
_LAST = "9999"


@dataclass(frozen=True, slots=True)
class DueItem:
    """A due item and the message that triggers its check."""

    key: Attributes
    due_at: str
    message: CheckMessage | RetryQueueMessage


class DueItemRepository:
    """The items of SyncTable with a pending check."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, now: datetime, most: int, *, is_opened_early: bool) -> list[DueItem]:
        """Return up to ``most`` due items, oldest first.

        If the gate was opened early, all items that wait for it are due, whatever their scheduled time.
        """
        until = format_timestamp(now)
        due = self._items(due_partition(), until)
        behind_gate = self._items(due_partition(behind_gate=True), _LAST if is_opened_early else until)
        return list(islice(chain(due, behind_gate), most))

    def lease(self, item: DueItem, now: datetime) -> bool:
        """Lease the item, so that it is enqueued once. Returns False if it is no longer due.

        The item's version is unchanged: concurrent workers are not disturbed, and overwrite the lease's time.
        """
        changes = {"dueAt": format_timestamp(now + LEASE), "duePk": DUE}
        try:
            self._table.update(item.key, changes, {"dueAt": item.due_at})
        except ConditionFailedError:
            return False
        return True

    def _items(self, partition: Partition, until: str) -> Iterator[DueItem]:
        found = self._table.query_until(partition, until)
        return (_due_item(item) for item in found if "summary" in item)


def _due_item(item: Attributes) -> DueItem:
    sk = str(item["sk"])
    return DueItem({"pk": item["pk"], "sk": sk}, item["dueAt"], _message(item["summary"], sk))


def _message(summary: Attributes, sk: str) -> CheckMessage | RetryQueueMessage:
    match sk:
        case _ if sk == RETRY:
            return _retry(summary)
        case _ if sk == SUBMISSION:
            return _submission(summary)
        case _ if sk == BULK or sk.startswith(BULK_ENTRY_PREFIX):
            return _bulk_retry(summary)
    return _check(summary, sk)


def _check(summary: Attributes, sk: str) -> CheckMessage:
    return {
        "v": 1,
        "kind": "check",
        "companyId": summary["companyId"],
        "syncId": summary.get("syncId"),
        "partRunId": sk.removeprefix(PART_RUN_PREFIX) if sk.startswith(PART_RUN_PREFIX) else None,
        "version": int(summary["version"]) if "version" in summary else None,
        "correlationId": summary.get("correlationId") or "",
    }


def _retry(summary: Attributes) -> RetryMessage:
    return {
        "v": 1,
        "kind": "retry",
        "companyId": summary["companyId"],
        "syncId": summary["syncId"],
        "correlationId": f"retry-of-{summary['syncId']}",
    }


def _submission(summary: Attributes) -> SubmissionMessage:
    return {
        "v": 1,
        "kind": "submission",
        "companyId": summary["companyId"],
        "submissionId": summary["submissionId"],
        "correlationId": f"outcome-of-{summary['submissionId']}",
    }


def _bulk_retry(summary: Attributes) -> BulkRetryMessage:
    return {
        "v": 1,
        "kind": "bulkRetry",
        "companyId": summary.get("companyId") or "",
        "bulkRetryId": summary["bulkRetryId"],
        "syncId": summary.get("syncId"),
        "correlationId": f"bulk-retry-{summary['bulkRetryId']}",
    }
