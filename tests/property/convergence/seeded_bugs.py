"""Bugs to put in: each removes one of the mechanisms that make the table converge."""
# ruff: noqa: SLF001 - bugs replace private methods

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from codat_sync.aws.table_schema import sync_key
from codat_sync.core.errors import VersionMovedError
from codat_sync.ingestion.results import Change, Ingested
from codat_sync.ingestion.sync_ingestion import Ingestion
from codat_sync.polling.poll_state import next_version
from codat_sync.syncs import repository as store_module
from codat_sync.syncs.repository import Head, Store
from tests.property.convergence.machine import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pytest

    from codat_sync.aws.dynamodb import Values
    from codat_sync.ingestion.tasks import SyncNews
    from codat_sync.polling.schedule import Waiting
    from codat_sync.syncs.sync import Sync
    from codat_sync.webhooks.events import WebhookEvent
    from tests.property.seeded_bugs import Bug


def commit_without_condition(patch: "pytest.MonkeyPatch") -> None:
    """Commit without optimistic locking."""

    def put(self: Store, values: "Values", _: Head, retries: "Sequence[tuple[Values, Values]]") -> None:
        self.table.transact([(values, {})], retries)

    patch.setattr(Store, "_put_document", put)


def version_read_after_fetch(patch: "pytest.MonkeyPatch") -> None:
    """Lock on the version read after Codat's answer instead of before."""
    real = Ingestion._keep

    def keep(self: Ingestion, sync: "Sync", news: "SyncNews", *others: Any, **options: Any) -> Ingested:  # noqa: ANN401 - as they are
        events, _ = others
        late = self.store.load_head(news.company_id, news.sync_id, [event.webhook_id for event in events])
        return real(self, sync, news, events, late, **options)

    patch.setattr(Ingestion, "_keep", keep)


def index_entries_after_document(patch: "pytest.MonkeyPatch") -> None:
    """Write the index entries after the document: a crash in between loses them."""
    real_pointers, real_commit = Store.put_pointers, Store.commit_sync

    def commit(self: Store, sync: "Sync", waiting: "Waiting | None", head: Head, now: "datetime") -> None:
        real_commit(self, sync, waiting, head, now)
        real_pointers(self, sync, head, now)

    patch.setattr(Store, "put_pointers", lambda *_: None)
    patch.setattr(Store, "commit_sync", commit)


def parts_named_by_version(patch: "pytest.MonkeyPatch") -> None:
    """Name parts by version: two workers that write the same version overwrite each other's parts."""
    real = Store.commit_sync

    def commit(self: Store, sync: "Sync", waiting: "Waiting | None", head: Head, now: "datetime") -> None:
        run = SimpleNamespace(hex=f"v{next_version(head.values)}")
        patch.setattr(store_module, "uuid", SimpleNamespace(uuid4=lambda: run))
        real(self, sync, waiting, head, now)

    patch.setattr(Store, "commit_sync", commit)


def no_retry_after_lost_race(patch: "pytest.MonkeyPatch") -> None:
    """Take the winner's answer for newer than one's own after a lost race."""

    def take_in(self: Ingestion, news: "Sequence[SyncNews]", receives: int) -> Ingested:
        try:
            return self._take_in_once(news, receives)
        except VersionMovedError:
            return Ingested(Change.OUTDATED)

    patch.setattr(Ingestion, "take_in", take_in)


def unchanged_events_ignored(patch: "pytest.MonkeyPatch") -> None:
    """Let an older answer follow an unchanged one: Codat said A, B, and A again."""

    def put(self: Store, head: Head, events: "Sequence[WebhookEvent]", now: "datetime") -> None:
        self._events.put(sync_key(head.sync_id), events, now, unchanged_at=head.version)

    patch.setattr(Store, "put_unchanged_events", put)
    patch.setattr(Store, "is_doubtful", lambda *_: False)


# Each with the scenarios that reveal it and a seed that has found it, which is tried first.
BUGS: "dict[Bug, tuple[list[Scenario], int]]" = {
    commit_without_condition: ([Scenario.RACE], 0),
    version_read_after_fetch: ([Scenario.RACE], 0),
    index_entries_after_document: ([Scenario.CALM, Scenario.STORM], 0),
    parts_named_by_version: ([Scenario.RACE], 3),
    no_retry_after_lost_race: ([Scenario.RACE], 2),
    unchanged_events_ignored: ([Scenario.RACE], 0),
}
