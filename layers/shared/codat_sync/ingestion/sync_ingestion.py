"""Ingest syncs: fetch a sync that a webhook announced, or that is due, from Codat and store it."""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from codat_sync.companies.company import is_stale
from codat_sync.core.errors import (
    CodatError,
    CodatInconsistentResponseError,
    CodatNotFoundError,
    CodatOtherCompanyError,
    CodatResponseError,
    CodatUnavailableError,
    PoisonMessageError,
    SecretUnavailableError,
    VersionConflictError,
)
from codat_sync.ingestion.results import Change, SyncResult
from codat_sync.polling.schedule import CheckFailure, PendingCheck, PollingAlert, Schedule, detect_alert
from codat_sync.syncs.items import fold
from codat_sync.syncs.status_codes import DISCONNECTED, Outcome, status_code
from codat_sync.syncs.sync import Sync, SyncStatus

if TYPE_CHECKING:
    from codat_sync.codat.client import CodatClient
    from codat_sync.ingestion.tasks import SyncTask
    from codat_sync.syncs.repository import SyncRepository, SyncSnapshot
    from codat_sync.webhooks.events import WebhookEvent

# Each lost race means that another worker committed: after a handful in a row, let the queue space them out.
MAX_COMMIT_ATTEMPTS = 5
# While Codat fails, the queue delivers a message this often; then the sync is deferred in the table.
MAX_RECEIVES = 5
# Larger syncs are ingested one at a time: their messages may take most of the memory.
LARGE_SYNC = 2_000


class _Found(NamedTuple):
    """A sync's snapshot, read before Codat was asked about it, and its status, or why Codat did not answer with it."""

    snapshot: "SyncSnapshot"
    status: SyncStatus | CodatError | SecretUnavailableError


def _ignore_alert(_task: "SyncTask", _alert: PollingAlert) -> None:
    """Ignore the alert."""


