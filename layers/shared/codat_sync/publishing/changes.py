"""Represent item changes: the old and new version in a stream record, reduced to what events need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from codat_sync.companies.company import Company
from codat_sync.core.errors import PoisonMessageError
from codat_sync.core.validation import describe_validation_error
from codat_sync.polling.schedule import PendingCheck
from codat_sync.publishing.events import DomainEvent, event_id
from codat_sync.submissions.submission import Submission
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.status_codes import Outcome

Kind = TypeVar("Kind", bound=DomainEvent)


@dataclass(frozen=True, slots=True)
class ItemVersion:
    """Identify the version of an item that events are derived from, and when it was written."""

    pk: str
    sk: str
    company_id: str
    version: int
    at: str

    def event(self, kind: type[Kind], *of: str | None, **fields: object) -> Kind:
        """Build an event of type ``kind``; ``of`` distinguishes events of the same type from the same version.

        Raises PoisonMessageError if a field is invalid: then the item was not written by this application.
        """
        common = {"v": 1, "company_id": self.company_id, "version": self.version, "occurred_at": self.at}
        name = event_id(self.pk, self.sk, self.version, kind.__name__, *of)
        try:
            return kind.model_validate({"id": name, **common, **fields}, by_name=True)
        except ValidationError as error:
            raise PoisonMessageError("invalid-event", describe_validation_error(error)) from None


@dataclass(frozen=True, slots=True)
class SyncVersion:
    """One version of a sync's record. ``outcome``, ``code`` and ``digest`` are None until the sync is fetched.

    ``record`` is the raw image from which its items are read, as they may be too many to hold in memory at once.
    """

    sync_id: str
    outcome: Outcome | None
    code: int | None
    is_final: bool
    synced_at: str | None
    transactions: int
    failed: int
    retry_of: str | None
    submitted_ids: tuple[str, ...]
    pending_check: PendingCheck | None
    digest: str | None
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SyncChange:
    """A sync's record was created or replaced."""

    item_version: ItemVersion
    old: SyncVersion | None
    new: SyncVersion

    @property
    def has_changed_items(self) -> bool:
        """Whether the data fetched from Codat has changed."""
        return self.new.digest is not None and (self.old is None or self.old.digest != self.new.digest)


@dataclass(frozen=True, slots=True)
class RetryChange:
    """The retry record of a failed sync was written."""

    item_version: ItemVersion
    sync_id: str
    old: Retry | None
    new: Retry


@dataclass(frozen=True, slots=True)
class CompanyChange:
    """A company's record was written. A version that was not yet fetched from Codat is None."""

    item_version: ItemVersion
    old: Company | None
    new: Company | None


@dataclass(frozen=True, slots=True)
class SubmissionChange:
    """A submission with an outcome that was reported as unknown was written. ``old`` is None if it was not before."""

    item_version: ItemVersion
    old: Submission | None
    new: Submission


Change = SyncChange | RetryChange | CompanyChange | SubmissionChange
