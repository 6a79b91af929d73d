"""Keeping the record of a company: its name, its platforms, the state of its connection."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.companies.company import Company, is_stale
from codat_sync.core.errors import (
    CodatAnswerError,
    CodatError,
    CodatUnavailableError,
    PoisonError,
    SecretUnavailableError,
    VersionMovedError,
)
from codat_sync.ingestion.results import Change, Refreshed
from codat_sync.ingestion.sync_ingestion import MOST_RACES, MOST_RECEIVES, told
from codat_sync.polling.schedule import Schedule, Waiting

if TYPE_CHECKING:
    from codat_sync.codat.client import Codat
    from codat_sync.companies.repository import CompanyHead, CompanyStore
    from codat_sync.ingestion.tasks import CompanyNews
    from codat_sync.webhooks.events import WebhookEvent


_TOMORROW = timedelta(days=1)


@dataclass(frozen=True)
class Refreshing:
    """How the records of companies are kept: an event says only that there is something to ask Codat about."""

    codat: "Codat"
    companies: "CompanyStore"
    schedule: Schedule
    now: Callable[[], datetime]
    chance: Callable[[], float] = random.random

    def refresh(self, news: Sequence["CompanyNews"], receives: int) -> Refreshed:
        """Ask Codat about the one company that all ``news`` are about, and keep the answer.

        As with syncs, every committed answer is younger than the one before it. Raises PoisonError,
        CodatUnavailableError, VersionMovedError after too many lost races, and what DynamoDB raises.
        """
        for _ in range(MOST_RACES):
            try:
                return self._refresh_once(news, receives)
            except VersionMovedError as error:
                lost = error
        raise lost

    def _refresh_once(self, news: Sequence["CompanyNews"], receives: int) -> Refreshed:
        first = news[0]
        events = {each.event.webhook_id: each.event for each in news if each.event}
        head = self.companies.load_head(first.company_id, events)
        if head.is_forgotten:
            return Refreshed(Change.FORGOTTEN)
        unseen = [event for webhook_id, event in events.items() if webhook_id not in head.seen]
        is_due = any(each.version == head.version for each in news if each.version is not None)
        is_asked_for = bool(unseen) or is_due
        # Once its connection is known to be gone, it is looked at until it is there again: see ``_until_linked``.
        is_doubted = any(each.is_doubted for each in news) and (head.company is None or head.company.is_linked)
        # What waits already is not asked for again because it is old.
        is_waiting = head.waiting is not None and head.waiting.due_at is not None
        if not (is_asked_for or is_doubted) and (is_waiting or not is_stale(head.fetched_at, self.now())):
            return Refreshed(Change.REPEATED if events else Change.OUTDATED, head.company)
        try:
            company = self._ask(news, head)
        except (CodatError, SecretUnavailableError) as error:
            if isinstance(error, CodatUnavailableError) and unseen and receives < MOST_RECEIVES:
                raise
            refreshed = self._put_down(first, unseen, head, error, is_asked_for=is_asked_for)
            if isinstance(error, CodatAnswerError) and is_asked_for:
                raise PoisonError("malformed-answer", told(error)) from error
            return refreshed
        return self._keep(company, self._until_linked(company, first, unseen, head), unseen, head)

    def _ask(self, news: Sequence["CompanyNews"], head: "CompanyHead") -> Company:
        if any(each.is_deletion for each in news):
            # Nothing comes after a deletion, and Codat answers 404 from then on.
            return _known(news[0], head).deleted()
        return self.codat.company(news[0].company_id)

    def _until_linked(
        self, company: Company, news: "CompanyNews", events: "Sequence[WebhookEvent]", head: "CompanyHead"
    ) -> Waiting | None:
        """Return how to wait for its connection: what failed for it goes on then, though no event tells of it."""
        if company.is_linked or company.is_deleted:
            return None
        known = None if events or (head.company and head.company.is_linked) else head.waiting
        return self.schedule.unfinished(known, self.now(), news.correlation_id)

    def _keep(
        self, company: Company, waiting: Waiting | None, events: "Sequence[WebhookEvent]", head: "CompanyHead"
    ) -> Refreshed:
        now = self.now()
        is_new = company != head.company
        # Though nothing is new: the version moves, so that no answer from before comes after this one.
        self.companies.commit(company, waiting, head, now)
        self.companies.put_events(head, events, now)
        return Refreshed(Change.COMMITTED if is_new else Change.UNCHANGED, company)

    def _put_down(
        self,
        news: "CompanyNews",
        events: "Sequence[WebhookEvent]",
        head: "CompanyHead",
        error: CodatError | SecretUnavailableError,
        *,
        is_asked_for: bool,
    ) -> Refreshed:
        now = self.now()
        known = None if events else head.waiting
        waiting = self.schedule.troubled(known, error, now, news.correlation_id, chance=self.chance())
        if waiting.is_given_up:
            return self._keep(_known(news, head).deleted(), None, events, head)
        if isinstance(error, CodatAnswerError) and is_asked_for:
            self.companies.park(waiting, head)
        elif isinstance(error, CodatAnswerError):
            # No dead letter tells of it: it is asked about again tomorrow.
            self.companies.put_down(replace(waiting, due_at=now + _TOMORROW), head)
        else:
            self.companies.put_down(waiting, head)
            self.companies.put_events(head, events, now)
        return Refreshed(Change.DEFERRED, head.company)


def _known(news: "CompanyNews", head: "CompanyHead") -> Company:
    return head.company or Company(news.company_id, None, None, None, None)
