"""Collect what Codat's support needs about a sync: ids, times, messages, the configuration then, and our log lines.

Every part is bounded, and says what it leaves out. It holds neither secrets, nor bodies and amounts, nor names of
companies and operators. Codat's messages are included: they may quote the customer's data, which Codat sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.companies.configuration import CompanyThen
from codat_sync.core.identifiers import is_identifier
from codat_sync.queries.item_search import MAX_PARTS, ItemQuery, ItemWalk
from codat_sync.queries.sync_details import SyncDetails
from codat_sync.submissions.submission import Submission
from codat_sync.syncs.items import COMPLETED, Item
from codat_sync.webhooks.processed_events import ProcessedEvent

if TYPE_CHECKING:
    from codat_sync.companies.configuration_repository import ConfigurationRepository
    from codat_sync.submissions.repository import SubmissionRepository
    from codat_sync.syncs.repository import SyncRepository

MAX_ITEMS = 100
MAX_EVENTS = 100
MAX_SUBMISSIONS = 50
# Maximum number of transactions whose submissions are read, with a request each.
_MAX_TRANSACTIONS = 20
_MAX_LOG_IDS = 20
# The functions whose log lines contain a sync's id, by the field `service`.
LOGGING_FUNCTIONS = ("receiver", "worker", "submit", "retry", "publish", "reconcile", "health")


@dataclass(frozen=True, slots=True)
class LogReferences:
    """How to find our log lines about a sync: what they mention, and a query for CloudWatch Logs Insights."""

    mentions: tuple[str, ...]
    functions: tuple[str, ...]
    query: str


@dataclass(frozen=True, slots=True)
class SupportBundle:
    """What Codat's support needs about a sync.

    ``items`` are the first items that are not written, ``events`` the newest events, ``submissions`` those of the first
    transactions. ``has_more_items`` and similar fields say whether there are more.
    """

    generated_at: datetime
    details: SyncDetails
    then: CompanyThen | None
    items: Sequence[Item]
    has_more_items: bool
    events: Sequence[ProcessedEvent]
    has_more_events: bool
    submissions: Sequence[Submission]
    has_more_submissions: bool
    logs: LogReferences


@dataclass(frozen=True)
class SupportBundles:
    """Collect support bundles."""

    store: "SyncRepository"
    submissions: "SubmissionRepository"
    configurations: "ConfigurationRepository"

    def collect(self, details: SyncDetails, now: datetime) -> SupportBundle:
        """Collect a sync's bundle, with about 35 requests at most. Raises UnprocessedItemsError."""
        listed = details.listed
        walk = ItemWalk(self.store, listed.sync_id, ItemQuery(), None, parts=MAX_PARTS)
        items = []
        for item in walk.rows():
            if item.status != COMPLETED:
                items.append(item)
            if len(items) > MAX_ITEMS:
                break
        failed_ids = [each.transaction_id for each in items if is_identifier(each.transaction_id)]
        transaction_ids = list(dict.fromkeys([*failed_ids, *details.submitted_ids]))
        submissions = self.submissions.load_of_transactions(listed.company_id, transaction_ids[:_MAX_TRANSACTIONS])
        return SupportBundle(
            generated_at=now,
            details=details,
            then=self.configurations.load_of_sync(listed.sync_id),
            items=items[:MAX_ITEMS],
            has_more_items=walk.cursor is not None,
            events=details.events[-MAX_EVENTS:],
            has_more_events=details.has_more_events or len(details.events) > MAX_EVENTS,
            submissions=submissions[-MAX_SUBMISSIONS:],
            has_more_submissions=len(submissions) > MAX_SUBMISSIONS or len(transaction_ids) > _MAX_TRANSACTIONS,
            logs=find_log_lines(details),
        )


def find_log_lines(details: SyncDetails) -> LogReferences:
    """Return how to find our log lines about a sync: they contain its id, or the id of a request about it."""
    pending = [details.pending_check.correlation_id] if details.pending_check else []
    of_events = [event.correlation_id for event in reversed(details.events)]
    known = dict.fromkeys(each for each in (*pending, *of_events) if is_identifier(each))
    mentions = (details.listed.sync_id, *list(known)[:_MAX_LOG_IDS])
    condition = " or ".join(f'@message like "{each}"' for each in mentions)
    shown = "@timestamp, service, message, change, outcome, code, check_failure, state, codat_correlation_id"
    query = f"filter {condition} | sort @timestamp | display {shown}"
    return LogReferences(mentions, LOGGING_FUNCTIONS, query)
