"""Response models of the JSON API."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasPath, BaseModel, ConfigDict, Field, StringConstraints, computed_field
from pydantic.alias_generators import to_camel

from codat_sync.audit.entry import Action
from codat_sync.bulk_retries.bulk_retry import BulkRetryState, EntryState
from codat_sync.companies.company import ConnectionState
from codat_sync.companies.configuration import NotKept
from codat_sync.core.json_diff import DifferenceKind
from codat_sync.polling.schedule import CheckFailure
from codat_sync.retries.expense_card import ExpenseState
from codat_sync.retries.in_books import InBooks
from codat_sync.retries.work_decisions import MAX_REASON_LENGTH
from codat_sync.search.kinds import SearchKind
from codat_sync.search.service import MAX_RESULTS
from codat_sync.submissions.submission import State
from codat_sync.syncs.retry_record import DecisionKind, RetryState, Step
from codat_sync.syncs.status_codes import ActionOwner, Outcome, explain
from codat_sync.syncs.work_category import WorkCategory

NAME = "The company's name in Codat; null until fetched"


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Code(_Answer):
    """A status code: its meaning, who needs to act, and a note for the customer."""

    code: int
    meaning: str
    action_owner: ActionOwner
    customer_note: str
    next_step: str


class SyncSummary(_Answer):
    """A sync in a list."""

    company_id: str
    company_name: str | None = Field(description=NAME)
    sync_id: str
    at: datetime = Field(description="Codat's syncUtc, or when the sync was first seen; lists are ordered by it")
    outcome: Outcome
    code: int | None = Field(description="Codat's status code; null until fetched from Codat")
    synced_at: datetime | None = Field(description="Codat's syncUtc, the only time Codat provides")
    first_seen_at: datetime | None
    transactions: int
    failed: int
    check_failure: CheckFailure | str | None = Field(description="Why the last check with Codat failed")
    is_stuck: bool
    category: WorkCategory | None = Field(
        description="Who has to act on a failed sync, or whether it is closed; null if nothing has failed"
    )
    is_resolved: bool = Field(
        description="Whether it has failed, and all its failed transactions have been written since"
    )

    @computed_field  # type: ignore[prop-decorator] # https://github.com/python/mypy/issues/1362
    @property
    def meaning(self) -> str | None:
        """The meaning of the status code, considering the outcome."""
        return None if self.code is None else explain(self.code, self.outcome).meaning


class SyncPage(_Answer):
    """A page of syncs. It can be shorter than the limit and still have a next page."""

    syncs: list[SyncSummary]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")
    is_truncated: bool = Field(
        description="Whether reading stopped early. In order of time, `nextCursor` continues. In any other order, only"
        " the newest 1,000 syncs were sorted, or those back to `reachedTo`"
    )
    reached_to: datetime | None = Field(
        description="How far the pages up to this one cover the period; null: to its end"
    )


class ExportedSync(SyncSummary):
    """A sync in a CSV file for people."""

    message: str | None = Field(description="Codat's messages about a failed sync and its transactions")


class DayTotals(_Answer):
    """Totals of a day."""

    day: date
    syncs: int
    outcomes: dict[Outcome, int]
    resolved: int = Field(description="Number of the failed syncs of which everything has been written since")
    transactions: int
    failed: int
    is_truncated: bool = Field(description="Whether the day has more syncs than were counted")


class PeriodTotals(_Answer):
    """Totals of the period."""

    syncs: int
    outcomes: dict[Outcome, int]
    resolved: int = Field(description="Number of the failed syncs of which everything has been written since")
    transactions: int
    failed: int


class Totals(_Answer):
    """Totals by day and outcome."""

    days: list[DayTotals]
    total: PeriodTotals
    is_truncated: bool = Field(description="Whether a day has more syncs than were counted; see `isTruncated` of each")


class SyncStatus(_Answer):
    """A sync's status in Codat."""

    code: int
    status: str | None
    error_message: str | None
    exception_message: str | None
    synced_at: datetime | None
    data_pushed: bool | None


class Company(_Answer):
    """A company."""

    company_id: str
    name: str | None
    source_platform: str | None
    target_platform: str | None
    connection_status: str | None
    is_deleted: bool


