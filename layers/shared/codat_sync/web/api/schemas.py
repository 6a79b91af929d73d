"""What the JSON API answers, as its OpenAPI document describes it."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from codat_sync.polling.schedule import CheckFailure
from codat_sync.retries.planner import Step
from codat_sync.submissions.submission import State
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.status_codes import ActionOwner, Outcome, status_code


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Code(_Answer):
    """What a status code means, whose turn it is, and what a customer can be told."""

    code: int
    meaning: str
    action_owner: ActionOwner
    customer_note: str
    next_step: str


class SyncSummary(_Answer):
    """A sync as lists show it."""

    company_id: str
    sync_id: str
    at: datetime = Field(description="Codat's syncUtc, or when an event first told of the sync: the order of lists")
    outcome: Outcome
    code: int | None = Field(description="Codat's status code; null until Codat has been asked")
    synced_at: datetime | None = Field(description="Codat's syncUtc, the only time that Codat gives")
    first_seen_at: datetime | None
    transactions: int
    failed: int
    check_failure: CheckFailure | str | None = Field(description="Why the last look at Codat came to nothing")
    is_stuck: bool

    @computed_field  # type: ignore[prop-decorator] # https://github.com/python/mypy/issues/1362
    @property
    def meaning(self) -> str | None:
        """What the code means."""
        return None if self.code is None else status_code(self.code).meaning


class SyncPage(_Answer):
    """A page of the history. A page can be short, and lead on all the same."""

    syncs: list[SyncSummary]
    next_cursor: str | None = Field(description="Asks for what comes after this page")
    is_truncated: bool = Field(description="Only the newest 1,000 of the period were sorted")


class DayTotals(_Answer):
    """What a day's syncs come to."""

    day: date
    syncs: int
    outcomes: dict[Outcome, int]
    transactions: int
    failed: int


class PeriodTotals(_Answer):
    """What all days come to."""

    syncs: int
    outcomes: dict[Outcome, int]
    transactions: int
    failed: int


class Totals(_Answer):
    """Totals by day and outcome."""

    days: list[DayTotals]
    total: PeriodTotals
    is_truncated: bool = Field(description="A day has more syncs than were counted")


class SyncStatus(_Answer):
    """What Codat says of a sync."""

    code: int
    status: str | None
    error_message: str | None
    exception_message: str | None
    synced_at: datetime | None
    data_pushed: bool | None


class Company(_Answer):
    """What is known of a company."""

    company_id: str
    name: str | None
    source_platform: str | None
    target_platform: str | None
    connection_status: str | None
    is_deleted: bool


class Event(_Answer):
    """A webhook that was seen."""

    webhook_id: str
    event_type: str | None
    generated_at: datetime | None
    received_at: datetime | None
    processed_at: datetime | None
    correlation_id: str | None = Field(description="By which the application's log tells of it")


class PendingCheck(_Answer):
    """That the sync is looked at again, and why."""

    since: datetime
    attempts: int
    due_at: datetime | None
    check_failure: CheckFailure | None
    is_stuck: bool
    correlation_id: str
    codat_correlation_id: str | None


class Retry(_Answer):
    """What is done about the failed transactions. ``steps`` is how many of them are at each."""

    state: RetryState
    sync_ids: list[str] = Field(description="The syncs that retries have made, oldest first")
    steps: dict[str, int]
    due_at: datetime | None


class SyncDetails(_Answer):
    """One sync, but for its transactions."""

    sync: SyncSummary = Field(validation_alias="listed")
    meaning: Code | None
    status: SyncStatus | None
    counts: dict[str, int] = Field(description="How many transactions have each status")
    version: int
    committed_at: datetime | None = Field(description="When what Codat says of it changed last")
    pending_check: PendingCheck | None
    company: Company | None
    events: list[Event]
    submitted_ids: list[str] = Field(description="The transactions that it was made of, if submitted through here")
    retry_of: str | None = Field(description="The sync whose failed transactions it creates again")
    retry: Retry | None


class Item(_Answer):
    """A transaction within a sync. ``rows`` is how many of Codat's rows say so."""

    transaction_id: str | None
    integration_type: str | None
    status: str | None
    message: str | None
    rows: int


class ItemPage(_Answer):
    """Some of a sync's transactions."""

    transactions: list[Item]
    next_cursor: str | None


class Plan(_Answer):
    """What can be done, and why: a sentence for support, one for the customer."""

    step: Step
    support_note: str
    customer_note: str
    until: datetime | None


class TransactionResult(_Answer):
    """What a sync says of a transaction."""

    sync_id: str
    code: int | None
    is_final: bool
    at: datetime
    statuses: dict[str, str | None] = Field(description="By integration type")
    messages: list[str]


