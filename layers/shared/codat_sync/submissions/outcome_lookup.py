"""Look up the outcome of a submission whose response from Codat is unknown."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from codat_sync.core.errors import CodatNotFoundError
from codat_sync.core.identifiers import canonicalize

if TYPE_CHECKING:
    from codat_sync.codat.client import CodatClient
    from codat_sync.submissions.submission import Submission
    from codat_sync.syncs.sync import SyncStatus

# Allowance for clock skew.
_CLOCK_SKEW = timedelta(minutes=5)
# A company has a few syncs at a time; if there are more since then, only the closest in time are searched.
_MAX_SYNCS = 20


@dataclass(frozen=True)
class OutcomeLookup:
    """Search Codat's syncs since the submission was recorded for one with its transactions."""

    codat: "CodatClient"

    def find_sync(self, submission: "Submission", known_before: Collection[str]) -> str | None:
        """Return the sync with exactly the submission's transactions; None if there is none since then.

        A sync with only some of them belongs to another submission. After None, Codat may still list one later.
        Raises CodatError and SecretUnavailableError.
        """
        since = submission.recorded_at - _CLOCK_SKEW
        statuses = self.codat.list_sync_statuses(submission.company_id)
        candidates = [
            each
            for each in statuses
            if each.sync_id not in known_before and (each.synced_at is None or each.synced_at >= since)
        ]
        transaction_ids = set(submission.transaction_ids)
        sent_at = submission.sent_at or submission.recorded_at
        candidates.sort(key=lambda each: abs((each.synced_at or sent_at) - sent_at))
        found = (each.sync_id for each in candidates[:_MAX_SYNCS] if self._has_transactions(each, transaction_ids))
        return next(found, None)

    def _has_transactions(self, status: "SyncStatus", transaction_ids: set[str]) -> bool:
        try:
            rows = self.codat.get_transactions(status.company_id, status.sync_id).rows()
        except CodatNotFoundError:
            return False  # The sync failed before it had any transactions.
        return {canonicalize(row.get("transactionId") or "") for row in rows} == transaction_ids
