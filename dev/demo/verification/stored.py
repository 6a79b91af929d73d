"""Read SyncTable: the syncs as readers get them, and every other item."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from codat_sync.aws.dynamodb import Table
from codat_sync.core.errors import UnprocessedItemsError
from codat_sync.syncs.repository import SyncRepository
from dev.demo.verification.records import Key, Kind, Record, Records, RowNames, utc_millis

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_NOT_COMPARED = {"AUDIT", "BULK", "COMPANY", "FIND", "GATE", "IDEMPOTENCY", "LIMIT", "RECONCILE", "SUB"}


def stored_records(client: "DynamoDBClient", table_name: str) -> Records:
    """Return the records of the whole table."""
    store = SyncRepository(Table(client, table_name), event_retention=timedelta(0))  # needed for writing only
    records: Records = dict(_list_entries(client, table_name))
    for item in _scan(client, table_name):
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        match pk.split("#"), sk.split("#"):
            case ["SYNC", sync_id], ["SYNC"]:
                records |= _document_records(store, sync_id)
            case (["SYNC", _], ["CONFIG" | "ITEMS" | "PARTRUN" | "RETRY", *_]) | (["TXN", *_], ["BODY" | "CLAIM", *_]):
                pass  # parts are read with their record; the others are not compared
            case [name, *_], _ if name in _NOT_COMPARED:
                pass
            case ["SYNC", sync_id], ["EVENT", webhook_id]:
                records[Key(sync_id, Kind.EVENT, webhook_id)] = {}
            case ["TXN", company_id, transaction_id], ["SYNC", sync_id]:
                records[Key(sync_id, Kind.INDEX_ENTRY, f"{company_id}/{transaction_id}")] = {}
            case _:
                records[Key(None, Kind.UNEXPECTED_ITEM, f"{pk} {sk}")] = {}
    return records


def _document_records(store: SyncRepository, sync_id: str) -> Records:
    try:
        record = store.load_sync(sync_id)
    except UnprocessedItemsError:  # parts are missing: unreadable
        return {}
    if record is None or record.sync is None:
        return {}
    status = record.sync.status
    records: Records = {
        Key(sync_id, Kind.SYNC): {
            "company": status.company_id,
            "code": status.code,
            "status": status.status,
            "error message": status.error_message,
            "exception message": status.exception_message,
            "time": utc_millis(status.synced_at),
            "data pushed": status.data_pushed,
        }
    }
    rows = RowNames()
    for item in record.sync.items:
        for _ in range(item.rows):
            name = rows.name(item.transaction_id, item.integration_type, item.ordinal)
            records[Key(sync_id, Kind.TRANSACTION, name)] = {"status": item.status, "message": item.message}
    return records


def _list_entries(client: "DynamoDBClient", table_name: str) -> Iterator[tuple[Key, Record]]:
    """Yield the entries of the companies' lists of syncs. The index also has lists of companies and failed syncs."""
    for item in _scan(client, table_name, IndexName="byCompany"):
        list_name, _, company_id = item["companyPk"]["S"].partition("#")
        if list_name != "COMPANY":
            continue
        sync_id = item["pk"]["S"].removeprefix("SYNC#")
        # An announced sync has no code yet.
        code = item["summary"]["M"].get("code", {}).get("N")
        yield Key(sync_id, Kind.LIST_ENTRY, company_id), {"code": code and int(code)}


def _scan(client: "DynamoDBClient", table_name: str, **index: str) -> "Iterator[dict[str, AttributeValueTypeDef]]":
    # The demo's table is small, and only a scan finds unexpected items.
    for page in client.get_paginator("scan").paginate(TableName=table_name, **index):  # type: ignore[arg-type]
        yield from page["Items"]
