"""What can be done about a transaction: one answer to whatever is known of it. Rules only.

The first rule that applies decides. Those about safety come first: nothing overrides them. A person's click overrides
the ones about waiting and mending, as he may know that the cause is gone.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.submissions.expense_schemas import Body
from codat_sync.submissions.submission import IN_FLIGHT_TIMEOUT, PREVIOUSLY_PROCESSED, State, Submission
from codat_sync.syncs.items import COMPLETED, FAILED_STATUSES
from codat_sync.syncs.status_codes import DISCONNECTED, Outcome, status_code

_LINKED = "linked"
_CONFIGURATION, _BILLING, _DUPLICATE = 4000, 4260, 5080
_VALIDATION = "ValidationError"
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_CLOCK_SKEW = timedelta(minutes=5)
# Where nothing tells when something ends, it is looked at again after this; an event comes sooner.
_PENDING_CHECK_INTERVAL = timedelta(minutes=15)
_LOOKUP_PERIOD = timedelta(days=14)
# A customer takes hours or days for it, and looking costs no call to Codat: the worker asks it about the connection.
RECONNECTION_CHECK_INTERVAL = timedelta(hours=1)
# So much of a delay is left to chance, so that what failed at one moment is not all sent again at one moment.
_JITTER = 0.25


class Step(StrEnum):
    """What is to be done."""

    RETRY_NOW = "retryNow"
    SCHEDULED = "scheduled"
    NEEDS_CORRECTION = "needsCorrection"
    NEEDS_RECONNECTION = "needsReconnection"
    NEEDS_BILLING = "needsBilling"
    ALREADY_WRITTEN = "alreadyWritten"
    PARTIALLY_WRITTEN = "partiallyWritten"
    OUTCOME_UNKNOWN = "outcomeUnknown"
    NO_BODY_RECORDED = "noBodyRecorded"
    ATTEMPTS_EXHAUSTED = "attemptsExhausted"


# What neither we nor time can do: the product, the customer or a person has to do something about the transaction. To
# reconnect is about its company.
BLOCKED_STEPS = frozenset(
    {
        Step.NEEDS_CORRECTION,
        Step.NEEDS_BILLING,
        Step.PARTIALLY_WRITTEN,
        Step.OUTCOME_UNKNOWN,
        Step.NO_BODY_RECORDED,
        Step.ATTEMPTS_EXHAUSTED,
    }
)

CUSTOMER_NOTES = {
    Step.RETRY_NOW: "We are sending your expense to your accounting software again. You need not do anything.",
    Step.SCHEDULED: "Your expense is on its way to your accounting software. You need not do anything.",
    Step.NEEDS_CORRECTION: (
        "Your accounting software did not accept the expense as it is. Please check what it is assigned to."
    ),
    Step.NEEDS_RECONNECTION: "Please connect your accounting software again.",
    Step.NEEDS_BILLING: "Please renew the subscription of your accounting software.",
    Step.ALREADY_WRITTEN: "Your expense is in your accounting software.",
    Step.PARTIALLY_WRITTEN: (
        "Your expense is in your accounting software, but not everywhere. We are looking into it."
    ),
    Step.OUTCOME_UNKNOWN: "We are checking whether your expense has arrived. Please do not enter it by hand.",
    Step.NO_BODY_RECORDED: "Your expense has not reached your accounting software. We are looking into it.",
    Step.ATTEMPTS_EXHAUSTED: "Your expense has not reached your accounting software. We are looking into it.",
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often is tried, and how long is waited in between: doubled each time, up to the longest, with jitter."""

    max_attempts: int = 5
    initial_delay: timedelta = timedelta(minutes=5)
    max_delay: timedelta = timedelta(hours=6)

    def delay(self, attempts: int, sync_id: str) -> timedelta:
        """Return how long to wait after so many attempts that failed: the doubled delay, less up to a quarter of it.

        How much less follows from the sync whose transactions are retried, and the attempt, alone: a plan that is made
        twice is the same, and what failed together goes together.
        """
        longest = min(self.initial_delay * (1 << min(attempts, 20)), self.max_delay)
        return longest * (1 - _JITTER * _hash_fraction(f"{sync_id} {attempts}"))