class Event(_Answer):
    """A webhook event that was received."""

    webhook_id: str
    event_type: str | None
    generated_at: datetime | None
    received_at: datetime | None
    processed_at: datetime | None
    correlation_id: str | None = Field(description="Correlation id in the application's log")


class PendingCheck(_Answer):
    """A scheduled check of a sync that has not ended, and the reason."""

    since: datetime
    attempts: int
    due_at: datetime | None
    check_failure: CheckFailure | None
    is_stuck: bool
    correlation_id: str
    codat_correlation_id: str | None


class Retry(_Answer):
    """Retry status of the failed transactions. ``steps`` counts them by plan step."""

    state: RetryState
    sync_ids: list[str] = Field(description="The syncs created by retries, oldest first")
    steps: dict[str, int]
    due_at: datetime | None
    retriable: int | None = Field(
        description="Number of transactions that a manual retry would resubmit, as of the last check; null: not counted"
    )
    decisions: list["Decision"] = Field(description="Decisions of users about it, oldest first")


class Decision(_Answer):
    """A user's decision about a failed sync. A dismissal ends when the sync is reopened or fails again."""

    kind: DecisionKind
    by: str
    reason: str
    at: datetime


class WorkItem(_Answer):
    """A failed sync, and what happens to its failed transactions. ``steps`` counts them by plan step."""

    sync: SyncSummary = Field(validation_alias="listed")
    meaning: Code | None = Field(default=None, description="Its status code, with who has to act and the next step")
    state: RetryState = Field(validation_alias=AliasPath("retry", "state"))
    open_transactions: int = Field(description="Number of its failed transactions that are not written yet")
    steps: dict[str, int] = Field(validation_alias=AliasPath("retry", "steps"))
    due_at: datetime | None = Field(
        validation_alias=AliasPath("retry", "due_at"), description="When it is checked again automatically"
    )
    retry_sync_ids: list[str] = Field(validation_alias=AliasPath("retry", "sync_ids"))
    decisions: list[Decision] = Field(validation_alias=AliasPath("retry", "decisions"), description="Oldest first")


class WorkItems(_Answer):
    """A page of the worklist. It can be shorter than the limit and still have a next page."""

    items: list[WorkItem]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")
    is_truncated: bool = Field(description="Whether reading stopped before the page was full; `nextCursor` continues")


class WorkRow(_Answer):
    """A work item as a row of a table."""

    category: WorkCategory | None
    sync_id: str
    company_id: str
    company_name: str | None
    at: datetime
    code: int | None
    meaning: str | None
    open_transactions: int
    action_owner: ActionOwner | None
    next_step: str | None
    customer_note: str | None
    steps: str
    due_at: datetime | None
    decision: DecisionKind | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class WorkCount(_Answer):
    """The number of failed syncs in a category."""

    category: WorkCategory
    number: int
    has_more: bool = Field(description="Whether there are more than the 1,000 that were counted")


class WorkCounts(_Answer):
    """The number of failed syncs by category: every failed sync is in exactly one."""

    counts: list[WorkCount]


class WorkDecisionRequest(_Answer):
    """A decision about a failed sync."""

    kind: DecisionKind
    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON_LENGTH),
        Field(description="The reason, which is shown to other users"),
    ]


class SyncDetails(_Answer):
    """A sync without its transactions."""

    sync: SyncSummary = Field(validation_alias="listed")
    meaning: Code | None
    status: SyncStatus | None
    counts: dict[str, int] = Field(description="Number of transactions by status")
    version: int
    committed_at: datetime | None = Field(description="When the sync's data from Codat last changed")
    pending_check: PendingCheck | None
    company: Company | None
    events: list[Event]
    has_more_events: bool = Field(description="Whether there are more than the 500 events in `events`")
    submitted_ids: list[str] = Field(
        description="The transactions submitted in it, if it was submitted through this application"
    )
    retry_of: str | None = Field(description="The sync whose failed transactions it retries")
    retry: Retry | None


