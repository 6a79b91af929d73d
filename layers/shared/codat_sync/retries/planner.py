"""Plan the next step for a transaction from its history. Rules only.

The first rule that applies decides. Safety rules come first, and nothing overrides them. A manual retry overrides the
rules about waiting and corrections, as the operator may know that the cause is resolved.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from codat_sync.submissions.expense_bodies import Body
from codat_sync.submissions.submission import (
    IN_FLIGHT_TIMEOUT,
    LOOKUP_PERIOD,
    PREVIOUSLY_PROCESSED,
    State,
    Submission,
)
from codat_sync.syncs.items import COMPLETED, FAILED_STATUSES
from codat_sync.syncs.retry_record import Step
from codat_sync.syncs.status_codes import DISCONNECTED, Outcome, status_code

_LINKED = "linked"
_CONFIGURATION, _BILLING, _DUPLICATE = 4000, 4260, 5080
_VALIDATION = "ValidationError"
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_CLOCK_SKEW = timedelta(minutes=5)
# Interval between checks of something that has no known end; an event triggers a check sooner.
_PENDING_CHECK_INTERVAL = timedelta(minutes=15)
# Customers take hours or days. A check makes no call to Codat: the worker refreshes the connection.
RECONNECTION_CHECK_INTERVAL = timedelta(hours=1)
# How long a sync may take before only Codat can say why it has not ended. It is checked all the same.
_STUCK_AFTER = timedelta(days=1)
# Fraction of a delay that jitter can remove, so that transactions that failed together are not all retried together.
_JITTER = 0.25


# Steps that need an action on the transaction by the product, the customer or an operator. Reconnection is not among
# them: it concerns the whole company.
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
    Step.IN_PROGRESS: "Your expense is on its way to your accounting software. You need not do anything.",
    Step.STUCK_AT_CODAT: (
        "Your expense is taking longer than usual. We are looking into it. Please do not enter it by hand."
    ),
    Step.NEEDS_CORRECTION: (
        "Your accounting software did not accept the expense."
        " Please check the account, supplier or customer that it is assigned to."
    ),
    Step.NEEDS_RECONNECTION: "Please connect your accounting software again.",
    Step.NEEDS_BILLING: "Please renew the subscription of your accounting software.",
    Step.ALREADY_WRITTEN: "Your expense is in your accounting software.",
    Step.PARTIALLY_WRITTEN: ("Your expense is only partly in your accounting software. We are looking into it."),
    Step.OUTCOME_UNKNOWN: "We are checking whether your expense has arrived. Please do not enter it by hand.",
    Step.NO_BODY_RECORDED: "Your expense has not reached your accounting software. We are looking into it.",
    Step.ATTEMPTS_EXHAUSTED: "Your expense has not reached your accounting software. We are looking into it.",
    Step.NOT_FAILED: "There is nothing to be done about this expense.",
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Maximum attempts and delays between them: doubled each time, up to ``max_delay``, with jitter."""

    max_attempts: int = 5
    initial_delay: timedelta = timedelta(minutes=5)
    max_delay: timedelta = timedelta(hours=6)

    def delay(self, attempts: int, sync_id: str) -> timedelta:
        """Return the delay after ``attempts`` failed retries: doubled per attempt, less up to 25 % jitter.

        The jitter is derived from the retried sync's id and the attempt only: plans are reproducible, and transactions
        that failed together are retried together.
        """
        longest = min(self.initial_delay * (1 << min(attempts, 20)), self.max_delay)
        return longest * (1 - _JITTER * _hash_fraction(f"{sync_id} {attempts}"))