def _hash_fraction(text: str) -> float:
    """Return a number from 0 up to 1 that looks random, and is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What a sync says of the transaction: its status and message for each integration type that it lists."""

    sync_id: str
    code: int | None
    is_final: bool
    at: datetime
    statuses: dict[str, str | None] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    synced_at: datetime | None = None

    def is_duplicate(self, transaction_id: str) -> bool:
        """Return whether the protection against duplicates refused it: for itself, not for another one of its sync."""
        if not self.messages:
            return self.code == _DUPLICATE
        return any(_reports_processed(message, transaction_id) for message in self.messages)

    @property
    def is_possible_duplicate(self) -> bool:
        """Whether the protection against duplicates refused its sync, and Codat does not say for which transaction."""
        says_why = _VALIDATION in self.statuses.values() or any(
            PREVIOUSLY_PROCESSED in message for message in self.messages
        )
        return self.code == _DUPLICATE and not says_why


def _reports_processed(message: str, transaction_id: str) -> bool:
    """Return whether Codat says that it has the transaction already; it names those that it has, or none."""
    _, found, rest = message.lower().partition(PREVIOUSLY_PROCESSED)
    return bool(found) and (transaction_id.lower() in rest or not _ID.search(rest))


@dataclass(frozen=True, slots=True)
class TransactionHistory:
    """All that is known of a transaction: its syncs and its submissions, each oldest first.

    ``connection_as_of`` is when Codat said so of the company's connection, ``connection_changed_at`` when we saw it
    change.
    """

    transaction_id: str
    syncs: tuple[TransactionResult, ...] = ()
    submissions: tuple[tuple[Submission, Body], ...] = ()
    connection_status: str | None = None
    is_company_deleted: bool = False
    connection_as_of: datetime | None = None
    connection_changed_at: datetime | None = None

    @property
    def body(self) -> tuple[Submission, Body] | None:
        """The newest body of what the product wants now, with the submission that it came with; None if it is empty."""
        return self.newest if self.newest and self.newest[1].text else None

    @property
    def newest(self) -> tuple[Submission, Body] | None:
        """The same, though its body may be empty: it was too old to be kept."""
        return next(reversed(_current_bodies(self)), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and why. ``until`` is when there may be another answer; None if nothing tells."""

    step: Step
    support_note: str
    until: datetime | None = None

    @property
    def customer_note(self) -> str:
        """What the customer can be told."""
        return CUSTOMER_NOTES[self.step]


def plan(history: TransactionHistory, now: datetime, policy: RetryPolicy, *, is_manual: bool = False) -> Plan:
    """Return what is to be done about a transaction. There is an answer to everything."""
    unsafe = _plan_in_progress(history, now) or _plan_written(history) or _plan_unknown(history, now)
    if unsafe:
        return unsafe
    impossible = _plan_disconnected(history, now) or (None if history.body else _plan_without_body(history))
    if impossible:
        return impossible
    if not is_manual and (hindered := _plan_overridable(history, now, policy)):
        return hindered
    return Plan(Step.RETRY_NOW, "It failed, and nothing speaks against creating it again.")


def current_submissions(history: TransactionHistory) -> tuple[Submission, ...]:
    """Return the submissions of what the product wants now: its own last one, our retries, and bodies that mend it.

    Of its updates that Codat has refused nothing is left but that the product was told: what it wanted before stands.
    A body that is kept for another kind of transaction mends nothing.
    """
    return tuple(submission for submission, _ in _current_bodies(history))


def _current_bodies(history: TransactionHistory) -> list[tuple[Submission, Body]]:
    told = _rejected_updates(history)
    known = [each for each in history.submissions if each[0] not in told]
    own = [number for number, (each, _) in enumerate(known) if _is_own(each)]
    known = known[own[-1] :] if own else known
    kind = known[0 if own else -1][0].kind if known else None
    return [each for each in known if each[0].kind == kind]


def _rejected_updates(history: TransactionHistory) -> list[Submission]:
    """Return the product's updates that were refused, of what it has created before."""
    own = [each for each, _ in history.submissions if _is_own(each)]
    created = next(
        (n for n, each in enumerate(own) if each.method == "POST" and each.state is not State.REJECTED), None
    )
    if created is None:
        return []
    return [each for each in own[created:] if each.method == "PUT" and each.state is State.REJECTED]


def _is_own(submission: Submission) -> bool:
    return submission.retry_of is None and submission.state is not State.STORED


def count_attempts(history: TransactionHistory) -> int:
    """Return how often it was created again; what Codat refused because of others of its batch does not count."""
    return sum(
        submission.retry_of is not None and (submission.sync_id is not None or submission.is_content_rejected)
        for submission in current_submissions(history)
    )


def _relevant_results(history: TransactionHistory) -> Sequence[TransactionResult]:
    """Return the syncs that tell of what the product wants now: of an update, none from before it.

    When we heard of a sync says little: its webhook may be late. Codat's own time of it does, give or take its clock.
    """
    wanted = current_submissions(history)
    if not wanted or wanted[0].method == "POST":
        return history.syncs
    ours = {submission.sync_id for submission in wanted}
    of_others = {submission.sync_id for submission, _ in history.submissions if submission not in wanted}
    begin = wanted[0].recorded_at

    def is_since(result: TransactionResult) -> bool:
        return result.at >= begin and (result.synced_at is None or result.synced_at >= begin - _CLOCK_SKEW)

    others = [result for result in history.syncs if result.sync_id not in of_others]
    return [result for result in others if result.sync_id in ours or is_since(result)]


def _plan_in_progress(history: TransactionHistory, now: datetime) -> Plan | None:
    known = {result.sync_id for result in history.syncs}
    for submission, _ in history.submissions:
        began = submission.sent_at or submission.recorded_at
        if submission.state in {State.RECORDED, State.SENT} and now - began < IN_FLIGHT_TIMEOUT:
            return Plan(Step.SCHEDULED, "It is being sent just now.", began + IN_FLIGHT_TIMEOUT)
        if submission.state is State.ACCEPTED and submission.sync_id not in known:
            return Plan(
                Step.SCHEDULED, f"Sync {submission.sync_id} has not told of it yet.", now + _PENDING_CHECK_INTERVAL
            )
    for result in _relevant_results(history):
        if not result.is_final:
            return Plan(Step.SCHEDULED, f"Sync {result.sync_id} has not ended.", now + _PENDING_CHECK_INTERVAL)
    return None


def _plan_unknown(history: TransactionHistory, now: datetime) -> Plan | None:
    """Return that nobody knows whether it is written, if so: it may be, and is never sent again by itself."""
    if any(submission.state in {State.SENT, State.UNKNOWN} for submission, _ in history.submissions):
        why = "It was sent, and Codat's answer is not known: none of Codat's syncs since then has it (yet)."
        return Plan(Step.OUTCOME_UNKNOWN, why, _next_lookup_at(history, now))
    syncs = _relevant_results(history)
    if any(status not in FAILED_STATUSES for result in syncs for status in result.statuses.values()):
        return Plan(Step.OUTCOME_UNKNOWN, "Codat does not say what became of it, though its sync has ended.")
    if any(result.is_possible_duplicate for result in syncs):
        why = "The protection against duplicates refused its sync, and Codat does not say for which transaction."
        return Plan(Step.OUTCOME_UNKNOWN, f"{why} Look it up in the books.")
    if any(not result.statuses and not _has_failed(result.code) for result in syncs):
        return Plan(Step.OUTCOME_UNKNOWN, "Codat does not list it among what its sync has done.")
    was_refused = history.newest is not None and history.newest[0].state is State.REJECTED
    return None if syncs or was_refused else Plan(Step.OUTCOME_UNKNOWN, "No sync has told of it.")


def _next_lookup_at(history: TransactionHistory, now: datetime) -> datetime | None:
    """Return when to look for it again: ever more seldom, as each time costs some of the quota, and not for ever."""
    age = max(now - submission.recorded_at for submission, _ in history.submissions)
    return now + max(_PENDING_CHECK_INTERVAL, age / 2) if age < _LOOKUP_PERIOD else None


def _has_failed(code: int | None) -> bool:
    return code is not None and status_code(code).outcome is Outcome.FAILED


def _plan_written(history: TransactionHistory) -> Plan | None:
    syncs = _relevant_results(history)
    if any(history.transaction_id in submission.already_processed for submission in current_submissions(history)):
        return Plan(Step.ALREADY_WRITTEN, "Codat says that it has previously been processed.")
    statuses: dict[str, str | None] = {}
    for result in syncs:
        for name, status in result.statuses.items():
            if statuses.get(name) != COMPLETED:
                statuses[name] = status
    done = [name for name, status in statuses.items() if status == COMPLETED]
    if done and len(done) == len(statuses):
        return Plan(Step.ALREADY_WRITTEN, "Codat says that it is completed.")
    if done:
        rest = ", ".join(f"{name}: {status}" for name, status in statuses.items() if status != COMPLETED)
        return Plan(
            Step.PARTIALLY_WRITTEN, f"It is written as {', '.join(done)}, and not as {rest}. A person has to look."
        )
    if any(result.is_duplicate(history.transaction_id) for result in syncs):
        return Plan(Step.ALREADY_WRITTEN, "Codat's protection against duplicates refused it: look it up in the books.")
    return None


def _plan_disconnected(history: TransactionHistory, now: datetime) -> Plan | None:
    if history.is_company_deleted:
        return Plan(Step.NEEDS_RECONNECTION, "The company was deleted at Codat.")
    status = history.connection_status
    if status is not None and status.lower() != _LINKED:
        why = f"The connection to the accounting software is {status}."
        return Plan(Step.NEEDS_RECONNECTION, why, now + RECONNECTION_CHECK_INTERVAL)
    return None


def _plan_without_body(history: TransactionHistory) -> Plan:
    if history.newest:
        return Plan(
            Step.NO_BODY_RECORDED, "Its body was too old to be kept, and is empty: the product has to send it again."
        )
    return Plan(
        Step.NO_BODY_RECORDED,
        "It was not submitted through here, nor was its body recorded or kept: the product has to send it.",
    )


def _plan_overridable(history: TransactionHistory, now: datetime, policy: RetryPolicy) -> Plan | None:
    """Return what a person may override: he may know that the cause is gone."""
    cause = _plan_correction(history, now)
    if cause:
        return cause
    made = count_attempts(history)
    if made >= policy.max_attempts:
        return Plan(Step.ATTEMPTS_EXHAUSTED, f"It was created again {made} times, and failed each time.")
    last = max(_relevant_results(history), key=lambda result: result.at, default=None)
    due = last and last.at + policy.delay(made, _retried_sync_id(history) or last.sync_id)
    if due and now < due:
        return Plan(Step.SCHEDULED, f"It failed {made + 1} times, and is created again then.", due)
    return None


def _retried_sync_id(history: TransactionHistory) -> str | None:
    """Return the sync that it was created again for, None if it was not yet."""
    return next((each.retry_of for each in reversed(current_submissions(history)) if each.retry_of), None)


def _plan_correction(history: TransactionHistory, now: datetime) -> Plan | None:
    """Return what has to be mended first: the last failure tells, unless the product has sent another body since."""
    syncs = _relevant_results(history)
    last = syncs[-1] if syncs else None
    newest = history.newest[0] if history.newest else None
    if newest and newest.is_content_rejected and not _may_be_connection_rejection(newest, history):
        looked_at = (newest.sent_at or newest.recorded_at) + RECONNECTION_CHECK_INTERVAL
        # Codat may have refused it for a connection of whose end we have not heard yet: it is looked at once more.
        until = looked_at if newest.retry_of and now < looked_at else None
        return Plan(Step.NEEDS_CORRECTION, f"Codat refused it: {newest.rejection_reason}.", until)
    if last and last.code in DISCONNECTED and not _is_reconnected_since(last, history):
        return Plan(
            Step.NEEDS_RECONNECTION, "The company was deleted or de-authorized.", now + RECONNECTION_CHECK_INTERVAL
        )
    is_mended = last and newest and newest.state is State.STORED and newest.recorded_at > last.at
    return _correction_for(last) if last and not is_mended else None


def _is_reconnected_since(last: TransactionResult, history: TransactionHistory) -> bool:
    """Return whether Codat has told of a connection after a sync told that there was none."""
    as_of = history.connection_as_of if history.connection_status else None
    return as_of is not None and as_of >= last.at


def _may_be_connection_rejection(refused: Submission, history: TransactionHistory) -> bool:
    """Return whether a retry may have been refused for the connection, which is another since.

    What Codat has refused of the product's own is the product's to send again: it was told.
    """
    since = history.connection_changed_at
    return refused.retry_of is not None and since is not None and since > (refused.sent_at or refused.recorded_at)


def _correction_for(last: TransactionResult) -> Plan | None:
    if last.code == _BILLING:
        return Plan(Step.NEEDS_BILLING, "The subscription of the accounting software has expired.")
    if last.code == _CONFIGURATION:
        return Plan(Step.NEEDS_CORRECTION, "The company's configuration is not valid: something is not mapped.")
    if _VALIDATION in last.statuses.values():
        return Plan(Step.NEEDS_CORRECTION, f"It is not valid: {'; '.join(last.messages) or 'Codat does not say why'}")
    return None
