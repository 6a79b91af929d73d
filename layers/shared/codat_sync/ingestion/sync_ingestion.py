"""Taking a sync in: what a webhook announces, or is due, is asked of Codat and kept."""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.companies.company import is_stale
from codat_sync.core.errors import (
    CodatAnswerError,
    CodatError,
    CodatInconsistentError,
    CodatNotFoundError,
    CodatUnavailableError,
    PoisonError,
    SecretUnavailableError,
    VersionMovedError,
)
from codat_sync.ingestion.results import Change, Ingested
from codat_sync.polling.schedule import Report, Schedule, Trouble, Waiting, report
from codat_sync.syncs.items import fold
from codat_sync.syncs.status_codes import DISCONNECTED, Outcome, status_code
from codat_sync.syncs.sync import Sync

if TYPE_CHECKING:
    from codat_sync.codat.client import Codat
    from codat_sync.ingestion.tasks import SyncNews
    from codat_sync.syncs.repository import Head, Store
    from codat_sync.webhooks.events import WebhookEvent

# Each lost race means that another worker has committed: a handful in a row, and the queue had better space them out.
MOST_RACES = 5
# While Codat fails, the queue hands a message out so often; then it waits in the table, for as long as that takes.
MOST_RECEIVES = 5
# More transactions than that are taken in one sync at a time: their messages may take most of the memory there is.
LARGE = 2_000