def _hash_fraction(text: str) -> float:
    """Map a text to a pseudo-random number in [0, 1), always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """Result of a transaction in one sync: its status per integration type, and its messages."""

    sync_id: str
    code: int | None
    is_final: bool
    at: datetime
    statuses: dict[str, str | None] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    synced_at: datetime | None = None

    def is_duplicate(self, transaction_id: str) -> bool:
        """Return whether duplicate protection rejected this transaction, not another one of its sync."""
        if not self.messages:
            return self.code == _DUPLICATE
        return any(_reports_processed(message, transaction_id) for message in self.messages)

    @property
    def is_possible_duplicate(self) -> bool:
        """Whether duplicate protection rejected its sync without naming the transaction."""
        has_reason = _VALIDATION in self.statuses.values() or any(
            PREVIOUSLY_PROCESSED in message for message in self.messages
        )
        return self.code == _DUPLICATE and not has_reason


def _reports_processed(message: str, transaction_id: str) -> bool:
    """Return whether Codat reports the transaction as already processed. A message without ids means all of them."""
    _, found, rest = message.lower().partition(PREVIOUSLY_PROCESSED)
    return bool(found) and (transaction_id.lower() in rest or not _ID.search(rest))


@dataclass(frozen=True, slots=True)
class TransactionHistory:
    """Syncs and submissions of a transaction, each oldest first, and its company's connection.

    ``connection_as_of`` is when the connection was fetched from Codat; ``connection_changed_at`` when it was last seen
    to change.
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
        """The newest body of the current submissions, with its submission; None if there is none or it was purged."""
        return self.newest if self.newest and self.newest[1].text else None

    @property
    def newest(self) -> tuple[Submission, Body] | None:
        """The same, including a purged (empty) body."""
        return next(reversed(_current_bodies(self)), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step, and why. ``until`` is when the plan may change; None if unknown.

    ``overridden`` is the plan that a manual retry overrides: what happens without one.
    """

    step: Step
    support_note: str
    until: datetime | None = None
    overridden: "Plan | None" = None

    @property
    def automatic(self) -> "Plan":
        """What happens by itself, without a manual retry."""
        return self.overridden or self

    @property
    def customer_note(self) -> str:
        """A note for the customer, by the step without a manual retry: nobody may ever request one."""
        return CUSTOMER_NOTES[self.automatic.step]


def plan(history: TransactionHistory, now: datetime, policy: RetryPolicy, *, is_manual: bool = False) -> Plan:
    """Plan the next step for a transaction. Every history has a plan."""
    unsafe = plan_safety(history, now)
    if unsafe:
        return unsafe
    impossible = _plan_disconnected(history, now) or (None if history.body else _plan_without_body(history))
    if impossible:
        return impossible
    hindered = _plan_overridable(history, now, policy)
    if hindered and not is_manual:
        return hindered
    note = (
        f"A manual retry resubmits it. Otherwise: {hindered.support_note}"
        if hindered
        else "It failed, and can be resubmitted."
    )
    return Plan(Step.RETRY_NOW, note, overridden=hindered)


def plan_safety(history: TransactionHistory, now: datetime) -> Plan | None:
    """Plan a transaction that is in progress, is written, or has an unknown outcome; None for any other."""
    return _plan_in_progress(history, now) or _plan_written(history) or _plan_unknown(history, now)


def current_submissions(history: TransactionHistory) -> tuple[Submission, ...]:
    """Return the current submissions: the product's own last one, our retries of it, and stored corrected bodies.

    Rejected updates do not count, as the product knows of the rejection: the previous submission stays current. A
    stored body of another kind of transaction is no correction.
    """
    return tuple(submission for submission, _ in _current_bodies(history))


def _current_bodies(history: TransactionHistory) -> list[tuple[Submission, Body]]:
    rejected = _rejected_updates(history)
    submissions = [each for each in history.submissions if each[0] not in rejected]
    own = [number for number, (each, _) in enumerate(submissions) if _is_own(each)]
    current = submissions[own[-1] :] if own else submissions
    kind = current[0 if own else -1][0].kind if current else None
    return [each for each in current if each[0].kind == kind]


def _rejected_updates(history: TransactionHistory) -> list[Submission]:
    """Return the product's rejected updates of a transaction that it created before."""
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
    """Count the resubmissions that became a sync, or whose content Codat rejected."""
    return sum(
        submission.retry_of is not None and (submission.sync_id is not None or submission.is_content_rejected)
        for submission in current_submissions(history)
    )


def _relevant_results(history: TransactionHistory) -> Sequence[TransactionResult]:
    """Return the results of the current submissions: for an update, none from before it.

    Our first sight of a sync may be late, as its webhook was: so Codat's time of the sync must be later too, allowing
    for clock skew.
    """
    current = current_submissions(history)
    if not current or current[0].method == "POST":
        return history.syncs
    current_sync_ids = {submission.sync_id for submission in current}
    earlier_sync_ids = {submission.sync_id for submission, _ in history.submissions if submission not in current}
    begin = current[0].recorded_at

    def is_since(result: TransactionResult) -> bool:
        return result.at >= begin and (result.synced_at is None or result.synced_at >= begin - _CLOCK_SKEW)

    candidates = [result for result in history.syncs if result.sync_id not in earlier_sync_ids]
    return [result for result in candidates if result.sync_id in current_sync_ids or is_since(result)]


def _plan_in_progress(history: TransactionHistory, now: datetime) -> Plan | None:
    sync_ids = {result.sync_id for result in history.syncs}
    for submission, _ in history.submissions:
        began = submission.sent_at or submission.recorded_at
        if submission.state in {State.RECORDED, State.SENT} and now - began < IN_FLIGHT_TIMEOUT:
            return Plan(Step.IN_PROGRESS, "It is being sent.", began + IN_FLIGHT_TIMEOUT)
        is_accepted = submission.state is State.ACCEPTED and not submission.resolution
        if is_accepted and submission.sync_id not in sync_ids:
            return _plan_unended(f"Sync {submission.sync_id} has no result for it yet.", began, now)
    for result in _relevant_results(history):
        if not result.is_final:
            return _plan_unended(f"Sync {result.sync_id} has not ended.", result.at, now)
    return None


def _plan_unended(why: str, since: datetime, now: datetime) -> Plan:
    """Plan for a transaction in a sync that has not ended: it may be written yet, so it is never resubmitted."""
    step = Step.STUCK_AT_CODAT if now - since >= _STUCK_AFTER else Step.IN_PROGRESS
    return Plan(step, why, now + _PENDING_CHECK_INTERVAL)


def _plan_unknown(history: TransactionHistory, now: datetime) -> Plan | None:
    """Plan for an unknown outcome: it may have been written, so it is never resubmitted automatically."""
    if any(submission.state in {State.SENT, State.UNKNOWN} for submission, _ in history.submissions):
        why = "It was sent, and Codat's response is unknown: none of Codat's syncs since then contains it (yet)."
        return Plan(Step.OUTCOME_UNKNOWN, why, _next_lookup_at(history, now))
    syncs = _relevant_results(history)
    if any(status not in FAILED_STATUSES for result in syncs for status in result.statuses.values()):
        return Plan(Step.OUTCOME_UNKNOWN, "Its sync has ended, but Codat reports no outcome for it.")
    if any(result.is_possible_duplicate for result in syncs):
        why = "Duplicate protection rejected its sync, and Codat does not name the transaction concerned."
        return Plan(Step.OUTCOME_UNKNOWN, f"{why} Check the accounting software.")
    if any(not result.statuses and not _has_failed(result.code) for result in syncs):
        return Plan(Step.OUTCOME_UNKNOWN, "Codat does not list it among its sync's transactions.")
    newest = history.newest[0] if history.newest else None
    is_settled = newest is not None and (newest.state is State.REJECTED or newest.resolution is not None)
    return None if syncs or is_settled else Plan(Step.OUTCOME_UNKNOWN, "No sync contains it.")


def _next_lookup_at(history: TransactionHistory, now: datetime) -> datetime | None:
    """Return the time of the next lookup: at growing intervals for two weeks, as each one uses quota."""
    age = max(now - submission.recorded_at for submission, _ in history.submissions)
    return now + max(_PENDING_CHECK_INTERVAL, age / 2) if age < LOOKUP_PERIOD else None


def _has_failed(code: int | None) -> bool:
    return code is not None and status_code(code).outcome is Outcome.FAILED


def _plan_written(history: TransactionHistory) -> Plan | None:
    syncs = _relevant_results(history)
    for submission in current_submissions(history):
        if history.transaction_id in submission.already_processed:
            by = submission.resolution and submission.resolution.by
            why = f"{by} found it in the accounting software." if by else "Codat reports that it was processed before."
            return Plan(Step.ALREADY_WRITTEN, why)
    statuses: dict[str, str | None] = {}
    for result in syncs:
        for name, status in result.statuses.items():
            if statuses.get(name) != COMPLETED:
                statuses[name] = status
    written = [name for name, status in statuses.items() if status == COMPLETED]
    if written and len(written) == len(statuses):
        return Plan(Step.ALREADY_WRITTEN, "Codat reports it as completed.")
    if written:
        rest = ", ".join(f"{name}: {status}" for name, status in statuses.items() if status != COMPLETED)
        return Plan(
            Step.PARTIALLY_WRITTEN, f"It is written as {', '.join(written)}, but not as {rest}. Needs a manual check."
        )
    if any(result.is_duplicate(history.transaction_id) for result in syncs):
        return Plan(Step.ALREADY_WRITTEN, "Codat's duplicate protection rejected it: check the accounting software.")
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
            Step.NO_BODY_RECORDED, "Its body was purged because of its age: the product has to submit it again."
        )
    return Plan(
        Step.NO_BODY_RECORDED,
        "We don't have a copy to resubmit: the product has to submit it again.",
    )


