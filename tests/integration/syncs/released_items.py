"""The items that each release leaves in SyncTable, written by its functions and stored for upgrade tests.

`RECORD_ITEMS=1 pytest tests/integration/syncs/test_released_items.py` stores those of today; it belongs to a release.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.syncs import record
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, of
from tests.support.submit_requests import EXPENSES, ask, expense

# Items as DynamoDB has them: attributes of many types.
Items = list[dict[str, Any]]

FOLDER = Path(__file__).parents[2] / "items"
# The syncs that the items are about, each named for what is to be read of it.
LARGE, IN_PROGRESS, BEHIND_GATE, NOT_FOUND = (str(UUID(int=n, version=4)) for n in range(1, 5))
SUBMITTED, RECORDED = (str(UUID(int=n, version=4)) for n in range(11, 13))
FORGOTTEN = str(UUID(int=21, version=4))
AGREED = "5130 2026-11-24T23:20:56.445Z"


def write_items(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> Items:
    """Let the functions write every kind of item; returns the table's items."""
    worker, company = start("worker"), simulated.company(COMPANY_ID)

    def hears(sync_id: str) -> None:
        worker(batch(of(simulated, simulated.sync(sync_id), f"msg_{sync_id}")))

    hears(SYNC_ID)
    simulated.add_sync(company, 1000, (), sync_id=IN_PROGRESS)
    hears(IN_PROGRESS)
    inline, part = record.INLINE_BYTES, record.PART_BYTES
    record.INLINE_BYTES, record.PART_BYTES = 100, 300  # A small one stands for a large one.
    simulated.add_sync(company, 5130, [Item(f"t{n}", "PushError", "expense", "busy") for n in range(5)], sync_id=LARGE)
    hears(LARGE)
    record.INLINE_BYTES, record.PART_BYTES = inline, part
    _submit(start, simulated, worker)
    start("reconcile")({"remaining_ms": 290_000})
    simulated.add_sync(company, 2000, (), sync_id=NOT_FOUND)
    simulated.faults.add(Fault("status", status=404, path="status$"))
    hears(NOT_FOUND)
    simulated.add_sync(company, 2000, (), sync_id=BEHIND_GATE)
    simulated.quota.leave(0)
    hears(BEHIND_GATE)
    _agree_and_forget(Table(aws.dynamodb, "syncs"))
    return [item for page in aws.dynamodb.get_paginator("scan").paginate(TableName="syncs") for item in page["Items"]]


def _agree_and_forget(table: Table) -> None:
    """Write the items of an incorrect list entry and of an erased company."""
    ReconciliationRepository(table).put_agreed(COMPANY_ID, {SYNC_ID: AGREED})
    tombstones, now = TombstoneRepository(table), datetime.now(UTC)
    stone = tombstones.put(FORGOTTEN, "arn:aws:iam::123456789012:user/operator", "ticket 7", now)
    tombstones.begin(stone, now)
    tombstones.finish(FORGOTTEN, now)


def _submit(start: StartFunction, simulated: SimulatedCodat, worker: Handler) -> None:
    """Submit an expense, let it fail and resubmit it; record the body of another."""
    submit = start("submit")
    sync_id = ask(submit, "POST", EXPENSES, [expense(SUBMITTED)]).body["syncId"]
    ended = simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    worker(batch(of(simulated, ended, "msg_ended")))
    retried = start("retry")({"syncId": sync_id})
    assert retried["transactions"][0]["retrySyncId"], retried
    ask(submit, "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{RECORDED}", expense(RECORDED))


def get_item_type(item: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of an item, by its key."""
    return item["pk"]["S"].split("#")[0], item["sk"]["S"].split("#")[0]


def store(version: str, items: Items) -> None:
    """Store the items of a version."""
    (FOLDER / f"{version}.json").write_text(json.dumps(sorted(items, key=_key), indent=1) + "\n")


def stored() -> dict[str, Items]:
    """Return the stored items by version."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def of_a_later_version(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - DynamoDB's
    """Return an item as a later version might write it: with a higher `v` and unknown fields."""
    if depth == 0:
        changed = {name: of_a_later_version(each, 1) for name, each in value.items()}
        return changed | {"v": {"N": "99"}, "later": {"S": "what nobody knows yet"}}
    match value:
        case {"M": inner}:
            changed = {name: of_a_later_version(each, depth + 1) for name, each in inner.items()}
            has_fields = any("S" in each for each in inner.values())  # and is not counts by name
            return {"M": changed | ({"later": {"S": "what nobody knows yet"}} if has_fields else {})}
        case {"L": inner}:
            return {"L": [of_a_later_version(each, depth + 1) for each in inner]}
    return value


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
