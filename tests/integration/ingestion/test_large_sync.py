"""A sync as large as any: all of it is kept, and can be read page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.aws.table_schema import due_partition
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.sync_details import SyncReader
from codat_sync.syncs.items import Item as KeptItem
from codat_sync.syncs.repository import PART_GRACE, ItemPage, SyncRepository
from codat_sync.syncs.sync import Sync as KnownSync
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of

_LATER = "2999"


def _pages(store: SyncRepository, sync_id: str, cursor: str | None = None) -> list[ItemPage]:
    pages: list[ItemPage] = []
    while (page := store.load_item_page(sync_id, cursor)) is not None:
        pages.append(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    return pages


def _keys(aws: Aws, sync_id: str, prefix: str) -> list[str]:
    pages: Any = aws.dynamodb.get_paginator("query").paginate(
        TableName="syncs",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": f"SYNC#{sync_id}"}, ":prefix": {"S": prefix}},
    )
    return [item["sk"]["S"] for page in pages for item in page["Items"]]


def test_a_large_sync_is_read_page_by_page(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A page is a part; together they are all there is, in Codat's order, with the rows of every odd kind."""
    long = (Item(f"t{n}", "PushError", "expense", f"{n} ".ljust(4_000, "x")) for n in range(300))
    items = (*generate_items(50, code=5130), *long)
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, items)
    assert failed(start("worker")(batch(of(simulated, sync)))) == []
    document = store.load_sync(sync.sync_id)
    assert document
    assert sum(item.rows for item in document.items) == len(items)
    pages = _pages(store, sync.sync_id)
    assert len(pages) > 3
    assert tuple(item for page in pages for item in page.items) == document.items


def test_the_causes_of_a_large_sync_are_counted_completely_with_one_read(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The worker keeps them with the record. A smaller response that replaces it has its causes in its items."""
    company, archived = simulated.company(COMPANY_ID), "Account 61{:05} is archived. ".ljust(60, "x")
    items = [Item(f"t{n}", "PushError", "expense", archived.format(n)) for n in range(3_000)]
    sync = simulated.add_sync(company, 5130, [*items, Item("rare", "PushError", "expense", "Too old.")])
    worker = start("worker")
    assert failed(worker(batch(of(simulated, sync)))) == []
    reader = SyncReader(store.table, CompanyRepository(store.table, event_retention=timedelta()))
    with count_requests() as requests:
        (found,) = reader.load_failed([sync.sync_id])
    assert [(each.failures, each.transaction_id) for each in found.causes.causes] == [(3_000, "t0"), (1, "rare")]
    assert (found.is_partial, requests.total()) == (False, 1)

    simulated.change_sync(sync.sync_id, items=tuple(items[:2]))
    assert failed(worker(batch(of(simulated, sync, "msg_2")))) == []
    (found,) = reader.load_failed([sync.sync_id])
    assert [each.failures for each in found.causes.causes] == [2]


def test_large_syncs_are_taken_in_one_at_a_time(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their messages may take most of the memory there is; small ones do not wait for them."""
    monkeypatch.setattr("codat_sync.ingestion.sync_ingestion.LARGE_SYNC", 3)
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company, items=generate_items(rows, edge_cases=False)) for rows in (4, 4, 3, 4)]
    under_way: list[int] = []
    most: list[int] = []
    keep = SyncRepository.commit

    def counted(self: SyncRepository, sync: KnownSync, *arguments: Any) -> None:  # noqa: ANN401 - handed on
        if len(sync.items) > 2:
            under_way.append(1)
            most.append(sum(under_way))
            keep(self, sync, *arguments)
            under_way.append(-1)
        else:
            keep(self, sync, *arguments)

    monkeypatch.setattr(SyncRepository, "commit", counted)
    messages = (of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))
    assert failed(start("worker")(batch(*messages))) == []
    assert all(store.load_sync(sync.sync_id) for sync in syncs)
    assert set(most) == {1}


def test_who_reads_page_by_page_reads_one_document_to_its_end(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Though another replaces it meanwhile; a day later its parts are swept, and those of the new one are not."""
    items = tuple(Item(f"t{n}", message=f"{n} ".ljust(4_000, "x")) for n in range(300))
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, items)
    worker = start("worker")
    worker(batch(of(simulated, sync, "msg_1")))
    first = store.load_item_page(sync.sync_id)
    assert first
    changed = tuple(Item(item.transaction_id, message=f"new {item.message}") for item in items)
    worker(batch(of(simulated, simulated.change_sync(sync.sync_id, items=changed), "msg_2")))
    rest = _pages(store, sync.sync_id, first.next_cursor)
    assert [item.message for page in (first, *rest) for item in page.items] == [item.message for item in items]

    _sweep(store)
    assert store.load_item_page(sync.sync_id, first.next_cursor) is None
    document = store.load_sync(sync.sync_id)
    assert document
    assert [item.message for item in document.items] == [item.message for item in changed]
    (run,) = _keys(aws, sync.sync_id, "PARTRUN#")
    parts = _keys(aws, sync.sync_id, "ITEMS#")
    assert {part.split("#")[1] for part in parts} == {run.removeprefix("PARTRUN#")}
    _sweep(store)
    assert _keys(aws, sync.sync_id, "ITEMS#") == parts


def _sweep(store: SyncRepository) -> None:
    """Let the worker sweep what is due within a day, as the clock has it do."""
    now = datetime.now(UTC) + PART_GRACE
    items = store.table.query_until(due_partition(), _LATER)
    for item in list(items):
        if item["sk"].startswith("PARTRUN#"):
            store.delete_unreferenced_parts(item["pk"].removeprefix("SYNC#"), item["sk"].removeprefix("PARTRUN#"), now)


@pytest.mark.parametrize("cursor", ["", "x", "a.b.c", "../a.1.1", "a.1", "a.1.-1", "a#b.1.1"])
def test_a_cursor_that_is_none_is_refused(store: SyncRepository, cursor: str) -> None:
    """It comes from outside."""
    with pytest.raises(ValueError, match=r"cursor|unpack"):
        store.load_item_page("s", cursor)


def test_a_small_sync_is_one_page(start: StartFunction, store: SyncRepository, simulated: SimulatedCodat) -> None:
    """And one that is not there is none."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), items=(Item("t"),))
    start("worker")(batch(of(simulated, sync)))
    assert store.load_item_page(sync.sync_id) == ItemPage((KeptItem("t", "expense", "Completed", None),), None)
    assert store.load_item_page("another") is None
