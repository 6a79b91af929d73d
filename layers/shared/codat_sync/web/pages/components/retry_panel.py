"""The retry panel of the push items: how many a retry would resubmit, from stored counts, so that no item is read."""

from dataclasses import dataclass
from datetime import datetime

from codat_sync.queries.sync_details import SyncDetails
from codat_sync.syncs.status_codes import Outcome


@dataclass(frozen=True, slots=True)
class RetryPanel:
    """The failed items of a sync. ``retriable`` is how many a retry would resubmit; None if that is not known.

    ``only_step`` is the step of all of them without a manual retry; None if the steps differ.
    """

    failed: int
    retriable: int | None
    only_step: str | None

    @property
    def may_be_retried(self) -> bool:
        """Whether the confirmation page may offer a retry: the same rule as ``RetryPreview.is_retriable``."""
        return self.failed > 0 and self.retriable != 0


def retry_panel(details: SyncDetails, now: datetime) -> RetryPanel:
    """Return the panel of a sync: by its retry record if it is up to date, otherwise by the sync's own counts."""
    retry = details.retry
    if retry and retry.is_counted(now):
        return RetryPanel(retry.failed, retry.retriable, next(iter(retry.steps)) if len(retry.steps) == 1 else None)
    # Submitted items that a failed sync does not list have failed too.
    unlisted = len(details.submitted_ids) if details.listed.outcome == Outcome.FAILED else 0
    return RetryPanel(details.listed.failed or unlisted, None, None)
