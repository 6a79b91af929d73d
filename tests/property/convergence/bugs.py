"""Bugs to put in: each takes away one of the things that make the table converge."""
# ruff: noqa: SLF001 - they are put in where the code is, not where it is called

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from codat_sync.aws.table_schema import sync_key
from codat_sync.core.errors import VersionMovedError
from codat_sync.ingestion.results import Change, Ingested
from codat_sync.ingestion.sync_ingestion import Ingestion
from codat_sync.polling.poll_state import next_version
from codat_sync.syncs import repository as store_module
from codat_sync.syncs.repository import Head, Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pytest

    from codat_sync.aws.dynamodb import Values
    from codat_sync.ingestion.tasks import SyncNews
    from codat_sync.polling.schedule import Waiting
    from codat_sync.syncs.sync import Sync
    from codat_sync.webhooks.events import WebhookEvent


def commit_without_the_condition(patch: "pytest.MonkeyPatch") -> None:
    """Who commits does not look whether another has."""

    def put(self: Store, values: "Values", _: Head, retries: "Sequence[tuple[Values, Values]]") -> None:
        self.table.transact([(values, {})], retries)

    patch.setattr(Store, "_put_document", put)


def version_read_after_the_fetch(patch: "pytest.MonkeyPatch") -> None:
    """Who commits looks only whether another has since Codat answered."""
    real = Ingestion._keep

    def keep(self: Ingestion, sync: "Sync", news: "SyncNews", *others: Any, **options: Any) -> Ingested:  # noqa: ANN401 - as they are
        events, _ = others
        late = self.store.load_head(news.company_id, news.sync_id, [event.webhook_id for event in events])
        return real(self, sync, news, events, late, **options)

    patch.setattr(Ingestion, "_keep", keep)


def pointers_after_the_document(patch: "pytest.MonkeyPatch") -> None:
    """For a while, and after a crash for ever, there is no way to a document."""
    real_pointers, real_commit = Store.put_pointers, Store.commit_sync

    def commit(self: Store, sync: "Sync", waiting: "Waiting | None", head: Head, now: "datetime") -> None:
        real_commit(self, sync, waiting, head, now)
        real_pointers(self, sync, head, now)

    patch.setattr(Store, "put_pointers", lambda *_: None)
    patch.setattr(Store, "commit_sync", commit)


def parts_named_by_version(patch: "pytest.MonkeyPatch") -> None:
    """Two workers that are after the same version write the same parts."""
    real = Store.commit_sync

    def commit(self: Store, sync: "Sync", waiting: "Waiting | None", head: Head, now: "datetime") -> None:
        run = SimpleNamespace(hex=f"v{next_version(head.values)}")
        patch.setattr(store_module, "uuid", SimpleNamespace(uuid4=lambda: run))
        real(self, sync, waiting, head, now)

    patch.setattr(Store, "commit_sync", commit)


def no_second_try_after_a_lost_race(patch: "pytest.MonkeyPatch") -> None:
    """Who lost takes the winner's answer for younger than its own."""

    def take_in(self: Ingestion, news: "Sequence[SyncNews]", receives: int) -> Ingested:
        try:
            return self._take_in_once(news, receives)
        except VersionMovedError:
            return Ingested(Change.OUTDATED)

    patch.setattr(Ingestion, "take_in", take_in)


def nobody_looks_for_unchanged_events(patch: "pytest.MonkeyPatch") -> None:
    """Nothing keeps an answer from before an unchanged one from coming after it: Codat said A, B, and A again."""

    def put(self: Store, head: Head, events: "Sequence[WebhookEvent]", now: "datetime") -> None:
        self._events.put(sync_key(head.sync_id), events, now, unchanged_at=head.version)

    patch.setattr(Store, "put_unchanged_events", put)
    patch.setattr(Store, "is_doubtful", lambda *_: False)