class Item(_Answer):
    """A transaction within a sync. ``rows`` is the number of identical rows from Codat."""

    transaction_id: str | None
    integration_type: str | None
    status: str | None
    message: str | None
    rows: int


class ExportedItem(Item):
    """A transaction in a CSV file for people, with its sync."""

    company_id: str
    company_name: str | None
    sync_id: str
    at: datetime


class ItemPage(_Answer):
    """A page of a sync's transactions. It can be shorter than the limit and still have a next page."""

    transactions: list[Item]
    next_cursor: str | None
    is_truncated: bool = Field(description="Whether reading stopped before the page was full; `nextCursor` continues")
    reached_to: int | None = Field(
        description="Number of the sync's transactions that the pages up to this one cover; null: all"
    )


class Plan(_Answer):
    """The result of a manual retry for a transaction, with a note for support and one for the customer."""

    step: Step
    support_note: str
    customer_note: str = Field(description="A note for the customer about what happens if nobody requests a retry")
    until: datetime | None
    automatic_step: Step = Field(
        validation_alias=AliasPath("automatic", "step"), description="The step without a manual retry"
    )


class TransactionResult(_Answer):
    """A transaction's result in one sync."""

    sync_id: str
    code: int | None
    is_final: bool
    at: datetime
    statuses: dict[str, str | None] = Field(description="Status by integration type")
    messages: list[str]


class Submission(_Answer):
    """A request that was made to write the transaction."""

    submission_id: str
    kind: str
    method: Literal["POST", "PUT"]
    state: State
    recorded_at: datetime
    sent_at: datetime | None
    sync_id: str | None
    retry_of: str | None
    rejection_reason: str | None


class BooksStatus(_Answer):
    """Whether a transaction is in the accounting software, and why."""

    answer: InBooks
    reason: str


class ExpenseLine(_Answer):
    """A line of an expense; of a transfer, one of its two sides. Ids are those of Codat's mapping options."""

    description: str | None
    account_id: str | None
    net_amount: Decimal | None
    tax_amount: Decimal | None
    tax_rate_id: str | None
    item_id: str | None
    tracking: list[tuple[str, str]] = Field(description="Pairs of data type and id")
    invoice_to: str | None = Field(description="The customer that is billed")


class Expense(_Answer):
    """An expense as submitted; dates are as they were sent."""

    kind: str
    type: str | None
    merchant: str | None
    contact_id: str | None
    reference: str | None
    date: str | None
    due_date: str | None
    amount: Decimal | None = Field(description="Total with tax; of a transfer, that of the account it is taken from")
    currency: str | None
    currency_rate: Decimal | None
    bank_account_id: str | None
    notes: str | None
    lines: list[ExpenseLine]


class Transaction(_Answer):
    """A transaction with all its syncs and submissions, oldest first."""

    company_id: str
    company_name: str | None = Field(description=NAME)
    transaction_id: str
    in_books: BooksStatus
    plan: Plan
    retry_sync_id: str | None = Field(
        description="The sync to name, with this transaction in `transactionIds`, to retry only this transaction"
    )
    expense_state: ExpenseState = Field(description="Whether `expense` is included; without the role: `hidden`")
    expense: Expense | None = Field(description="The newest body that was submitted or recorded")
    syncs: list[TransactionResult]
    submissions: list[Submission]


class PlannedTransaction(_Answer):
    """What a manual retry would do with a transaction."""

    transaction_id: str
    plan: Plan


class RetryPreview(_Answer):
    """What a manual retry of a sync would do."""

    failed: int = Field(description="Number of failed transactions; with `transactionId`, of the named ones")
    retriable: int | None = Field(
        description="Number of transactions that would be resubmitted; null if they have not been counted yet"
    )
    is_retriable: bool = Field(description="Whether at least one would be resubmitted, or may be")
    steps: dict[str, int] = Field(
        description="Number of failed transactions by their step without a manual retry; empty if not counted yet"
    )
    transactions: list[PlannedTransaction] = Field(
        description="Up to 200 failed transactions: all of them. More: the first 25 that would be resubmitted"
    )
    is_truncated: bool = Field(description="Whether more transactions failed than are included. A retry plans all")


