"""What is due, as SyncTable lists it by time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import BY_DUE, DUE, DUE_BEHIND_GATE, PART_RUN_PREFIX, RETRY
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.messaging.messages import CheckMessage, RetryMessage

# A check is done with long before; if it was lost, the item is due again then.
LEASE = timedelta(minutes=15)
_LAST = "9999"


@dataclass(frozen=True, slots=True)
class DueItem:
    """An item that is due, and the message that has it looked at."""

    key: Attributes
    due_at: str
    message: CheckMessage | RetryMessage


class DueItemRepository:
    """The items of SyncTable that have to be looked at again."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, now: datetime, most: int, *, is_opened_early: bool) -> list[DueItem]:
        """Return what is due, at most so many: what waited longest first.

        If the gate was opened early, all that waits for that is due, whatever time was expected.
        """
        until = format_timestamp(now)
        due = self._items(DUE, until)
        behind_gate = self._items(DUE_BEHIND_GATE, _LAST if is_opened_early else until)
        return list(islice(chain(due, behind_gate), most))

    def lease(self, item: DueItem, now: datetime) -> bool:
        """Put the item off, so that it is enqueued once; returns False if it is no longer due.

        The item's version stays: who works on it meanwhile is not disturbed, and writes another time over this one.
        """
        changes = {"dueAt": format_timestamp(now + LEASE), "duePk": DUE}
        try:
            self._table.update(item.key, changes, {"dueAt": item.due_at})
        except ConditionFailedError:
            return False
        return True

    def _items(self, partition: str, until: str) -> Iterator[DueItem]:
        found = self._table.query_index(BY_DUE, {"duePk": partition}, {"dueAt": until})
        return (_due_item(item) for item in found if "summary" in item)


def _due_item(item: Attributes) -> DueItem:
    sk = str(item["sk"])
    message = _retry(item["summary"]) if sk == RETRY else _check(item["summary"], sk)
    return DueItem({"pk": item["pk"], "sk": sk}, item["dueAt"], message)


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
