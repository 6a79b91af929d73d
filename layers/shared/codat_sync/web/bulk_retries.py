"""Plan, start, monitor and stop bulk retries, for the JSON API and the pages."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from codat_sync.auth.roles import Viewer
from codat_sync.aws.observability import logger
from codat_sync.bulk_retries.bulk_retry import BulkRetry, FailureFilter, Progress, progress
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.bulk_retries.planning import BulkPlan
from codat_sync.web.pages.visitor import Visitor
from codat_sync.web.read_service import ReadService

_NAMESPACE = uuid.UUID("3f1b7a52-6f0e-4c0a-9d3a-0e6d8d1f6a11")


@dataclass(frozen=True)
class BulkRetryDesk:
    """Users' operations on bulk retries. Health only reads; it invokes the retry function, which alone writes."""

    read_service: ReadService
    client: BulkRetryClient

    def plan(self, chosen: FailureFilter) -> BulkPlan:
        """Plan a bulk retry. Raises InvalidQueryError and UnprocessedItemsError."""
        return self.read_service.bulk_retry_planner.plan(chosen.query)

    def start(self, chosen: FailureFilter, by: Viewer | Visitor, key: str | None = None) -> Progress:
        """Start a bulk retry and return its progress. Raises RetryUnavailableError.

        The same ``key`` of the same user stands for the same bulk retry, so a request that is repeated starts it once.
        """
        name = str(uuid.uuid5(_NAMESPACE, f"{by.subject} {key}") if key else uuid.uuid4())
        asked = BulkRetry(name, chosen, by.signature, self.read_service.now())
        self.client.start(asked)
        logger.info("bulk retry requested", bulk_retry_id=name, requested_by=by.subject)
        return self.read_service.load_bulk_retry(name) or progress(asked, [])

    def stop(self, bulk_retry_id: str, by: Viewer | Visitor) -> Progress | None:
        """Stop a bulk retry and return its progress; None if there is none. Raises RetryUnavailableError."""
        if self.read_service.bulk_retries.load(bulk_retry_id) is None:
            return None
        self.client.stop(bulk_retry_id, by.signature)
        return self.read_service.load_bulk_retry(bulk_retry_id)

    def latest(self, most: int) -> Sequence[Progress]:
        """Return the progress of the newest bulk retries. Raises UnprocessedItemsError."""
        return self.read_service.load_latest_bulk_retries(most)