class RetriedTransaction(_Answer):
    """What a retry did with a transaction. ``retrySyncId`` is the sync in which it was resubmitted."""

    transaction_id: str
    step: Step
    support_note: str
    customer_note: str
    until: datetime | None
    retry_sync_id: str | None


class Retried(_Answer):
    """The result of a retry. ``syncId`` is the original sync, even if the request named a retry of it."""

    sync_id: str
    state: RetryState
    retry_sync_ids: list[str]
    due_at: datetime | None
    transactions: list[RetriedTransaction]
    failed: int = Field(description="Number of transactions that were planned; only the first 5,000 are included")
    is_truncated: bool = Field(description="Whether only some of them are included")
    message: str | None = Field(description="Why nothing was done, if nothing had failed; otherwise null")


class CompanyCompleteness(_Answer):
    """Completeness of a company's stored syncs, compared with Codat's list."""

    complete_as_of: datetime | None = Field(description="All syncs that Codat listed at this time are stored")
    compared_at: datetime | None
    next_at: datetime | None
    listed: int = Field(description="Number of syncs listed by Codat")
    reasons: dict[str, int] = Field(description="Number of syncs that differ from Codat's list, by reason")
    missing: int = Field(description="Number of syncs ever found without a webhook")
    last_missed_at: datetime | None
    problem: str | None = Field(description="Why the last comparison failed")


class OverallCompleteness(_Answer):
    """Completeness over all companies that are not deleted. ``completeAsOf`` is the earliest of theirs."""

    complete_as_of: datetime | None
    as_of: datetime | None = Field(description="When it was computed; null before the first run")
    companies: int
    never_complete: int = Field(description="Number of companies not fully checked yet")
    incomplete: int = Field(description="Number of companies with missing or outdated syncs")
    reasons: dict[str, int]
    missing: int
    problems: int = Field(description="Number of companies whose last comparison failed")


class Endpoint(_Answer):
    """State of our webhook endpoint in Codat, as of the last check."""

    state: str | None = Field(
        description="`healthy`, `disabled`, `wrongUrl`, `missing`, `unsubscribed`, `filtered` or `unknown`"
    )
    checked_at: datetime | None
    since: datetime | None
    missed_webhooks: int = Field(description="Number of syncs found without a webhook")
    last_missed_at: datetime | None
    example_received_at: datetime | None = Field(description="When Codat's example event last arrived")


class Completeness(_Answer):
    """Completeness of stored syncs, and the state of the webhook endpoint."""

    overall: OverallCompleteness
    endpoint: Endpoint


class CompanyHealth(_Answer):
    """A company with its latest and last successful sync."""

    company: Company | None
    completeness: CompanyCompleteness | None = Field(description="null until compared with Codat's list")
    latest: SyncSummary | None
    last_successful: SyncSummary | None
    is_truncated: bool = Field(description="Whether `lastSuccessful` may exist before `reachedTo`")
    reached_to: datetime | None = Field(
        description="How far back the last successful sync was searched, if not through all three months"
    )


class CompanySummary(_Answer):
    """A company in a list."""

    company_id: str
    company_name: str | None = Field(description=NAME)
    source_platform: str | None
    target_platform: str | None
    connection: ConnectionState = Field(description="State of the connection to the accounting software")
    connection_status: str | None = Field(description="The same, as reported by Codat")
    last_sync_at: datetime | None = Field(description="Time of its latest sync, by which lists are ordered")
    last_sync_id: str | None = Field(description="null if the latest sync is known only from Codat's list")
    last_outcome: Outcome | None
    open_failures: int = Field(description="Number of failed syncs that are neither resolved nor dismissed")
    complete_as_of: datetime | None = Field(description="All syncs that Codat listed at this time are stored")
    compared_at: datetime | None = Field(description="null until compared with Codat's list")
    is_incomplete: bool = Field(description="Whether syncs that Codat lists were missing or outdated then")
    problem: str | None = Field(description="Why the last comparison failed")


