"""Define submissions and book entries, with their original text."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import with_config

from dev.codat_simulator.wire import WIRE

Method = Literal["POST", "PUT"]
# As in the path: each has one kind of transaction.
Kind = Literal[
    "expense-transactions",
    "reimbursable-expense-transactions",
    "transfer-transactions",
    "adjustment-transactions",
]


@with_config(WIRE)
@dataclass(frozen=True)
class Origin:
    """The request of a submission."""

    company_id: str
    method: Method
    kind: Kind
    idempotency_key: str | None = None


@with_config(WIRE)
@dataclass(frozen=True)
class SubmittedTransaction:
    """A submitted transaction: its part of the request's text, verbatim."""

    transaction_id: str
    body: str
    attempt: int = 1  # 2 if this id was accepted once before, by either method


@with_config(WIRE)
@dataclass(frozen=True)
class Submission:
    """An accepted request and the sync that it started."""

    sync_id: str
    at: datetime
    origin: Origin
    transactions: tuple[SubmittedTransaction, ...]


@with_config(WIRE)
@dataclass(frozen=True)
class Entry:
    """An entry in a customer's books, one per write."""

    transaction_id: str
    kind: Kind
    method: Method
    sync_id: str
    body: str


@with_config(WIRE)
@dataclass(frozen=True)
class Attachment:
    """A file uploaded for a written transaction; its content is not kept."""

    attachment_id: str
    company_id: str
    transaction_id: str
    file_name: str
    size: int
