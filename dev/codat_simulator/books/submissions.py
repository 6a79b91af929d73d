"""What was sent to Codat to be written, and what of it was: both word for word."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import with_config

from dev.codat_simulator.wire import WIRE

Method = Literal["POST", "PUT"]
# As in the path: below each there is one kind of transaction.
Kind = Literal[
    "expense-transactions",
    "reimbursable-expense-transactions",
    "transfer-transactions",
    "adjustment-transactions",
]


@with_config(WIRE)
@dataclass(frozen=True)
class Origin:
    """The request that brought a submission."""

    company_id: str
    method: Method
    kind: Kind
    idempotency_key: str | None = None


@with_config(WIRE)
@dataclass(frozen=True)
class SubmittedTransaction:
    """One transaction as it was sent: its own piece of the request's text, every blank and digit kept."""

    transaction_id: str
    body: str
    attempt: int = 1  # 2 if this id was accepted once before, by whichever method


@with_config(WIRE)
@dataclass(frozen=True)
class Submission:
    """A request that was accepted, and the sync that it started."""

    sync_id: str
    at: datetime
    origin: Origin
    transactions: tuple[SubmittedTransaction, ...]


@with_config(WIRE)
@dataclass(frozen=True)
class Entry:
    """What stands in a customer's books: once for each time that it was written."""

    transaction_id: str
    kind: Kind
    method: Method
    sync_id: str
    body: str
