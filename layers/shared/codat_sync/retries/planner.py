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
from codat_sync.submissions.submission import IN_FLIGHT, PROCESSED, State, Submission
from codat_sync.syncs.items import COMPLETED, FAILED_STATUSES
from codat_sync.syncs.status_codes import DISCONNECTED, Outcome, status_code

_LINKED = "linked"
_CONFIGURATION, _BILLING, _DUPLICATE = 4000, 4260, 5080
_VALIDATION = "ValidationError"
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_CLOCKS_DIFFER = timedelta(minutes=5)
# Where nothing tells when something ends, it is looked at again after this; an event comes sooner.
_UNTIL_IT_ENDS = timedelta(minutes=15)
_GIVEN_UP = timedelta(days=14)
# A customer takes hours or days for it, and looking costs no call to Codat: the worker asks it about the connection.
UNTIL_RECONNECTED = timedelta(hours=1)
# So much of a delay is left to chance, so that what failed at one moment is not all sent again at one moment.
_JITTER = 0.25


class Step(StrEnum):
    """What is to be done."""

    RETRY = "retryNow"
    WAIT = "waitUntil"
    MEND = "mendFirst"
    RECONNECT = "reconnectFirst"
    BILLING = "billingFirst"
    WRITTEN = "alreadyWritten"
    PARTLY_WRITTEN = "partlyWritten"
    UNKNOWN = "outcomeUnknown"
    NO_BODY = "noBodyRecorded"
    EXHAUSTED = "attemptsExhausted"


# What neither we nor time can do: the product, the customer or a person has to do something about the transaction. To
# reconnect is about its company.
HELD = frozenset({Step.MEND, Step.BILLING, Step.PARTLY_WRITTEN, Step.UNKNOWN, Step.NO_BODY, Step.EXHAUSTED})

