"""Load the list of what has an unknown outcome, for an operator: submissions, and transactions of ended syncs."""

import re
from dataclasses import dataclass
from datetime import datetime

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import unknown_partition
from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.identifiers import IDENTIFIER_PATTERN
from codat_sync.core.timestamps import parse_timestamp

# Of a submission by its time, or of a sync: see ``unknown_index_keys``.
_POSITION = re.compile(rf"[0-9A-Za-z:.-]{{1,40}}#{IDENTIFIER_PATTERN}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """Transactions of which nobody knows whether they are written: of a submission, or of the failed sync ``sync_id``.

    A submission's outcome is unknown ``since`` it was sent, and is looked up at ``next_lookup_at``, if it still is. For
    a sync, which has ended, both are None.
    """

    company_id: str
    transaction_ids: tuple[str, ...]
    submission_id: str | None
    sync_id: str | None
    since: datetime | None
    next_lookup_at: datetime | None
    company_name: str | None = None


class UnknownOutcomeRepository:
    """The unknown outcomes in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, after: str | None, limit: int) -> tuple[list[UnknownOutcome], str | None]:
        """Load one page, the submissions first and oldest first; and the cursor of the next page, if there is one.

        Raises InvalidQueryError for an invalid cursor.
        """
        if after and not _POSITION.fullmatch(after):
            raise InvalidQueryError("cursor", "is unknown or expired")
        items, has_more = self._table.query_page(unknown_partition(), after or None, limit, newest_first=False)
        return [_read(item["summary"]) for item in items], items[-1]["daySk"] if has_more and items else None


def _read(summary: Attributes) -> UnknownOutcome:
    return UnknownOutcome(
        company_id=summary["companyId"],
        transaction_ids=tuple(summary.get("transactionIds", ())),
        submission_id=summary.get("submissionId"),
        sync_id=summary.get("syncId"),
        since=parse_timestamp(summary.get("since")),
        next_lookup_at=parse_timestamp(summary.get("nextLookupAt")),
    )