def _silent(_news: "SyncNews", _found: Report) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Ingestion:
    """How syncs are taken in."""

    codat: "Codat"
    store: "Store"
    schedule: Schedule
    now: Callable[[], datetime]
    tell: "Callable[[SyncNews, Report], None]" = _silent
    chance: Callable[[], float] = random.random
    _one_large: threading.Lock = field(default_factory=threading.Lock, init=False)

    def take_in(self, news: Sequence["SyncNews"], receives: int) -> Ingested:
        """Ask Codat about the one sync that all ``news`` are about, and keep the answer.

        The document's version is read before Codat is asked and must not have moved when the answer is committed: so
        every committed answer is younger than the one before it. ``receives`` is how often the queue has handed them
        out. Raises PoisonError, CodatUnavailableError, VersionMovedError after too many lost races, and what DynamoDB
        raises.
        """
        for _ in range(MOST_RACES):
            try:
                return self._take_in_once(news, receives)
            except VersionMovedError as error:
                lost = error
        raise lost

    def _take_in_once(self, news: Sequence["SyncNews"], receives: int) -> Ingested:
        first = news[0]
        events = {each.event.webhook_id: each.event for each in news if each.event}
        head = self.store.load_head(first.company_id, first.sync_id, events)
        if head.is_forgotten:
            return Ingested(Change.FORGOTTEN)
        unseen = [event for webhook_id, event in events.items() if webhook_id not in head.seen]
        is_due = self._is_due(news, head)
        if not (unseen or is_due):
            return Ingested(Change.REPEATED if events else Change.OUTDATED)
        with ExitStack() as until_kept:
            try:
                sync = self._fetch(first, until_kept)
            except (CodatError, SecretUnavailableError) as error:
                return self._defer(first, unseen, head, error, receives)
            return self._keep(sync, first, unseen, head, is_due=is_due)

    def _is_due(self, news: Sequence["SyncNews"], head: "Head") -> bool:
        """Return whether one of ``news`` is of this version, or of one whose replacement is in doubt.

        The latter is a check that comes again after a crash right after its commit. And what waits for its dead letter
        is due whenever that comes: its event may have been seen by who had a copy of it.
        """
        if head.waiting and head.waiting.trouble is Trouble.MALFORMED:
            return True
        versions = {each.version for each in news if each.version is not None}
        if head.version is None:
            return 0 in versions  # Codat lists it, and no event has told of it.
        return bool(versions) and (head.version in versions or self.store.is_doubtful(head.sync_id, head.version - 1))

    def _fetch(self, news: "SyncNews", until_kept: ExitStack) -> Sync:
        """Return the sync as Codat has it: its status first, so that a final one never has items from before."""
        status = self.codat.sync_status(news.company_id, news.sync_id)
        try:
            transactions = self.codat.transactions(news.company_id, news.sync_id)
        except CodatNotFoundError as error:
            if status_code(status.code).outcome is Outcome.FAILED:
                return Sync(status, ())  # It failed before it had any.
            raise CodatInconsistentError("Codat knows the sync, and not its transactions") from error
        if transactions.total > LARGE:
            until_kept.enter_context(self._one_large)
        return Sync(status, fold(transactions.rows()))

    def _keep(
        self, sync: Sync, news: "SyncNews", events: "Sequence[WebhookEvent]", head: "Head", *, is_due: bool
    ) -> Ingested:
        now = self.now()
        is_new = sync.digest != head.digest
        waiting = self._waiting(sync, news, head, events, is_new=is_new or is_due)
        self._tell(news, head.waiting, waiting)
        # Events last: an event that is marked as seen never has to be looked at again.
        if is_new:
            self._replace(sync, waiting, head, now)
            self.store.put_events(head, events, now)
        elif waiting != head.waiting:
            self.store.set_waiting(waiting, head, now)
            self.store.put_events(head, events, now)
        else:
            self.store.put_unchanged_events(head, events, now)
        return Ingested(
            change=Change.COMMITTED if is_new else Change.UNCHANGED,
            sync=sync,
            waiting=waiting,
            company_is_stale=is_stale(head.company_fetched_at, now),
            company_is_doubted=is_new and sync.status.code in DISCONNECTED,
            lags=tuple(self.now() - event.generated_at for event in events if event.generated_at),
        )

    def _replace(self, sync: Sync, waiting: Waiting | None, head: "Head", now: datetime) -> None:
        # Pointers first: whoever sees the document finds it from each of its transactions.
        self.store.put_pointers(sync, head, now)
        self.store.commit_sync(sync, waiting, head, self.now())
        if head.version is not None and self.store.is_doubtful(head.sync_id, head.version):
            raise VersionMovedError(f"another worker saw an event of sync {head.sync_id} meanwhile")

    def _waiting(
        self, sync: Sync, news: "SyncNews", head: "Head", events: "Sequence[WebhookEvent]", *, is_new: bool
    ) -> Waiting | None:
        if sync.is_final:
            return None
        known = head.waiting
        if not is_new and known and known.due_at and not known.trouble:
            return known  # It waits already: an event that tells nothing new does not put it off.
        return self.schedule.unfinished(_going_on(known, events), self.now(), news.correlation_id)

    def _defer(
        self,
        news: "SyncNews",
        events: "Sequence[WebhookEvent]",
        head: "Head",
        error: CodatError | SecretUnavailableError,
        receives: int,
    ) -> Ingested:
        """Put the sync down to be looked at later, whatever the queue does: no message waits for Codat."""
        now = self.now()
        known = _going_on(head.waiting, events)
        if isinstance(error, CodatUnavailableError) and events and receives < MOST_RECEIVES:
            if head.version is None:
                waiting = self.schedule.troubled(known, error, now, news.correlation_id, chance=0)
                self.store.park(replace(waiting, due_at=None), head, now)
            raise error
        if isinstance(error, CodatInconsistentError):
            error = CodatAnswerError(f"{error}, each time", correlation_id=error.correlation_id)
        waiting = self.schedule.troubled(known, error, now, news.correlation_id, chance=self.chance())
        if isinstance(error, CodatAnswerError):
            self.store.park(waiting, head, now)
            raise PoisonError("malformed-answer", told(error)) from error
        self._tell(news, known, waiting)
        self.store.set_waiting(waiting, head, now)
        # It is sure to be looked at after these events, so they have done what they are for.
        self.store.put_events(head, events, now)
        return Ingested(Change.DEFERRED, waiting=waiting)

    def _tell(self, news: "SyncNews", known: Waiting | None, waiting: Waiting | None) -> None:
        """Report what a person should hear of: before it is written, as what is written twice is told at least once."""
        found = report(known, waiting)
        if found:
            self.tell(news, found)


def _going_on(known: Waiting | None, events: "Sequence[WebhookEvent]") -> Waiting | None:
    """Return the wait that goes on: an event begins a new one, whatever was given up before."""
    return None if events else known


def told(error: CodatError) -> str:
    """Return what a person needs of ``error``, to ask Codat's support about it too."""
    return f"{error} (Codat's correlation id {error.correlation_id})" if error.correlation_id else str(error)
