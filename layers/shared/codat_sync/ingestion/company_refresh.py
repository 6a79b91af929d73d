"""Refresh a company's record: its name, its platforms and the state of its connection."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.companies.company import Company, is_stale
from codat_sync.core.errors import (
    CodatError,
    CodatResponseError,
    CodatUnavailableError,
    PoisonMessageError,
    SecretUnavailableError,
    VersionConflictError,
)
from codat_sync.ingestion.results import Change, CompanyResult
from codat_sync.ingestion.sync_ingestion import MAX_COMMIT_ATTEMPTS, MAX_RECEIVES, describe_error
from codat_sync.polling.schedule import PendingCheck, Schedule

if TYPE_CHECKING:
    from codat_sync.codat.client import CodatClient
    from codat_sync.companies.repository import CompanyRepository, CompanySnapshot
    from codat_sync.ingestion.tasks import CompanyTask
    from codat_sync.webhooks.events import WebhookEvent


_TOMORROW = timedelta(days=1)


@dataclass(frozen=True)
class CompanyRefresh:
    """Refresh companies from Codat: an event only triggers a fetch."""

    codat: "CodatClient"
    companies: "CompanyRepository"
    schedule: Schedule
    now: Callable[[], datetime]
    jitter: Callable[[], float] = random.random

    def refresh(self, tasks: Sequence["CompanyTask"], receive_count: int) -> CompanyResult:
        """Fetch the one company that all ``tasks`` are about, and store it.

        As with syncs, every committed response is newer than the previous one. Raises PoisonMessageError,
        CodatUnavailableError, VersionConflictError after too many lost races, and DynamoDB's errors.
        """
        for _ in range(MAX_COMMIT_ATTEMPTS):
            try:
                return self._refresh_once(tasks, receive_count)
            except VersionConflictError as error:
                lost = error
        raise lost

    def _refresh_once(self, tasks: Sequence["CompanyTask"], receive_count: int) -> CompanyResult:
        first = tasks[0]
        events = {each.event.webhook_id: each.event for each in tasks if each.event}
        snapshot = self.companies.load_snapshot(first.company_id, events)
        if snapshot.is_erased:
            return CompanyResult(Change.BLOCKED)
        new_events = [event for webhook_id, event in events.items() if webhook_id not in snapshot.processed_ids]
        is_due = any(each.version == snapshot.version for each in tasks if each.version is not None)
        is_asked_for = bool(new_events) or is_due
        # Once its connection is known to be gone, the company is polled until it is back: see ``_until_linked``.
        is_connection_suspect = any(each.is_connection_suspect for each in tasks) and (
            snapshot.company is None or snapshot.company.is_linked
        )
        # A company with a pending check is not refreshed for being stale.
        is_waiting = snapshot.pending_check is not None and snapshot.pending_check.due_at is not None
        if not (is_asked_for or is_connection_suspect) and (
            is_waiting or not is_stale(snapshot.fetched_at if snapshot.is_listed else None, self.now())
        ):
            return CompanyResult(Change.DUPLICATE if events else Change.OUTDATED, snapshot.company)
        try:
            company = self._fetch(tasks, snapshot)
        except (CodatError, SecretUnavailableError) as error:
            if isinstance(error, CodatUnavailableError) and new_events and receive_count < MAX_RECEIVES:
                raise
            result = self._defer(first, new_events, snapshot, error, is_asked_for=is_asked_for)
            if isinstance(error, CodatResponseError) and is_asked_for:
                raise PoisonMessageError("malformed-response", describe_error(error)) from error
            return result
        return self._store(company, self._until_linked(company, first, new_events, snapshot), new_events, snapshot)

    def _fetch(self, tasks: Sequence["CompanyTask"], snapshot: "CompanySnapshot") -> Company:
        if any(each.is_deletion for each in tasks):
            # A deletion is final, and Codat returns 404 from then on.
            return _known_company(tasks[0], snapshot).as_deleted()
        return self.codat.get_company(tasks[0].company_id)

    def _until_linked(
        self, company: Company, task: "CompanyTask", events: "Sequence[WebhookEvent]", snapshot: "CompanySnapshot"
    ) -> PendingCheck | None:
        """Schedule a check of its connection, so that failed syncs are retried even if no event reports its return."""
        if company.is_linked or company.is_deleted:
            return None
        known = None if events or (snapshot.company and snapshot.company.is_linked) else snapshot.pending_check
        return self.schedule.after_unfinished(known, self.now(), task.correlation_id)

    def _store(
        self,
        company: Company,
        pending_check: PendingCheck | None,
        events: "Sequence[WebhookEvent]",
        snapshot: "CompanySnapshot",
    ) -> CompanyResult:
        now = self.now()
        is_new = company != snapshot.company
        # Even without changes: the version increases, so that no earlier response overwrites this one.
        self.companies.commit(company, pending_check, snapshot, now)
        self.companies.record_events(snapshot, events, now)
        return CompanyResult(Change.COMMITTED if is_new else Change.UNCHANGED, company)

    def _defer(
        self,
        task: "CompanyTask",
        events: "Sequence[WebhookEvent]",
        snapshot: "CompanySnapshot",
        error: CodatError | SecretUnavailableError,
        *,
        is_asked_for: bool,
    ) -> CompanyResult:
        now = self.now()
        known = None if events else snapshot.pending_check
        pending_check = self.schedule.after_failure(known, error, now, task.correlation_id, jitter=self.jitter())
        if pending_check.is_confirmed_missing:
            return self._store(_known_company(task, snapshot).as_deleted(), None, events, snapshot)
        if isinstance(error, CodatResponseError) and is_asked_for:
            self.companies.suspend_polling(pending_check, snapshot)
        elif isinstance(error, CodatResponseError):
            # No dead letter for it: try again tomorrow.
            self.companies.defer(replace(pending_check, due_at=now + _TOMORROW), snapshot)
        else:
            self.companies.defer(pending_check, snapshot)
            self.companies.record_events(snapshot, events, now)
        return CompanyResult(Change.DEFERRED, snapshot.company)


def _known_company(task: "CompanyTask", snapshot: "CompanySnapshot") -> Company:
    return snapshot.company or Company(task.company_id, None, None, None, None)
