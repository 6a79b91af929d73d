"""Facts: what has happened, as subscribers of the event bus are told. Their JSON schema is docs/events.schema.json.

No fact holds a message of Codat's, a name or an amount: ids, codes and counts only. So each is small, whatever it is
about, and none is personal data.
"""

from typing import Annotated, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from codat_sync.syncs.retry_record import MAX_LISTED_IDS

_NAMESPACE = uuid5(NAMESPACE_URL, "codat-sync/event")


def event_id(pk: str, sk: str, version: int, *rest: str | None) -> str:
    """Return the id of a fact: the same for the same version of an item, however often that is told."""
    return str(uuid5(_NAMESPACE, "\n".join(["-" if each is None else each for each in (pk, sk, str(version), *rest)])))


class DomainEvent(BaseModel):
    """What all facts have. The class's name is the event's ``detail-type``."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    v: Annotated[Literal[1], Field(description="Version of this schema. Fields may be added to it, never taken out.")]
    id: Annotated[
        str, Field(description="The same each time that this event is item_version: forget what you have seen.")
    ]
    company_id: Annotated[str, Field(description="CodatClient's id of the company.")]
    version: Annotated[
        int, Field(description="Of the sync's document, its retry or the company's record: the higher one is newer.")
    ]
    occurred_at: Annotated[str, Field(description="When it was written down, UTC.")]


class SyncEvent(DomainEvent):
    """How a sync stands now."""

    sync_id: Annotated[str, Field(description="CodatClient's id of the sync.")]
    retry_of: Annotated[str | None, Field(description="The sync whose failed transactions this one creates again.")]
    code: Annotated[int, Field(description="CodatClient's status code.")]
    is_final: Annotated[bool, Field(description="Whether CodatClient will not change it by itself.")]
    synced_at: Annotated[
        str | None, Field(description="CodatClient's syncUtc: of a history that is taken in, long ago.")
    ]
    transactions: Annotated[int, Field(description="How many transactions it has, for each type that they have.")]
    failed: Annotated[int, Field(description="How many of those failed.")]


class SyncSucceeded(SyncEvent):
    """All of a sync is in the books."""


class SyncFailed(SyncEvent):
    """A sync has failed, or at least one of its transactions has."""


class SyncStatusUnknown(SyncEvent):
    """A sync has ended with a code that Codat does not document: a person has to look."""


class UnfinishedSyncEvent(DomainEvent):
    """What has not come to its end."""

    sync_id: Annotated[str, Field(description="CodatClient's id of the sync.")]
    since: Annotated[str, Field(description="Since when it has been waited for, UTC.")]


class SyncStuck(UnfinishedSyncEvent):
    """A sync has not ended within a day."""


class SyncMissing(UnfinishedSyncEvent):
    """Codat has not known the sync for an hour, though it told of it: it is believed."""


class SyncAbandoned(UnfinishedSyncEvent):
    """A sync has not ended within a month, and is not looked at by itself any more."""


class TransactionEvent(DomainEvent):
    """How a transaction stands in one sync, as one type."""

    sync_id: Annotated[str, Field(description="CodatClient's id of the sync.")]
    retry_of: Annotated[str | None, Field(description="The sync whose failed transactions this one creates again.")]
    transaction_id: Annotated[str, Field(description="The transaction's id.")]
    integration_type: Annotated[
        str | None, Field(description="What it is booked as; a transaction can have several, each with its own event.")
    ]
    status: Annotated[str, Field(description="CodatClient's status of it.")]


class TransactionCompleted(TransactionEvent):
    """A transaction is in the books."""


class TransactionFailed(TransactionEvent):
    """A transaction did not reach the books in this sync. Whether it is created again, its sync's retry tells."""


class RetrySubmitted(DomainEvent):
    """Transactions that failed were created again, in a sync of their own."""

    sync_id: Annotated[str, Field(description="The new sync.")]
    retry_of: Annotated[str, Field(description="The sync that they failed in.")]
    transaction_ids: Annotated[list[str], Field(max_length=MAX_LISTED_IDS, description="What was created again.")]


class RetryResolved(DomainEvent):
    """All that failed in a sync is in the books after all."""

    sync_id: Annotated[str, Field(description="The sync that failed.")]


class ActionRequiredEvent(DomainEvent):
    """Failed transactions of a sync that are not created again by themselves. ``version`` is its retry's."""

    sync_id: Annotated[str, Field(description="The sync that they failed in.")]
    transaction_ids: Annotated[
        list[str],
        Field(
            max_length=MAX_LISTED_IDS, description="Those for which this is new. The first of them, if they are many."
        ),
    ]
    count: Annotated[int, Field(description="For how many of the sync's transactions it is so now, those included.")]


class BodyMissing(ActionRequiredEvent):
    """They were neither submitted through here nor recorded: the product has to send them."""


class CorrectionRequired(ActionRequiredEvent):
    """They are not valid as they are, or something is not mapped: the product or the customer has to mend that."""


class BillingExpired(ActionRequiredEvent):
    """The subscription of the accounting software has expired: the customer has to renew it."""


class RetryExhausted(ActionRequiredEvent):
    """They were created again as often as is allowed, and failed each time: a person has to look."""


class OutcomeUnknown(ActionRequiredEvent):
    """Nobody knows whether they are in the books: a person has to look there before they are sent anew."""


class PartiallyWritten(ActionRequiredEvent):
    """They are in the books as one type and not as another: a person has to look."""


class ConnectionEvent(DomainEvent):
    """The state of a company's connection to its accounting software. ``version`` is that of the company's record."""

    target_platform: Annotated[str | None, Field(description="The accounting software.")]
    connection_status: Annotated[str | None, Field(description="CodatClient's status of the connection.")]


class ConnectionLost(ConnectionEvent):
    """The connection to the accounting software does not work any more: the customer has to connect again."""


class ConnectionRestored(ConnectionEvent):
    """The connection to the accounting software works again, or for the first time."""


class CompanyDeleted(ConnectionEvent):
    """The company was deleted at Codat."""
