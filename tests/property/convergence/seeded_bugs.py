"""Bugs to put in: each removes one of the mechanisms that make the table converge."""
# ruff: noqa: SLF001 - bugs replace private methods

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from codat_sync.aws.table_schema import sync_key
from codat_sync.core.errors import VersionConflictError
from codat_sync.ingestion.results import Change, SyncResult
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.polling.pending_check import next_version
from codat_sync.syncs import repository as store_module
from codat_sync.syncs.repository import SyncRepository, SyncSnapshot
from tests.property.convergence.machine import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pytest

    from codat_sync.aws.dynamodb import Attributes
    from codat_sync.ingestion.tasks import SyncTask
    from codat_sync.polling.schedule import PendingCheck
    from codat_sync.syncs.sync import Sync
    from codat_sync.webhooks.events import WebhookEvent
    from tests.property.seeded_bugs import Bug


def commit_without_condition(patch: "pytest.MonkeyPatch") -> None:
    """Commit without optimistic locking."""

    def put(
        self: SyncRepository,
        values: "Attributes",
        _: SyncSnapshot,
        retries: "Sequence[tuple[Attributes, Attributes, Attributes]]",
    ) -> None:
        self.table.transact([(values, {})], retries)

    patch.setattr(SyncRepository, "_put_record", put)


def version_read_after_fetch(patch: "pytest.MonkeyPatch") -> None:
    """Lock on the version read after Codat's answer instead of before."""
    real = SyncIngestion._store

    def store(self: SyncIngestion, sync: "Sync", task: "SyncTask", *others: Any, **options: Any) -> SyncResult:  # noqa: ANN401 - as they are
        events, _ = others
        late = self.store.load_snapshot(task.company_id, task.sync_id, [event.webhook_id for event in events])
        return real(self, sync, task, events, late, **options)

    patch.setattr(SyncIngestion, "_store", store)


def index_entries_after_document(patch: "pytest.MonkeyPatch") -> None:
    """Write the index entries after the document: a crash in between loses them."""
    real_pointers, real_commit = SyncRepository.put_index_entries, SyncRepository.commit

    def commit(
        self: SyncRepository, sync: "Sync", waiting: "PendingCheck | None", snapshot: SyncSnapshot, now: "datetime"
    ) -> None:
        real_commit(self, sync, waiting, snapshot, now)
        real_pointers(self, sync, snapshot, now)

    patch.setattr(SyncRepository, "put_index_entries", lambda *_: None)
    patch.setattr(SyncRepository, "commit", commit)


def parts_named_by_version(patch: "pytest.MonkeyPatch") -> None:
    """Name parts by version: two workers that write the same version overwrite each other's parts."""
    real = SyncRepository.commit

    def commit(
        self: SyncRepository, sync: "Sync", waiting: "PendingCheck | None", snapshot: SyncSnapshot, now: "datetime"
    ) -> None:
        run = SimpleNamespace(hex=f"v{next_version(snapshot.values)}")
        patch.setattr(store_module, "uuid", SimpleNamespace(uuid4=lambda: run))
        real(self, sync, waiting, snapshot, now)

    patch.setattr(SyncRepository, "commit", commit)


def no_retry_after_lost_race(patch: "pytest.MonkeyPatch") -> None:
    """Take the winner's answer for newer than one's own after a lost race."""

    def ingest(self: SyncIngestion, task: "Sequence[SyncTask]", receive_count: int) -> SyncResult:
        try:
            return self._ingest_once(task, receive_count)
        except VersionConflictError:
            return SyncResult(Change.OUTDATED)

    patch.setattr(SyncIngestion, "ingest", ingest)


def unchanged_events_ignored(patch: "pytest.MonkeyPatch") -> None:
    """Let an older answer follow an unchanged one: Codat said A, B, and A again."""

    def put(self: SyncRepository, snapshot: SyncSnapshot, events: "Sequence[WebhookEvent]", now: "datetime") -> None:
        self._events.record(sync_key(snapshot.sync_id), events, now, unchanged_version=snapshot.version)

    patch.setattr(SyncRepository, "record_unchanged_events", put)
    patch.setattr(SyncRepository, "is_possibly_stale", lambda *_: False)


def category_not_expected(patch: "pytest.MonkeyPatch") -> None:
    """Replace a record although retry has changed its category since it was read."""
    patch.setattr(SyncSnapshot, "expected", property(lambda self: {"version": self.version}))


# Each with the scenarios that reveal it and a seed that has found it, which is tried first.
BUGS: "dict[Bug, tuple[list[Scenario], int]]" = {
    commit_without_condition: ([Scenario.RACE], 0),
    version_read_after_fetch: ([Scenario.RACE], 0),
    index_entries_after_document: ([Scenario.CALM, Scenario.STORM], 0),
    parts_named_by_version: ([Scenario.RACE], 3),
    no_retry_after_lost_race: ([Scenario.RACE], 2),
    unchanged_events_ignored: ([Scenario.RACE], 0),
    category_not_expected: ([Scenario.CALM, Scenario.STORM], 0),
}