class CompanyPage(_Answer):
    """A page of companies."""

    companies: list[CompanySummary]
    total: int = Field(description="Number of companies that match")
    next_cursor: str | None
    is_truncated: bool = Field(description="Whether there are more companies than were read, at most 20,000")
    is_failure_count_truncated: bool = Field(
        description="Whether there are more open failures than were counted, at most 20,000 of a category"
    )


class FailureCause(_Answer):
    """A group of failures with the same cause. The example is the newest failure."""

    cause_id: str = Field(description="Stable: messages that differ only in ids and numbers have the same id")
    text: str = Field(description="The message with ids and numbers replaced")
    code: int | None = Field(description="The status code of the newest sync with it")
    failures: int
    syncs: int
    companies: int
    today: int = Field(description="Failures in syncs of today (UTC)")
    since_yesterday: int = Field(description="Failures in syncs since the beginning of yesterday (UTC)")
    is_new: bool = Field(
        description="Whether it has occurred since yesterday, but not in the rest of the period. False if there is no"
        " rest, or if that was not analysed completely"
    )
    example_company_id: str
    example_company_name: str | None = Field(description=NAME)
    example_sync_id: str
    example_transaction_id: str | None
    example_message: str | None


class FailureCauses(_Answer):
    """Why syncs failed."""

    causes: list[FailureCause]
    syncs: int = Field(description="Number of failed syncs analysed: the newest 200 of the period")
    partial_syncs: int = Field(
        description="Number of these that are so large that only some of their transactions were analysed"
    )
    other_failures: int = Field(
        description="Failures of syncs with many thousands of transactions whose causes are not included: of each such"
        " sync, the 50 most frequent causes are"
    )
    omitted_causes: int = Field(description="Number of less frequent causes that are not included")
    reached_to: datetime | None = Field(
        description="How far back failed syncs were analysed; null: to the beginning of the period"
    )
    is_truncated: bool = Field(description="Whether failures are missing: see the four fields above")


class AffectedCompany(_Answer):
    """A company in which a cause occurred."""

    company_id: str
    company_name: str | None
    failures: int
    syncs: int
    last_at: datetime = Field(description="Time of the newest sync with it")


class CauseDetails(FailureCause):
    """A cause, and the companies in which it occurred, the most failures first."""

    affected: list[AffectedCompany] = Field(description="At most 1,000: see `companies` for their number")
    other_failures: int = Field(description="As in the list of causes. Any of these may have this cause")
    partial_syncs: int = Field(description="As in the list of causes")
    reached_to: datetime | None = Field(
        description="How far back failed syncs were analysed; null: to the beginning of the period"
    )
    is_truncated: bool = Field(description="Whether there may be more failures or companies")


class FailedItem(_Answer):
    """A failed item of a sync; `transactionId` is null if the sync failed as a whole, or Codat names none."""

    company_id: str
    company_name: str | None
    sync_id: str
    at: datetime = Field(description="The time of the sync, as in lists of syncs")
    code: int | None = Field(description="The sync's status code")
    transaction_id: str | None
    integration_type: str | None
    status: str | None
    message: str | None
    cause_id: str
    merchant: str | None = Field(description="As submitted. Null without the role `codat-sync/expenses`, or if unknown")
    amount: Decimal | None = Field(description="The total with tax. Null like `merchant`")
    currency: str | None = Field(description="Null like `merchant`")


class FailedItems(_Answer):
    """A page of failed items. It can be shorter than the limit and still have a next page."""

    items: list[FailedItem]
    next_cursor: str | None
    is_truncated: bool = Field(description="Whether reading stopped before the page was full; `nextCursor` continues")
    reached_to: datetime | None = Field(
        description="How far the pages up to this one cover the period; null: to its end"
    )


class BulkRetryRequest(BaseModel):
    """Which failed items to retry: those of a period, and of a company, status codes and a cause, unless null."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    first: date | None = Field(default=None, alias="from", description="First day, in UTC. Defaults as in lists")
    last: date | None = Field(default=None, alias="to", description="Last day, in UTC. Defaults to today")
    company_id: str | None = None
    codes: list[int] | None = Field(default=None, max_length=50)
    cause: str | None = Field(default=None, description="The `causeId` of a cause")


class FailureFilter(_Answer):
    """What a bulk retry is about."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    company_id: str | None
    company_name: str | None
    codes: list[int]
    cause_id: str | None