def _plan_overridable(history: TransactionHistory, now: datetime, policy: RetryPolicy) -> Plan | None:
    """Plan by the rules that an operator may override, as they may know that the cause is resolved."""
    cause = _plan_correction(history, now)
    if cause:
        return cause
    attempts = count_attempts(history)
    if attempts >= policy.max_attempts:
        return Plan(Step.ATTEMPTS_EXHAUSTED, f"It was resubmitted {attempts} times and failed each time.")
    last = max(_relevant_results(history), key=lambda result: result.at, default=None)
    due = last and last.at + policy.delay(attempts, _retried_sync_id(history) or last.sync_id)
    if due and now < due:
        return Plan(Step.SCHEDULED, f"It failed {attempts + 1} times. The next retry is scheduled.", due)
    return None


def _retried_sync_id(history: TransactionHistory) -> str | None:
    """Return the sync that it was last resubmitted for; None if it was not yet."""
    return next((each.retry_of for each in reversed(current_submissions(history)) if each.retry_of), None)


def _plan_correction(history: TransactionHistory, now: datetime) -> Plan | None:
    """Plan the correction for the last failure, unless the product has stored another body since."""
    syncs = _relevant_results(history)
    last = syncs[-1] if syncs else None
    newest = history.newest[0] if history.newest else None
    if newest and newest.is_content_rejected and not _may_be_connection_rejection(newest, history):
        recheck_at = (newest.sent_at or newest.recorded_at) + RECONNECTION_CHECK_INTERVAL
        # The rejection may be due to a lost connection that we do not know of yet: check once more.
        until = recheck_at if newest.retry_of and now < recheck_at else None
        return Plan(Step.NEEDS_CORRECTION, f"Codat rejected it: {newest.rejection_reason}.", until)
    if last and last.code in DISCONNECTED and not _is_reconnected_since(last, history):
        return Plan(
            Step.NEEDS_RECONNECTION, "The company was deleted or de-authorized.", now + RECONNECTION_CHECK_INTERVAL
        )
    is_corrected = last and newest and newest.state is State.STORED and newest.recorded_at > last.at
    return _correction_for(last) if last and not is_corrected else None


def _is_reconnected_since(last: TransactionResult, history: TransactionHistory) -> bool:
    """Return whether the connection was fetched after the sync that failed for lack of one."""
    as_of = history.connection_as_of if history.connection_status else None
    return as_of is not None and as_of >= last.at


def _may_be_connection_rejection(rejected: Submission, history: TransactionHistory) -> bool:
    """Return whether a retry may have been rejected because of the connection, which has changed since.

    The product's own rejected submissions do not count: it got the response, and has to send them again itself.
    """
    since = history.connection_changed_at
    return rejected.retry_of is not None and since is not None and since > (rejected.sent_at or rejected.recorded_at)


def _correction_for(last: TransactionResult) -> Plan | None:
    if last.code == _BILLING:
        return Plan(Step.NEEDS_BILLING, "The subscription of the accounting software has expired.")
    if last.code == _CONFIGURATION:
        return Plan(Step.NEEDS_CORRECTION, "The company's configuration is not valid: a mapping is missing.")
    if _VALIDATION in last.statuses.values():
        return Plan(Step.NEEDS_CORRECTION, f"It is not valid: {'; '.join(last.messages) or 'Codat gives no reason'}")
    return None