class Submission(_Answer):
    """A request that wrote, or was to write, the transaction."""

    submission_id: str
    kind: str
    method: Literal["POST", "PUT"]
    state: State
    recorded_at: datetime
    sent_at: datetime | None
    sync_id: str | None
    retry_of: str | None
    rejection_reason: str | None


class Transaction(_Answer):
    """One transaction over all its syncs."""

    company_id: str
    transaction_id: str
    plan: Plan
    syncs: list[TransactionResult]
    submissions: list[Submission]


class PlannedTransaction(_Answer):
    """What a person's click would do about a transaction."""

    transaction_id: str
    plan: Plan


class RetryPreview(_Answer):
    """What a retry would do."""

    failed: int = Field(description="How many transactions failed; the first 100 are planned here")
    is_retriable: bool
    transactions: list[PlannedTransaction]


class RetriedTransaction(_Answer):
    """What was done about a transaction, or why not. ``retrySyncId`` is the sync that it was created again in."""

    transaction_id: str
    step: Step
    support_note: str
    customer_note: str
    until: datetime | None
    retry_sync_id: str | None


class Retried(_Answer):
    """What a retry has done. ``syncId`` is the first sync, if the one that was named is itself a retry."""

    sync_id: str
    state: RetryState
    retry_sync_ids: list[str]
    due_at: datetime | None
    transactions: list[RetriedTransaction]


class CompanyCompleteness(_Answer):
    """How complete the table is for a company, compared with what Codat lists."""

    complete_as_of: datetime | None = Field(description="All that Codat listed then is in the table")
    compared_at: datetime | None
    next_at: datetime | None
    listed: int = Field(description="How many syncs Codat listed")
    reasons: dict[str, int] = Field(description="The syncs that are not as Codat lists them, by why")
    missing: int = Field(description="The syncs ever found whose webhook never came")
    last_missed_at: datetime | None
    problem: str | None = Field(description="Why the last comparison came to nothing")


class OverallCompleteness(_Answer):
    """The same for all companies that are not deleted: the least of them."""

    complete_as_of: datetime | None
    as_of: datetime | None = Field(description="When it was summed up; null before the first time")
    companies: int
    never_complete: int = Field(description="The companies that were never complete")
    incomplete: int = Field(description="The companies that lack syncs that Codat lists")
    reasons: dict[str, int]
    missing: int
    problems: int = Field(description="The companies whose last comparison came to nothing")


class Endpoint(_Answer):
    """How the endpoint of the webhooks stands, as Codat said when it was asked last."""

    state: str | None = Field(description="`ok`, or what is wrong: `disabled wrongUrl missing unsubscribed unknown`")
    checked_at: datetime | None
    since: datetime | None
    missed_webhooks: int = Field(description="The syncs found whose webhook never came")
    last_missed_at: datetime | None


class Completeness(_Answer):
    """How complete the table is, and whether webhooks come."""

    overall: OverallCompleteness
    endpoint: Endpoint


class CompanyHealth(_Answer):
    """A company, its latest sync and its last successful one."""

    company: Company | None
    completeness: CompanyCompleteness | None = Field(description="null while it was not compared with Codat's list")
    latest: SyncSummary | None
    last_successful: SyncSummary | None
    is_truncated: bool = Field(description="The last successful sync is older than what was looked through")


class FailureCause(_Answer):
    """A problem, and how much it explains. The example is the newest failure."""

    text: str = Field(description="The message, without ids and numbers")
    code: int | None
    failures: int
    syncs: int
    companies: int
    example_company_id: str
    example_sync_id: str
    example_transaction_id: str | None
    example_message: str | None


class FailureCauses(_Answer):
    """Why syncs failed."""

    causes: list[FailureCause]
    syncs: int
    is_truncated: bool = Field(description="Only the newest 200 failed syncs were looked at")


class LiveSync(_Answer):
    """What Codat says of a sync just now. The table is brought up to it within seconds, if ``is_queued``."""

    status: SyncStatus
    meaning: Code
    is_queued: bool


class LiveTransaction(_Answer):
    """What Codat says just now of a transaction of a sync."""

    transactions: list[Item]


class Configuration(_Answer):
    """A company's configuration, as Codat has it just now."""

    company_id: str
    configuration: dict[str, Any]


class Invalid(_Answer):
    """What is wrong with a parameter."""

    parameter: str
    detail: str


class Problem(_Answer):
    """Why there is no answer: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[Invalid] = []


class Unauthorized(_Answer):
    """API Gateway's own answer to a request without a good token."""

    message: str
