"""What a sync costs: calls to Codat, and reads and writes of the table."""

import json
from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import Any

import pytest

from codat_sync.codat.client import PAGE_SIZE
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.botocore_calls import intercept_calls
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, of


class Bill:
    """What a worker asks of DynamoDB, in requests and in write units of a kilobyte, those of the indexes apart.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads: Counter[str] = Counter()
        self.written: list[dict[str, Any]] = []
        self.updates = 0
        intercept_calls(monkeypatch, self._count)

    def _count(self, operation: str, parameters: Any, proceed: Callable[[], Any]) -> Any:  # noqa: ANN401 - botocore's own
        match operation:
            case "PutItem":
                self.written.append(parameters["Item"])
            case "BatchWriteItem":
                (requests,) = parameters["RequestItems"].values()
                self.written += [request["PutRequest"]["Item"] for request in requests]
            case "TransactWriteItems":
                operations = parameters["TransactItems"]
                self.written += [operation["Put"]["Item"] for operation in operations if "Put" in operation]
                self.updates += sum("Update" in operation for operation in operations)
            case "UpdateItem":
                self.updates += 1
            case "BatchGetItem" | "GetItem" | "Query":
                self.reads[operation] += 1
        return proceed()

    @property
    def kinds(self) -> Counter[str]:
        """How many items of each kind were written."""
        return Counter(f"{item['pk']['S'].split('#')[0]}/{item['sk']['S'].split('#')[0]}" for item in self.written)

    @property
    def units(self) -> int:
        """How many write units that takes."""
        return sum(ceil(len(json.dumps(item)) / 1024) for item in self.written)

    def reset(self) -> None:
        """Begin anew."""
        self.reads.clear()
        self.written.clear()
        self.updates = 0


@pytest.fixture
def worker(start: StartFunction, simulated: SimulatedCodat) -> Handler:
    """Return a worker that knows the company and has read the gate."""
    handler = start("worker")
    handler(batch(of(simulated, simulated.sync(SYNC_ID), "msg_0")))
    simulated.requests.clear()
    return handler


@pytest.fixture
def bill(worker: Handler, monkeypatch: pytest.MonkeyPatch) -> Bill:  # noqa: ARG001 - it has begun before
    """Count from now on, without reads of the gate, which happen every second anyway."""
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 9_999)
    return Bill(monkeypatch)


def test_a_new_sync_costs_a_document_and_an_index_entry_per_transaction(
    worker: Handler, bill: Bill, simulated: SimulatedCodat
) -> None:
    """Two calls to Codat, one read of the version, and one update of the company's latest sync."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 2000, generate_items(50))
    worker(batch(of(simulated, sync)))
    transactions = {item.transaction_id for item in sync.items if item.transaction_id}
    assert len(simulated.requests.entries) == 2
    assert bill.kinds == {"SYNC/SYNC": 1, "TXN/SYNC": len(transactions), "SYNC/EVENT": 1}
    assert bill.reads == {"BatchGetItem": 1}
    assert bill.updates == 1
    assert bill.units <= len(transactions) + 1 + 15


def test_a_failed_sync_also_makes_its_retry_due(worker: Handler, bill: Bill, simulated: SimulatedCodat) -> None:
    """In one transaction with its document, which counts twice then."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, (Item("t", "PushError"),))
    worker(batch(of(simulated, sync)))
    assert bill.kinds - Counter({"SYNC/CONFIG": 1}) == {"SYNC/SYNC": 1, "TXN/SYNC": 1, "SYNC/EVENT": 1}
    assert bill.updates == 2


def test_a_failed_sync_costs_a_read_and_a_write_more_if_the_configuration_was_just_read(
    worker: Handler, bill: Bill, simulated: SimulatedCodat
) -> None:
    """No call to Codat. Otherwise one call, and a write of when it was read; a third if it has changed."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, (Item("t", "PushError"),))
    worker(batch(of(simulated, sync)))
    assert len(simulated.requests.entries) == 2
    assert bill.kinds["SYNC/CONFIG"] == 1
    assert bill.reads["BatchGetItem"] == 2
    bill.reset()
    simulated.requests.clear()
    other = simulated.add_company()
    worker(batch(of(simulated, simulated.add_sync(other, 5130, (Item("t", "PushError"),)))))
    assert [entry.path for entry in simulated.requests.entries if entry.path.endswith("/config")] == [
        f"/companies/{other.company_id}/sync/expenses/config"
    ]
    assert (bill.kinds["COMPANY/CONFIG"], bill.kinds["SYNC/CONFIG"]) == (2, 1)


def test_a_page_is_one_call_however_full(worker: Handler, simulated: SimulatedCodat) -> None:
    """Every call counts against the quota."""
    for rows, calls in ((PAGE_SIZE, 2), (PAGE_SIZE + 1, 3)):
        simulated.requests.clear()
        items = (Item(f"t{number}") for number in range(rows))
        worker(batch(of(simulated, simulated.add_sync(simulated.company(COMPANY_ID), items=items), f"msg_{rows}")))
        assert len(simulated.requests.entries) == calls


def test_an_event_that_was_seen_costs_a_read(worker: Handler, bill: Bill, simulated: SimulatedCodat) -> None:
    """And nothing of Codat."""
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_0")))
    assert simulated.requests.entries == ()
    assert (bill.written, bill.updates, bill.reads) == ([], 0, {"BatchGetItem": 1})


def test_an_unchanged_sync_costs_its_event(worker: Handler, bill: Bill, simulated: SimulatedCodat) -> None:
    """A second read of the version shows that it was unchanged when the event was marked."""
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_replay")))
    assert len(simulated.requests.entries) == 2
    assert bill.kinds == {"SYNC/EVENT": 1}
    assert bill.units == 1
    assert bill.updates == 0
    assert bill.reads == {"BatchGetItem": 1, "GetItem": 1}


def test_a_changed_sync_costs_index_entries_only_for_new_transactions(
    worker: Handler, bill: Bill, simulated: SimulatedCodat
) -> None:
    """One read finds events that were seen meanwhile, another one that its configuration is kept already."""
    items = (*simulated.sync(SYNC_ID).items, Item("another"))
    worker(batch(of(simulated, simulated.change_sync(SYNC_ID, items=items), "msg_1")))
    assert bill.kinds == {"SYNC/SYNC": 1, "TXN/SYNC": 1, "SYNC/EVENT": 1}
    assert bill.reads == {"BatchGetItem": 2, "Query": 1}


def test_a_sync_in_progress_costs_an_update_per_check(worker: Handler, bill: Bill, simulated: SimulatedCodat) -> None:
    """Its items are not written again while they are the same."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    bill.reset()
    check = {
        "v": 1,
        "kind": "check",
        "companyId": COMPANY_ID,
        "syncId": SYNC_ID,
        "partRunId": None,
        "version": 2,
        "correlationId": "request-1",
    }
    worker(batch(check))
    assert (bill.written, bill.updates) == ([], 1)