@dataclass(frozen=True)
class SyncIngestion:
    """Ingest syncs from Codat."""

    codat: "CodatClient"
    store: "SyncRepository"
    schedule: Schedule
    now: Callable[[], datetime]
    report_alert: "Callable[[SyncTask, PollingAlert], None]" = _ignore_alert
    jitter: Callable[[], float] = random.random
    _one_large: threading.Lock = field(default_factory=threading.Lock, init=False)

    def ingest(self, tasks: Sequence["SyncTask"], receive_count: int) -> SyncResult:
        """Fetch the one sync that all ``tasks`` are about, and store it.

        The record's version is read before Codat is asked and must be unchanged when the response is committed. So each
        committed response is newer than the previous one. ``receive_count`` is how often the queue has delivered them.
        Raises PoisonMessageError, CodatUnavailableError, VersionConflictError after too many lost races, and DynamoDB's
        errors.
        """
        for _ in range(MAX_COMMIT_ATTEMPTS):
            try:
                return self._ingest_once(tasks, receive_count)
            except VersionConflictError as error:
                lost = error
        raise lost

    def _ingest_once(self, tasks: Sequence["SyncTask"], receive_count: int) -> SyncResult:
        events = {each.event.webhook_id: each.event for each in tasks if each.event}
        # Events first: a check repeats what an event said.
        named = [each.company_id for each in sorted(tasks, key=lambda each: each.event is None)]
        snapshot = self.store.load_snapshot(named[0], tasks[0].sync_id, events)
        new_events = [event for webhook_id, event in events.items() if webhook_id not in snapshot.processed_ids]
        is_due = self._is_due(tasks, snapshot)
        if not (new_events or is_due):
            return SyncResult(Change.DUPLICATE if events else Change.OUTDATED)
        found = self._find_company(tasks[0], named, snapshot)
        if found is None:
            return SyncResult(Change.BLOCKED)
        task = replace(tasks[0], company_id=found.snapshot.company_id)
        with ExitStack() as until_kept:
            try:
                sync = self._fetch(found, until_kept)
            except (CodatError, SecretUnavailableError) as error:
                return self._defer(task, new_events, found.snapshot, error, receive_count)
            return self._store(sync, task, new_events, found.snapshot, is_due=is_due)

    def _find_company(self, task: "SyncTask", named: Sequence[str], snapshot: "SyncSnapshot") -> "_Found | None":
        """Ask Codat for the sync's status: of the company that it belongs to, else of each one that events named.

        Codat's answer decides whose the sync is. Returns None if that company was erased on request.
        """
        companies = list(dict.fromkeys(filter(None, (snapshot.owner_id, *named, snapshot.announced_company_id))))
        asked: set[str] = set()
        unknown: _Found | None = None
        while companies:
            company_id = companies.pop(0)
            asked.add(company_id)
            if company_id != snapshot.company_id:
                snapshot = self.store.load_snapshot(company_id, task.sync_id, ())
            if snapshot.is_erased and company_id == snapshot.owner_id:
                return None
            if snapshot.is_erased:
                continue
            try:
                return _Found(snapshot, self.codat.get_sync_status(company_id, task.sync_id))
            except CodatOtherCompanyError as error:
                unknown, companies = None, [error.company_id]
                if error.company_id in asked:
                    return _Found(snapshot, CodatResponseError(f"{error}, and Codat names no other"))
            except CodatNotFoundError as error:
                unknown = unknown or _Found(snapshot, error)
            except (CodatError, SecretUnavailableError) as error:
                return _Found(snapshot, error)
        return unknown

    def _is_due(self, tasks: Sequence["SyncTask"], snapshot: "SyncSnapshot") -> bool:
        """Return whether one of ``tasks`` is about this version, or one whose replacement may be stale.

        The latter is a check redelivered after a crash right after its commit. A sync that waits for the redrive
        of its dead letter is due whenever that arrives: a copy of its event may have been processed already.
        """
        if snapshot.pending_check and snapshot.pending_check.check_failure is CheckFailure.MALFORMED_RESPONSE:
            return True
        versions = {each.version for each in tasks if each.version is not None}
        if snapshot.version is None:
            return 0 in versions  # Codat lists it, and no event has announced it.
        return bool(versions) and (
            snapshot.version in versions or self.store.is_possibly_stale(snapshot.sync_id, snapshot.version - 1)
        )

    def _fetch(self, found: "_Found", until_kept: ExitStack) -> Sync:
        """Fetch the sync's transactions: after its status, so that a final status never comes with earlier items."""
        if isinstance(found.status, Exception):
            raise found.status
        status = found.status
        try:
            transactions = self.codat.get_transactions(status.company_id, status.sync_id)
        except CodatNotFoundError as error:
            if status_code(status.code).outcome is Outcome.FAILED:
                return Sync(status, ())  # It failed before it had any items.
            raise CodatInconsistentResponseError("Codat knows the sync, but not its transactions") from error
        if transactions.total > LARGE_SYNC:
            until_kept.enter_context(self._one_large)
        return Sync(status, fold(transactions.rows()), found.snapshot.submitted_ids)

    def _store(
        self, sync: Sync, task: "SyncTask", events: "Sequence[WebhookEvent]", snapshot: "SyncSnapshot", *, is_due: bool
    ) -> SyncResult:
        now = self.now()
        is_new = sync.digest != snapshot.digest
        pending_check = self._next_check(sync, task, snapshot, events, is_new=is_new or is_due)
        self._report_alert(task, snapshot.pending_check, pending_check)
        # Events last: an event recorded as processed is never processed again.
        if is_new:
            self._replace(sync, pending_check, snapshot, now)
            self.store.record_events(snapshot, events, now)
        elif pending_check != snapshot.pending_check:
            self.store.set_pending_check(pending_check, snapshot, now)
            self.store.record_events(snapshot, events, now)
        else:
            self.store.record_unchanged_events(snapshot, events, now)
        return SyncResult(
            change=Change.COMMITTED if is_new else Change.UNCHANGED,
            sync=sync,
            pending_check=pending_check,
            is_company_stale=is_stale(snapshot.company_fetched_at, now),
            is_connection_suspect=is_new and sync.status.code in DISCONNECTED,
            lags=tuple(max(timedelta(), self.now() - event.generated_at) for event in events if event.generated_at),
        )

    def _replace(self, sync: Sync, pending_check: PendingCheck | None, snapshot: "SyncSnapshot", now: datetime) -> None:
        # Index entries first: a visible record can always be found by each of its transactions.
        self.store.put_index_entries(sync, snapshot, now)
        self.store.record_latest(sync, snapshot, now)
        self.store.commit(sync, pending_check, snapshot, self.now())
        if snapshot.version is not None and self.store.is_possibly_stale(snapshot.sync_id, snapshot.version):
            raise VersionConflictError(f"another worker processed an event of sync {snapshot.sync_id} meanwhile")

    def _next_check(
        self, sync: Sync, task: "SyncTask", snapshot: "SyncSnapshot", events: "Sequence[WebhookEvent]", *, is_new: bool
    ) -> PendingCheck | None:
        if sync.is_final and not sync.is_unclear:
            return None
        known = snapshot.pending_check
        if not is_new and known and known.due_at and not known.check_failure:
            return known  # A check is pending already: an event that changes nothing does not postpone it.
        pending_check = self.schedule.after_unfinished(_continued_check(known, events), self.now(), task.correlation_id)
        # What Codat has not reported a day after the end, it will not report: its retry names who has to act.
        return None if sync.is_final and pending_check.is_stuck else pending_check

    def _defer(
        self,
        task: "SyncTask",
        events: "Sequence[WebhookEvent]",
        snapshot: "SyncSnapshot",
        error: CodatError | SecretUnavailableError,
        receive_count: int,
    ) -> SyncResult:
        """Schedule a later check of the sync, independent of the queue: no message waits for Codat."""
        now = self.now()
        known = _continued_check(snapshot.pending_check, events)
        if isinstance(error, CodatUnavailableError) and events and receive_count < MAX_RECEIVES:
            if snapshot.version is None:
                pending_check = self.schedule.after_failure(known, error, now, task.correlation_id, jitter=0)
                self.store.suspend_polling(replace(pending_check, due_at=None), snapshot, now)
            raise error
        if isinstance(error, CodatInconsistentResponseError):
            error = CodatResponseError(f"{error}, each time", correlation_id=error.correlation_id)
        pending_check = self.schedule.after_failure(known, error, now, task.correlation_id, jitter=self.jitter())
        if isinstance(error, CodatResponseError):
            self.store.suspend_polling(pending_check, snapshot, now)
            raise PoisonMessageError("malformed-response", describe_error(error)) from error
        if isinstance(error, CodatNotFoundError) and snapshot.owner_id is None and pending_check.attempts:
            self.store.request_search(now)
        self._report_alert(task, known, pending_check)
        self.store.set_pending_check(pending_check, snapshot, now)
        # A check after these events is certain now, so they are processed.
        self.store.record_events(snapshot, events, now)
        return SyncResult(Change.DEFERRED, pending_check=pending_check)

    def _report_alert(self, task: "SyncTask", known: PendingCheck | None, pending_check: PendingCheck | None) -> None:
        """Report a new alert, before the write, so that it is reported at least once."""
        found = detect_alert(known, pending_check)
        if found:
            self.report_alert(task, found)


def _continued_check(known: PendingCheck | None, events: "Sequence[WebhookEvent]") -> PendingCheck | None:
    """Return the pending check to continue: an event starts a new wait, even if polling was abandoned before."""
    return None if events else known


def describe_error(error: CodatError) -> str:
    """Describe ``error`` for an operator, with the correlation id for Codat's support."""
    return f"{error} (Codat's correlation id {error.correlation_id})" if error.correlation_id else str(error)