CUSTOMER_NOTES = {
    Step.RETRY: "We are sending your expense to your accounting software again. You need not do anything.",
    Step.WAIT: "Your expense is on its way to your accounting software. You need not do anything.",
    Step.MEND: "Your accounting software did not accept the expense as it is. Please check what it is assigned to.",
    Step.RECONNECT: "Please connect your accounting software again.",
    Step.BILLING: "Please renew the subscription of your accounting software.",
    Step.WRITTEN: "Your expense is in your accounting software.",
    Step.PARTLY_WRITTEN: "Your expense is in your accounting software, but not everywhere. We are looking into it.",
    Step.UNKNOWN: "We are checking whether your expense has arrived. Please do not enter it by hand.",
    Step.NO_BODY: "Your expense has not reached your accounting software. We are looking into it.",
    Step.EXHAUSTED: "Your expense has not reached your accounting software. We are looking into it.",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How often is tried, and how long is waited in between: doubled each time, up to the longest, with jitter."""

    most_attempts: int = 5
    first_delay: timedelta = timedelta(minutes=5)
    longest_delay: timedelta = timedelta(hours=6)

    def delay(self, attempts: int, sync_id: str) -> timedelta:
        """Return how long to wait after so many attempts that failed: the doubled delay, less up to a quarter of it.

        How much less follows from the sync whose transactions are retried, and the attempt, alone: a plan that is made
        twice is the same, and what failed together goes together.
        """
        longest = min(self.first_delay * (1 << min(attempts, 20)), self.longest_delay)
        return longest * (1 - _JITTER * _chance(f"{sync_id} {attempts}"))


def _chance(text: str) -> float:
    """Return a number from 0 up to 1 that looks random, and is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sync says of the transaction: its status and message for each integration type that it lists."""

    sync_id: str
    code: int | None
    is_final: bool
    at: datetime
    statuses: dict[str, str | None] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    synced_at: datetime | None = None

    def is_refused_as_known(self, transaction_id: str) -> bool:
        """Return whether the protection against duplicates refused it: for itself, not for another one of its sync."""
        if not self.messages:
            return self.code == _DUPLICATE
        return any(_says_processed(message, transaction_id) for message in self.messages)

    @property
    def is_perhaps_known(self) -> bool:
        """Whether the protection against duplicates refused its sync, and Codat does not say for which transaction."""
        says_why = _VALIDATION in self.statuses.values() or any(PROCESSED in message for message in self.messages)
        return self.code == _DUPLICATE and not says_why


def _says_processed(message: str, transaction_id: str) -> bool:
    """Return whether Codat says that it has the transaction already; it names those that it has, or none."""
    _, found, rest = message.lower().partition(PROCESSED)
    return bool(found) and (transaction_id.lower() in rest or not _ID.search(rest))


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is known of a transaction: its syncs and its submissions, each oldest first.

    ``connection_as_of`` is when Codat said so of the company's connection, ``connection_since`` when we saw it change.
    """

    transaction_id: str
    syncs: tuple[Seen, ...] = ()
    submissions: tuple[tuple[Submission, Body], ...] = ()
    connection_status: str | None = None
    is_company_deleted: bool = False
    connection_as_of: datetime | None = None
    connection_since: datetime | None = None

    @property
    def body(self) -> tuple[Submission, Body] | None:
        """The newest body of what the product wants now, with the submission that it came with; None if it is empty."""
        return self.newest if self.newest and self.newest[1].text else None

    @property
    def newest(self) -> tuple[Submission, Body] | None:
        """The same, though its body may be empty: it was too old to be kept."""
        return next(reversed(_wanted(self)), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and why. ``until`` is when there may be another answer; None if nothing tells."""

    step: Step
    support: str
    until: datetime | None = None

    @property
    def customer(self) -> str:
        """What the customer can be told."""
        return CUSTOMER_NOTES[self.step]


def plan(standing: Standing, now: datetime, policy: Policy, *, is_for_person: bool = False) -> Plan:
    """Return what is to be done about a transaction. There is an answer to everything."""
    unsafe = _under_way(standing, now) or _written(standing) or _unknown(standing, now)
    if unsafe:
        return unsafe
    impossible = _disconnected(standing, now) or (None if standing.body else _no_body(standing))
    if impossible:
        return impossible
    if not is_for_person and (hindered := _hindered(standing, now, policy)):
        return hindered
    return Plan(Step.RETRY, "It failed, and nothing speaks against creating it again.")


def lineage(standing: Standing) -> tuple[Submission, ...]:
    """Return the submissions of what the product wants now: its own last one, our retries, and bodies that mend it.

    Of its updates that Codat has refused nothing is left but that the product was told: what it wanted before stands.
    A body that is kept for another kind of transaction mends nothing.
    """
    return tuple(submission for submission, _ in _wanted(standing))


def _wanted(standing: Standing) -> list[tuple[Submission, Body]]:
    told = _refused_updates(standing)
    known = [each for each in standing.submissions if each[0] not in told]
    own = [number for number, (each, _) in enumerate(known) if _is_own(each)]
    known = known[own[-1] :] if own else known
    kind = known[0 if own else -1][0].kind if known else None
    return [each for each in known if each[0].kind == kind]


def _refused_updates(standing: Standing) -> list[Submission]:
    """Return the product's updates that were refused, of what it has created before."""
    own = [each for each, _ in standing.submissions if _is_own(each)]
    created = next((n for n, each in enumerate(own) if each.method == "POST" and each.state is not State.REFUSED), None)
    if created is None:
        return []
    return [each for each in own[created:] if each.method == "PUT" and each.state is State.REFUSED]


def _is_own(submission: Submission) -> bool:
    return submission.retry_of is None and submission.state is not State.KEPT


def attempts(standing: Standing) -> int:
    """Return how often it was created again; what Codat refused because of others of its batch does not count."""
    return sum(
        submission.retry_of is not None and (submission.sync_id is not None or submission.is_refused_for_itself)
        for submission in lineage(standing)
    )


def _relevant(standing: Standing) -> Sequence[Seen]:
    """Return the syncs that tell of what the product wants now: of an update, none from before it.

    When we heard of a sync says little: its webhook may be late. Codat's own time of it does, give or take its clock.
    """
    wanted = lineage(standing)
    if not wanted or wanted[0].method == "POST":
        return standing.syncs
    ours = {submission.sync_id for submission in wanted}
    of_others = {submission.sync_id for submission, _ in standing.submissions if submission not in wanted}
    begin = wanted[0].recorded_at

    def is_since(seen: Seen) -> bool:
        return seen.at >= begin and (seen.synced_at is None or seen.synced_at >= begin - _CLOCKS_DIFFER)

    others = [seen for seen in standing.syncs if seen.sync_id not in of_others]
    return [seen for seen in others if seen.sync_id in ours or is_since(seen)]


def _under_way(standing: Standing, now: datetime) -> Plan | None:
    known = {seen.sync_id for seen in standing.syncs}
    for submission, _ in standing.submissions:
        began = submission.sent_at or submission.recorded_at
        if submission.state in {State.RECORDED, State.SENT} and now - began < IN_FLIGHT:
            return Plan(Step.WAIT, "It is being sent just now.", began + IN_FLIGHT)
        if submission.state is State.ANSWERED and submission.sync_id not in known:
            return Plan(Step.WAIT, f"Sync {submission.sync_id} has not told of it yet.", now + _UNTIL_IT_ENDS)
    for seen in _relevant(standing):
        if not seen.is_final:
            return Plan(Step.WAIT, f"Sync {seen.sync_id} has not ended.", now + _UNTIL_IT_ENDS)
    return None


def _unknown(standing: Standing, now: datetime) -> Plan | None:
    """Return that nobody knows whether it is written, if so: it may be, and is never sent again by itself."""
    if any(submission.state in {State.SENT, State.UNKNOWN} for submission, _ in standing.submissions):
        why = "It was sent, and Codat's answer is not known: none of Codat's syncs since then has it (yet)."
        return Plan(Step.UNKNOWN, why, _look_again(standing, now))
    syncs = _relevant(standing)
    if any(status not in FAILED_STATUSES for seen in syncs for status in seen.statuses.values()):
        return Plan(Step.UNKNOWN, "Codat does not say what became of it, though its sync has ended.")
    if any(seen.is_perhaps_known for seen in syncs):
        why = "The protection against duplicates refused its sync, and Codat does not say for which transaction."
        return Plan(Step.UNKNOWN, f"{why} Look it up in the books.")
    if any(not seen.statuses and not _has_failed(seen.code) for seen in syncs):
        return Plan(Step.UNKNOWN, "Codat does not list it among what its sync has done.")
    was_refused = standing.newest is not None and standing.newest[0].state is State.REFUSED
    return None if syncs or was_refused else Plan(Step.UNKNOWN, "No sync has told of it.")


def _look_again(standing: Standing, now: datetime) -> datetime | None:
    """Return when to look for it again: ever more seldom, as each time costs some of the quota, and not for ever."""
    age = max(now - submission.recorded_at for submission, _ in standing.submissions)
    return now + max(_UNTIL_IT_ENDS, age / 2) if age < _GIVEN_UP else None


def _has_failed(code: int | None) -> bool:
    return code is not None and status_code(code).outcome is Outcome.FAILED


def _written(standing: Standing) -> Plan | None:
    syncs = _relevant(standing)
    if any(standing.transaction_id in submission.processed for submission in lineage(standing)):
        return Plan(Step.WRITTEN, "Codat says that it has previously been processed.")
    statuses: dict[str, str | None] = {}
    for seen in syncs:
        for name, status in seen.statuses.items():
            if statuses.get(name) != COMPLETED:
                statuses[name] = status
    done = [name for name, status in statuses.items() if status == COMPLETED]
    if done and len(done) == len(statuses):
        return Plan(Step.WRITTEN, "Codat says that it is completed.")
    if done:
        rest = ", ".join(f"{name}: {status}" for name, status in statuses.items() if status != COMPLETED)
        return Plan(
            Step.PARTLY_WRITTEN, f"It is written as {', '.join(done)}, and not as {rest}. A person has to look."
        )
    if any(seen.is_refused_as_known(standing.transaction_id) for seen in syncs):
        return Plan(Step.WRITTEN, "Codat's protection against duplicates refused it: look it up in the books.")
    return None


def _disconnected(standing: Standing, now: datetime) -> Plan | None:
    if standing.is_company_deleted:
        return Plan(Step.RECONNECT, "The company was deleted at Codat.")
    status = standing.connection_status
    if status is not None and status.lower() != _LINKED:
        why = f"The connection to the accounting software is {status}."
        return Plan(Step.RECONNECT, why, now + UNTIL_RECONNECTED)
    return None


def _no_body(standing: Standing) -> Plan:
    if standing.newest:
        return Plan(Step.NO_BODY, "Its body was too old to be kept, and is empty: the product has to send it again.")
    return Plan(
        Step.NO_BODY,
        "It was not submitted through here, nor was its body recorded or kept: the product has to send it.",
    )


def _hindered(standing: Standing, now: datetime, policy: Policy) -> Plan | None:
    """Return what a person may override: he may know that the cause is gone."""
    cause = _cause(standing, now)
    if cause:
        return cause
    made = attempts(standing)
    if made >= policy.most_attempts:
        return Plan(Step.EXHAUSTED, f"It was created again {made} times, and failed each time.")
    last = max(_relevant(standing), key=lambda seen: seen.at, default=None)
    due = last and last.at + policy.delay(made, _first_failed(standing) or last.sync_id)
    if due and now < due:
        return Plan(Step.WAIT, f"It failed {made + 1} times, and is created again then.", due)
    return None


def _first_failed(standing: Standing) -> str | None:
    """Return the sync that it was created again for, None if it was not yet."""
    return next((each.retry_of for each in reversed(lineage(standing)) if each.retry_of), None)


def _cause(standing: Standing, now: datetime) -> Plan | None:
    """Return what has to be mended first: the last failure tells, unless the product has sent another body since."""
    syncs = _relevant(standing)
    last = syncs[-1] if syncs else None
    newest = standing.newest[0] if standing.newest else None
    if newest and newest.is_refused_for_itself and not _was_for_connection(newest, standing):
        looked_at = (newest.sent_at or newest.recorded_at) + UNTIL_RECONNECTED
        # Codat may have refused it for a connection of whose end we have not heard yet: it is looked at once more.
        until = looked_at if newest.retry_of and now < looked_at else None
        return Plan(Step.MEND, f"Codat refused it: {newest.refusal}.", until)
    if last and last.code in DISCONNECTED and not _is_known_since(last, standing):
        return Plan(Step.RECONNECT, "The company was deleted or de-authorized.", now + UNTIL_RECONNECTED)
    is_mended = last and newest and newest.state is State.KEPT and newest.recorded_at > last.at
    return _cause_of(last) if last and not is_mended else None


def _is_known_since(last: Seen, standing: Standing) -> bool:
    """Return whether Codat has told of a connection after a sync told that there was none."""
    as_of = standing.connection_as_of if standing.connection_status else None
    return as_of is not None and as_of >= last.at


def _was_for_connection(refused: Submission, standing: Standing) -> bool:
    """Return whether a retry may have been refused for the connection, which is another since.

    What Codat has refused of the product's own is the product's to send again: it was told.
    """
    since = standing.connection_since
    return refused.retry_of is not None and since is not None and since > (refused.sent_at or refused.recorded_at)


def _cause_of(last: Seen) -> Plan | None:
    if last.code == _BILLING:
        return Plan(Step.BILLING, "The subscription of the accounting software has expired.")
    if last.code == _CONFIGURATION:
        return Plan(Step.MEND, "The company's configuration is not valid: something is not mapped.")
    if _VALIDATION in last.statuses.values():
        return Plan(Step.MEND, f"It is not valid: {'; '.join(last.messages) or 'Codat does not say why'}")
    return None
