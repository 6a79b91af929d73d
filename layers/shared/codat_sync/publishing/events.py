"""Define the domain events published on the event bus. Their JSON schema is docs/events.schema.json.

Events hold ids, codes and counts only, never a message from Codat, a name or an amount. So every event is small, and
none holds personal data.
"""

from typing import Annotated, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from codat_sync.syncs.retry_record import MAX_LISTED_IDS

_NAMESPACE = uuid5(NAMESPACE_URL, "codat-sync/event")


def event_id(pk: str, sk: str, version: int, *rest: str | None) -> str:
    """Return the id of an event: the same for the same version of an item, however often it is published."""
    return str(uuid5(_NAMESPACE, "\n".join(["-" if each is None else each for each in (pk, sk, str(version), *rest)])))


class DomainEvent(BaseModel):
    """Common fields of all events. The class name is the event's ``detail-type``."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    v: Annotated[Literal[1], Field(description="Version of this schema. Fields may be added, but are never removed.")]
    id: Annotated[str, Field(description="The same on each delivery of this event: ignore ids already processed.")]
    company_id: Annotated[str, Field(description="Codat's id of the company.")]
    version: Annotated[
        int,
        Field(description="Version of the sync's, retry's, submission's or company's record: a higher one is newer."),
    ]
    occurred_at: Annotated[str, Field(description="When the change was stored, UTC.")]


class SyncEvent(DomainEvent):
    """Current state of a sync."""

    sync_id: Annotated[str, Field(description="Codat's id of the sync.")]
    retry_of: Annotated[str | None, Field(description="The sync whose failed transactions this one resubmits.")]
    code: Annotated[int, Field(description="Codat's status code of the sync.")]
    is_final: Annotated[
        bool, Field(description="Whether the sync has ended: Codat does not change it any more by itself.")
    ]
    synced_at: Annotated[str | None, Field(description="Codat's syncUtc. Long ago for imported history.")]
    transactions: Annotated[int, Field(description="Number of transactions, each counted once per integration type.")]
    failed: Annotated[int, Field(description="Number of those that failed.")]


class SyncSucceeded(SyncEvent):
    """Codat reports all transactions of a sync as written to the accounting software."""


class SyncFailed(SyncEvent):
    """A sync failed, or at least one of its transactions did."""


class SyncStatusUnknown(SyncEvent):
    """It is unknown whether a sync was written: an operator has to check it. See its status code and transactions."""


class UnfinishedSyncEvent(DomainEvent):
    """A sync that has not ended."""

    sync_id: Annotated[str, Field(description="Codat's id of the sync.")]
    since: Annotated[str, Field(description="When waiting for it began, UTC.")]


class SyncStuck(UnfinishedSyncEvent):
    """A sync has not ended within a day."""


class SyncMissing(UnfinishedSyncEvent):
    """Codat announced the sync, but has not known it for an hour: it is treated as missing."""


class SyncAbandoned(UnfinishedSyncEvent):
    """A sync has not ended within a month, and is no longer checked automatically."""


class TransactionEvent(DomainEvent):
    """State of a transaction in one sync, as one integration type."""

    sync_id: Annotated[str, Field(description="Codat's id of the sync.")]
    retry_of: Annotated[str | None, Field(description="The sync whose failed transactions this one resubmits.")]
    transaction_id: Annotated[str, Field(description="The transaction's id.")]
    integration_type: Annotated[
        str | None,
        Field(description="The type that it is booked as. A transaction can have several, each with its own event."),
    ]
    status: Annotated[str, Field(description="Codat's status of the transaction.")]


class TransactionCompleted(TransactionEvent):
    """A transaction is in the accounting software."""


class TransactionFailed(TransactionEvent):
    """A transaction was not written in this sync. The sync's retry events report whether it is resubmitted."""


class RetrySubmitted(DomainEvent):
    """Failed transactions were resubmitted, in a new sync."""

    sync_id: Annotated[str, Field(description="The new sync.")]
    retry_of: Annotated[str, Field(description="The sync that they failed in.")]
    transaction_ids: Annotated[
        list[str],
        Field(
            max_length=MAX_LISTED_IDS,
            description="The resubmitted transactions. Only the first ones if there are many.",
        ),
    ]


class RetryResolved(DomainEvent):
    """All failed transactions of a sync are now in the accounting software."""

    sync_id: Annotated[str, Field(description="The sync that failed.")]


class ActionRequiredEvent(DomainEvent):
    """Failed transactions that are not resubmitted automatically. ``version`` is that of the sync's retry record."""

    sync_id: Annotated[str, Field(description="The sync that they failed in.")]
    transaction_ids: Annotated[
        list[str],
        Field(max_length=MAX_LISTED_IDS, description="Those newly affected. Only the first ones if there are many."),
    ]
    count: Annotated[
        int, Field(description="Number of the sync's transactions that are affected now, including those listed.")
    ]


class BodyMissing(ActionRequiredEvent):
    """No copy exists: they were neither submitted through this proxy nor recorded. The product has to send them."""


class CorrectionRequired(ActionRequiredEvent):
    """They are invalid, or a mapping is missing: the product or the customer has to correct that."""


class BillingExpired(ActionRequiredEvent):
    """The subscription to the accounting software has expired: the customer has to renew it."""


class RetryExhausted(ActionRequiredEvent):
    """They were resubmitted as often as allowed, and failed each time: an operator has to check them."""


class OutcomeUnknown(ActionRequiredEvent):
    """It is unknown whether they were written: check the accounting software before sending them again."""


class PartiallyWritten(ActionRequiredEvent):
    """They were written as one integration type but not as another: an operator has to check them."""


class SubmissionEvent(DomainEvent):
    """A request to Codat whose response was lost. ``version`` is that of the submission."""

    submission_id: Annotated[str, Field(description="Our id of the submission.")]
    transaction_ids: Annotated[list[str], Field(max_length=MAX_LISTED_IDS, description="Its transactions.")]
    retry_of: Annotated[str | None, Field(description="The sync whose failed transactions it resubmits.")]


class SubmissionOutcomeUnknown(SubmissionEvent):
    """Codat's syncs do not show whether it was written: check the accounting software, and state what is there."""

    since: Annotated[str, Field(description="When it was sent, UTC.")]


class SubmissionOutcomeKnown(SubmissionEvent):
    """A reported outcome is known after all: Codat has a sync of it, or an operator has stated it."""

    sync_id: Annotated[str | None, Field(description="Its sync, whose events report the rest. None if stated.")]
    written_ids: Annotated[
        list[str],
        Field(
            max_length=MAX_LISTED_IDS, description="As stated: these are in the accounting software, others are not."
        ),
    ]


class ConnectionEvent(DomainEvent):
    """State of a company's connection to its accounting software. ``version`` is that of the company's record."""

    target_platform: Annotated[str | None, Field(description="The accounting software.")]
    connection_status: Annotated[str | None, Field(description="Codat's status of the connection.")]


class ConnectionLost(ConnectionEvent):
    """The connection to the accounting software no longer works: the customer has to reconnect."""


class ConnectionRestored(ConnectionEvent):
    """The connection to the accounting software works again, or for the first time."""


class CompanyDeleted(ConnectionEvent):
    """The company was deleted at Codat."""
