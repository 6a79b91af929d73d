"""Define Codat's companies, their syncs, and the rows of a sync.

All are frozen. A change creates a new object, so that a request in flight never reads a partial change.
"""

from dataclasses import dataclass, field

from pydantic import with_config
from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from dev.codat_simulator.wire import WIRE, JsonObject

SUCCESS = frozenset({2000, 2040})
FAILED = frozenset({"PushError", "ValidationError"})
CONFIGURATION_PARTS = ("bankAccount", "supplier", "customer")


@with_config(WIRE)
@dataclass(frozen=True)
class Company:
    """A customer, with one connection to the source of expenses and one to the accounting software."""

    company_id: str
    # Not ASCII: decoding and re-encoding a webhook's body before verification breaks the signature.
    name: str = "Bäckerei Toft"
    source_platform: str = "Partner Expense"
    target_platform: str = "Xero"
    connection_status: str = "Linked"
    created: str = "2022-08-03T01:30:09.0797213Z"
    tags: dict[str, str] = field(default_factory=dict)
    updates_expenses: bool = True  # whether the accounting software can update an expense; if not, a PUT gets a 422
    configuration: JsonObject | None = None  # as last set through the API


class CompanyFields(TypedDict, total=False):
    """Details of a company to add; missing ones are those of `Company`."""

    source_platform: str
    target_platform: str
    tags: dict[str, str]
    updates_expenses: bool


@with_config(WIRE)
@dataclass(frozen=True)
class Item:
    """A row of a sync's transactions. One transaction has a row per integration type, and each field may be null."""

    transaction_id: str | None
    status: str | None = "Completed"
    integration_type: str | None = "expenses"  # as in Codat's OpenAPI; its page's example says `expense`
    message: str | None = None


@with_config(WIRE)
@dataclass(frozen=True)
class Sync:
    """A run that writes a company's expenses."""

    company_id: str
    sync_id: str
    code: int = 2000
    items: tuple[Item, ...] = ()
    sync_status: str | None = "Complete"
    error_message: str | None = None
    sync_exception_message: str | None = None
    sync_utc: str | None = "2022-08-03T01:30:09.0797213Z"
    data_pushed: bool = True

    @property
    def successful(self) -> bool:
        """Whether the sync succeeded: a single failed item makes it fail."""
        return self.code in SUCCESS and not any(item.status in FAILED for item in self.items)


@with_config(WIRE)
class SyncFields(TypedDict, total=False):
    """Details of a sync besides its code; missing ones follow from the code."""

    sync_status: str | None
    error_message: str | None
    sync_exception_message: str | None
    sync_utc: str | None
    data_pushed: bool


@with_config(WIRE)
class SyncChanges(SyncFields, total=False):
    """The fields of a sync that can change."""

    code: int
    items: tuple[Item, ...]


@with_config(WIRE)
@dataclass(frozen=True)
class WebhookConsumer:
    """An endpoint registered for webhooks, with its filters."""

    consumer_id: str
    url: str
    disabled: bool = False
    event_types: tuple[str, ...] = ("expenses.sync.successful", "expenses.sync.unsuccessful")  # none: every type
    company_tags: tuple[str, ...] = ()  # `key:value`; none: every company

    def receives(self, event_type: str, company: Company) -> bool:
        """Return whether Codat sends it such an event of a company."""
        tags = {f"{key}:{value}" for key, value in company.tags.items()}
        return (not self.event_types or event_type in self.event_types) and (
            not self.company_tags or not tags.isdisjoint(self.company_tags)
        )


_REASONS: dict[int, tuple[str, str | None]] = {
    1000: ("Started", None),
    1010: ("Pushing", None),
    2000: ("Complete", None),
    2040: ("Complete", None),
    4000: ("NotStarted", "The company's configuration is not valid."),
    4040: ("NotStarted", "The company was deleted or de-authorized."),
    4220: ("NotStarted", "The company was deleted or de-authorized."),
    4260: ("PushError", "The subscription to the accounting software has expired."),
    5000: ("PushError", "An error occurred in a downstream service."),
    5080: ("PushError", "One or more transactions have previously been processed."),
    5120: ("PushError", "The data could not be processed."),
    5130: ("PushError", "The data could not be written."),
}


def implied_by(code: int) -> SyncFields:
    """Return the details of a sync with this code. The text is for humans: Codat guarantees nothing about it."""
    status, error = _REASONS.get(code, ("Unknown", None))
    return {"sync_status": status, "error_message": error, "data_pushed": code == 2000}
