"""Wire the dead letters of a deployment."""

from functools import partial
from typing import TYPE_CHECKING

from codat_sync.audit.repository import AuditRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.clock import utc_now
from codat_sync.dead_letters.queue import DroppedLetterRepository
from codat_sync.dead_letters.service import DeadLetterService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codat_sync.aws.dynamodb import Table
    from codat_sync.dead_letters.queue import DeadLetterQueueClient


def build_dead_letters(table: "Table", queues: "Sequence[DeadLetterQueueClient]") -> DeadLetterService:
    """Return the dead letters of these queues."""
    records, audit = DroppedLetterRepository(table), AuditRepository(table)
    return DeadLetterService(queues, records, audit, partial(is_not_erased, table), utc_now)