class LeftOut(_Answer):
    """Transactions that would not be resubmitted, for one reason; the note is that of the first of them."""

    step: Step
    transactions: int
    support_note: str


class BulkRetryPlan(_Answer):
    """What a bulk retry would do now. A run plans each transaction again."""

    syncs: int = Field(description="Number of syncs with matching failures that were examined, the newest first")
    transactions: int = Field(description="Number of their transactions that match, at most 1,000")
    resubmitted: int = Field(description="How many of these would be resubmitted")
    left_out: list[LeftOut] = Field(description="The others, by reason")
    reached_to: datetime | None = Field(description="How far back the period was examined; null: to its beginning")
    is_truncated: bool = Field(
        description="Whether there may be more matches than were planned. A bulk retry is not limited to the plan"
    )


class BulkRetry(_Answer):
    """A bulk retry and its progress. Syncs are counted once they are selected, which takes up to a minute."""

    bulk_retry_id: str
    state: BulkRetryState
    filter: FailureFilter
    requested_by: str
    requested_at: datetime
    stopped_by: str | None
    stopped_at: datetime | None
    is_selected: bool = Field(description="Whether all its syncs are known")
    is_truncated: bool = Field(description="Whether more than 5,000 syncs match. Start another bulk retry for the rest")
    syncs: int
    syncs_by_state: dict[EntryState, int]
    resubmitted: int = Field(description="Number of transactions that were resubmitted")
    steps: dict[str, int] = Field(description="Number of the other matching transactions, by next step")


class BulkRetries(_Answer):
    """Bulk retries, newest first."""

    bulk_retries: list[BulkRetry]


class UnknownOutcome(_Answer):
    """Transactions of which only the accounting software shows whether they were written."""

    company_id: str
    company_name: str | None = Field(description=NAME)
    transaction_ids: list[str] = Field(description="At most 100 are listed")
    submission_id: str | None = Field(description="The submission whose response was lost")
    sync_id: str | None = Field(description="Or the failed sync that ended without an outcome for them")
    since: datetime | None = Field(description="When the submission was sent")
    next_lookup_at: datetime | None = Field(description="Null if its outcome is no longer looked up in Codat")


class UnknownOutcomes(_Answer):
    """One page of the unknown outcomes: submissions, oldest first, then syncs."""

    outcomes: list[UnknownOutcome]
    next_cursor: str | None


class LiveSync(_Answer):
    """A sync's current status in Codat. If ``isQueued``, the stored sync is updated within seconds."""

    status: SyncStatus
    meaning: Code
    is_queued: bool


class LiveTransaction(_Answer):
    """A transaction's current status in Codat."""

    transactions: list[Item]


class Configuration(_Answer):
    """A company's current configuration in Codat."""

    company_id: str
    company_name: str | None = Field(description=NAME)
    configuration: dict[str, Any]


class Invalid(_Answer):
    """An invalid parameter."""

    parameter: str = Field(description="Its name; for a part of the body, its path")
    detail: str = Field(description="The error")


