"""What must hold: at any time, when no work is left, and at the end."""

from typing import TYPE_CHECKING, cast

from boto3.dynamodb.types import TypeDeserializer

from codat_sync.aws.table_schema import PART_RUN_PREFIX, RETRY, SYNC, retry_key, sync_key, work_index_keys
from codat_sync.core.errors import UnprocessedItemsError
from codat_sync.syncs.items import fold, select_valid_ids
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from tests.property.convergence.world import COMPANY_ID, EVENT_RETENTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from codat_sync.aws.dynamodb import Attributes, Table
    from codat_sync.syncs.record import SyncRecord
    from codat_sync.syncs.sync import Sync
    from dev.codat_simulator.books.models import Sync as SyncAtCodat

_PART_PREFIX = "ITEMS#"
_deserialize = TypeDeserializer().deserialize


class InvariantError(AssertionError):
    """An invariant is violated."""


class Snapshot:
    """All items of the table at one moment, readable by the repository."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        answer = client.scan(TableName=table_name, ConsistentRead=True)
        assert "LastEvaluatedKey" not in answer
        items = [{name: _deserialize(value) for name, value in item.items()} for item in answer["Items"]]
        self.items: dict[tuple[str, str], Attributes] = {(item["pk"], item["sk"]): item for item in items}
        self.store = SyncRepository(cast("Table", self), event_retention=EVENT_RETENTION)

    @property
    def due_syncs(self) -> "list[Attributes]":
        """The syncs that are scheduled."""
        return [item for item in self._due if item["sk"] == SYNC]

    @property
    def due(self) -> "list[Attributes]":
        """The syncs and runs that are scheduled, without retries."""
        return [item for item in self._due if item["sk"] == SYNC or item["sk"].startswith(PART_RUN_PREFIX)]

    @property
    def _due(self) -> "list[Attributes]":
        return [item for item in self.items.values() if "duePk" in item or "dueAt" in item]

    @property
    def parts(self) -> list[str]:
        """The ids of runs that have written parts."""
        return [sk.split("#")[1] for _, sk in self.items if sk.startswith(_PART_PREFIX)]

    @property
    def retried_syncs(self) -> list[str]:
        """The ids of the syncs that have a retry."""
        return sorted(pk.removeprefix("SYNC#") for pk, sk in self.items if sk == RETRY)

    @property
    def runs(self) -> list[str]:
        """The ids of runs that are registered for cleaning up."""
        return [sk.removeprefix(PART_RUN_PREFIX) for _, sk in self.items if sk.startswith(PART_RUN_PREFIX)]

    # ------------------------------------------------------------ methods of Table

    def get(self, keys: "Iterable[Attributes]") -> "list[Attributes]":
        return [self.items[place] for key in keys if (place := (key["pk"], key["sk"])) in self.items]

    def query(self, pk: str, prefix: str) -> "Iterator[Attributes]":
        return (item for place, item in sorted(self.items.items()) if place[0] == pk and place[1].startswith(prefix))


def check_at_any_time(snapshot: Snapshot, syncs: "Iterable[SyncAtCodat]", answers: "set[Sync]") -> None:
    """Raise if a reader would not find exactly one of Codat's answers, or its index entries and retry are missing."""
    for sync in syncs:
        document = _load(snapshot, sync.sync_id)
        if document and document.sync:
            check_read(document, answers)
            _check_index_entries(snapshot, document)
            _check_retry(snapshot, document)
            _check_category(snapshot, document)


def check_read(document: "SyncRecord", answers: "set[Sync]") -> None:
    """Raise if the document is not exactly one of Codat's answers."""
    if document.sync and document.sync not in answers:
        raise InvariantError(f"the table holds what Codat never answered: {document.sync}")


def check_convergence(snapshot: Snapshot, syncs: "Iterable[SyncAtCodat]") -> None:
    """Raise if the table differs from Codat although no message is left and no sync is scheduled."""
    for sync in syncs:
        document = _load(snapshot, sync.sync_id)
        if document is None or document.sync is None:
            raise InvariantError(f"sync {sync.sync_id} was announced and is not in the table")
        _check_same(document, sync)
        _check_index_entries(snapshot, document)
        if document.pending_check:
            raise InvariantError(f"nothing is scheduled, yet sync {sync.sync_id} is pending: {document.pending_check}")


def check_parts(snapshot: Snapshot) -> None:
    """Raise if parts are left that no document refers to, and nothing is scheduled that would delete them."""
    documents = [item for item in snapshot.items.values() if item["sk"] == SYNC]
    referenced = {document["parts"]["partRunId"] for document in documents if "parts" in document}
    if left := {*snapshot.parts, *snapshot.runs} - referenced:
        raise InvariantError(f"no document refers to the parts of {left}, and nothing will delete them")


def _load(snapshot: Snapshot, sync_id: str) -> "SyncRecord | None":
    try:
        return snapshot.store.load_sync(sync_id)
    except UnprocessedItemsError as error:
        raise InvariantError(f"parts of sync {sync_id} are missing") from error


def _check_same(document: "SyncRecord", at_codat: "SyncAtCodat") -> None:
    rows = fold(
        {
            "transactionId": item.transaction_id,
            "integrationType": item.integration_type,
            "status": item.status,
            "message": item.message,
        }
        for item in at_codat.items
    )
    assert document.sync
    status = document.sync.status
    ours, theirs = (status.code, status.status, document.items), (at_codat.code, at_codat.sync_status, rows)
    if ours != theirs:
        raise InvariantError(f"of sync {at_codat.sync_id} the table says {ours}, Codat {theirs}")


def _check_index_entries(snapshot: Snapshot, document: "SyncRecord") -> None:
    for transaction_id in sorted(select_valid_ids(document.items)):
        if document.sync_id not in snapshot.store.load_sync_ids_of_transaction(COMPANY_ID, transaction_id):
            raise InvariantError(f"no index entry leads from transaction {transaction_id} to sync {document.sync_id}")


def _check_retry(snapshot: Snapshot, document: "SyncRecord") -> None:
    assert document.sync
    has_failed = document.sync.is_final and document.outcome is Outcome.FAILED
    if has_failed and not snapshot.get([retry_key(document.sync_id)]):
        raise InvariantError(f"sync {document.sync_id} has failed without a retry record")


def _check_category(snapshot: Snapshot, document: "SyncRecord") -> None:
    """Raise if the list of syncs and the worklist differ about who a failed sync waits for."""
    record, *retries = snapshot.get([sync_key(document.sync_id), retry_key(document.sync_id)])
    category = record["summary"].get("category")
    for retry in retries:
        if retry.get("companyPk") != work_index_keys(category, "", "")["companyPk"]:
            raise InvariantError(f"sync {document.sync_id} is listed as {category} and as {retry.get('companyPk')}")