class Problem(_Answer):
    """Problem details: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = Field(description="URI reference of the problem type, which is described there")
    code: str = Field(description="The problem type, for programs: see `GET /api/v1/problems`. Never renamed")
    title: str = Field(description="Title of the problem type")
    status: int = Field(description="The HTTP status")
    detail: str | None = Field(description="What is wrong with this request")
    errors: list[Invalid] = Field(description="The invalid parameters of the request")


class DeadLetter(_Answer):
    """A message that could not be processed. Its body is not included: it may hold personal data."""

    queue: str = Field(description="`sync`, `retry` or `publish`")
    message_id: str
    reason: str = Field(description="A code, see the runbook; `max-receives-exceeded` if the function never ended")
    detail: str
    sent_at: datetime = Field(description="When it was first sent. Queues keep dead letters for 14 days from then")
    company_id: str | None
    company_name: str | None = Field(description=NAME)
    sync_id: str | None
    is_redrivable: bool = Field(description="Whether it can be redriven. Every dead letter can be dropped")


class Dropping(_Answer):
    """Who dropped a dead letter, when and why."""

    why: str
    by: str
    at: datetime


class DroppedLetter(_Answer):
    """The record of a dropped dead letter."""

    queue: str
    message_id: str
    reason: str
    company_id: str | None
    company_name: str | None = Field(description=NAME)
    sync_id: str | None
    drop: Dropping


class DeadLetters(_Answer):
    """The dead letters of all queues, oldest first, and the last ones that were dropped."""

    letters: list[DeadLetter]
    unexamined: int = Field(description="Approximate number of other dead letters, some of which may be in flight")
    dropped: list[DroppedLetter] = Field(description="The last ten that were dropped, newest first")
    has_more_dropped: bool


_MessageIds = Annotated[list[str], Field(min_length=1, max_length=1000, description="`messageId`s of dead letters")]


class RedriveRequest(_Answer):
    """Which dead letters to send back to their queue."""

    model_config = ConfigDict(extra="forbid")

    message_ids: _MessageIds
    queue: Literal["sync", "retry"] | None = Field(default=None, description="The queue that has them, if known")


class DropRequest(_Answer):
    """Which dead letters to delete, and why."""

    model_config = ConfigDict(extra="forbid")

    message_ids: _MessageIds
    queue: Literal["sync", "retry", "publish"] | None = Field(
        default=None, description="The queue that has them, if known"
    )
    why: str = Field(min_length=1, max_length=500, pattern=r"\S", description="The reason, which is recorded")


class HandledDeadLetters(_Answer):
    """The dead letters that were found and redriven or dropped. The others may be in flight: try again."""

    message_ids: list[str]


class ProblemDescription(_Answer):
    """A problem type."""

    type: str = Field(description="Its URI reference, as in problems")
    code: str
    status: int = Field(description="The HTTP status of responses with it")
    title: str
    advice: str = Field(description="What to do about it")


class ProblemDescriptions(_Answer):
    """All problem types."""

    types: list[ProblemDescription]


class Unauthorized(_Answer):
    """API Gateway's response to a request without a valid token."""

    message: str


class FoundExpense(_Answer):
    """What was submitted or recorded of an expense, as far as users know it by that."""

    merchant: str | None
    reference: str | None
    amount: str | None = Field(description="Total with tax, without its sign")
    currency: str | None
    date: str | None
    recorded_at: datetime


class SearchResult(_Answer):
    """A sync, a company, or a transaction of a company."""

    company_id: str
    company_name: str | None
    sync_id: str | None
    transaction_id: str | None
    is_exact: bool = Field(description="Whether the text matches the whole id, name or amount, not only its beginning")
    sync: SyncSummary | None = Field(description="Of kind `sync` only")
    expense: FoundExpense | None = Field(description="Of kinds `merchant`, `reference` and `amount` only")


class SearchGroup(_Answer):
    """Results of one kind, best first."""

    kind: SearchKind
    results: list[SearchResult] = Field(max_length=MAX_RESULTS)
    has_more: bool = Field(description="Whether there are, or may be, more matches. A longer text has fewer")


class SearchResults(_Answer):
    """The groups that have results, those with an exact one first."""

    query: str = Field(description="The text that was searched for: without repeated spaces, cut after 200 characters")
    groups: list[SearchGroup]
    hidden_kinds: list[SearchKind] = Field(description="Not searched: they require the role `codat-sync/expenses`")
    unindexed_kinds: list[SearchKind] = Field(
        description="Not indexed, because of the parameter `SearchIndex`. Syncs and companies need their full id"
    )


class AuditEntry(_Answer):
    """An action of a user or operator."""

    at: datetime
    actor: str = Field(description="Display name and the issuer's id; of a command, the ARN of the credentials")
    action: Action | str = Field(description="Later versions may add actions")
    sync_id: str | None
    company_id: str | None
    company_name: str | None = Field(description=NAME)
    details: dict[str, str] = Field(description="Details by name, such as `reason`, `transactions`, `retrySyncIds`")


class AuditPage(_Answer):
    """A page of audit entries, newest first. It can be shorter than the limit and still have a next page."""

    entries: list[AuditEntry]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")
    reached_to: datetime | None = Field(description="How far the pages up to this one go back; null: to the beginning")


class ConnectionThen(_Answer):
    """A company's platforms and connection, as last fetched from Codat."""

    status: str | None
    source_platform: str | None
    target_platform: str | None
    is_deleted: bool
    as_of: datetime | None


class ConfigurationAtFailure(_Answer):
    """A company's configuration and connection when a sync failed."""

    company_id: str
    recorded_at: datetime = Field(description="When the failure became known here")
    connection: ConnectionThen | None
    configuration: dict[str, Any] | None = Field(description="In Codat's format; null: see `notKept`")
    digest: str | None = Field(description="Two configurations of a company with the same digest are equal")
    as_of: datetime | None = Field(
        description="When it was read from Codat. Syncs that fail within ten minutes share a configuration"
    )
    not_kept: NotKept | None = Field(description="Why there is no configuration")


class Difference(_Answer):
    """A difference between two configurations."""

    path: str = Field(description="JSONPath, such as `$.bankAccount.id`")
    kind: DifferenceKind
    before: Any = Field(description="The value when the sync failed; null if there was none")
    after: Any = Field(description="The value now; null if there is none")


class ConfigurationThenAndNow(_Answer):
    """A company's configuration when a sync failed, and now."""

    company_id: str
    sync_id: str
    then: ConfigurationAtFailure | None = Field(description="null if nothing was recorded when the sync failed")
    now: dict[str, Any] | None = Field(description="In Codat's format; null if Codat has none")
    company: Company | None = Field(description="The company and its connection, as last fetched from Codat")
    differences: list[Difference] | None = Field(description="null unless both configurations are known")
    has_connection_changed: bool


class BundledSync(_Answer):
    """The sync itself, in a support bundle."""

    sync_id: str
    company_id: str
    company_name: str | None = Field(description=NAME)
    outcome: Outcome
    code: int | None
    status: str | None
    error_message: str | None
    exception_message: str | None
    synced_at: datetime | None = Field(description="Codat's syncUtc")
    first_seen_at: datetime | None
    committed_at: datetime | None = Field(description="When Codat's data about it last changed")
    data_pushed: bool | None
    retry_of: str | None
    counts: dict[str, int] = Field(description="Items by status")


class BundledSubmission(_Answer):
    """A submission in a support bundle, without what was submitted."""

    submission_id: str
    kind: str
    method: str
    state: State
    idempotency_key: str | None
    recorded_at: datetime
    sent_at: datetime | None
    answer_status: int | None
    sync_id: str | None
    retry_of: str | None
    transaction_ids: list[str]


class LogReferences(_Answer):
    """How to find our log lines."""

    mentions: list[str] = Field(description="Our log lines contain one of these")
    functions: list[str] = Field(description="The functions that write them, by their field `service`")
    query: str = Field(description="For CloudWatch Logs Insights, on the functions' log groups")


class BundledRetry(_Answer):
    """The retry of the failed items, in a support bundle."""

    state: RetryState
    steps: dict[str, int] = Field(description="Transactions by next step")
    sync_ids: list[str] = Field(description="The syncs that it created")
    due_at: datetime | None


class BundledCheck(_Answer):
    """The pending check of a sync, in a support bundle."""

    since: datetime
    attempts: int
    due_at: datetime | None
    check_failure: CheckFailure | None
    codat_correlation_id: str | None = Field(description="Codat's own, of the last failure")


class SupportBundle(_Answer):
    """What Codat's support asks for about a sync. All times are UTC."""

    about: str
    generated_at: datetime
    sync: BundledSync
    check: BundledCheck | None
    retry: BundledRetry | None
    items: list[Item] = Field(description="The first 100 that are not written")
    has_more_items: bool
    events: list[Event] = Field(description="The newest 100 events received")
    has_more_events: bool
    submissions: list[BundledSubmission] = Field(description="The newest 50 of the first 20 transactions")
    has_more_submissions: bool
    at_failure: ConfigurationAtFailure | None
    logs: LogReferences
