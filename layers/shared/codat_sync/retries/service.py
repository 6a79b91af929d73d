"""Retrying: what failed is created again when, and only when, that is right.

Why no expense is written twice: see ``submit``. Beyond that, who claims a transaction is read before anything else that
the plan is made from, and must not have changed when it is claimed for the retry: so no submission comes in between.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.codat.response import Answer
from codat_sync.core.errors import ClaimedError, CodatError, InFlightError, SecretUnavailableError
from codat_sync.core.iterables import chunks
from codat_sync.rate_limits.errors import TooBusyError
from codat_sync.retries.planner import HELD, UNTIL_RECONNECTED, Plan, Policy, Standing, Step, lineage, plan
from codat_sync.submissions.expense_schemas import MOST, Body
from codat_sync.submissions.service import Write, is_refusal, processed_ids, sync_id_of
from codat_sync.submissions.submission import NOT_LOOKED_AT, State, Submission, digest_of
from codat_sync.syncs.retry_record import MOST_NAMED, Retry, RetryState

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import Standings
    from codat_sync.submissions.repository import Claims, SubmissionStore
    from codat_sync.submissions.service import Submitting

# Each finds other transactions to be left out, or a race lost: then what is left is planned anew.
_MOST_ROUNDS = 3
_LEFT_OVER = timedelta(minutes=1)
# With these Codat refuses whatever a request holds: the limits and the key, and a company that is not there.
_OF_ALL = NOT_LOOKED_AT | {404}


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about a transaction, or why not. ``sync_id`` is the sync that a retry made.

    ``earlier`` are those of which Codat has made syncs at retries before, whoever found that out.
    """

    transaction_id: str
    plan: Plan
    sync_id: str | None = None
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be retried: the failed transactions of a sync, all or those ``wanted``."""

    company_id: str
    sync_id: str
    wanted: Collection[str] | None
    correlation_id: str
    is_for_person: bool


@dataclass(frozen=True)
class Retrying:
    """How failed transactions are created again."""

    submitting: "Submitting"
    submissions: "SubmissionStore"
    standings: "Standings"
    policy: Policy
    now: Callable[[], datetime]

    def retry(
        self, sync_id: str, wanted: Collection[str] | None, correlation_id: str, *, is_for_person: bool
    ) -> list[Done] | None:
        """Plan the failed transactions of a sync, and create again what the plan allows, if it is ``wanted``.

        Returns what was done about each, None if there is no such sync. Raises ForgottenError, and what DynamoDB
        raises.
        """
        failed = self.standings.failed(sync_id)
        if failed is None:
            return None
        done: dict[str, Done] = {}
        left = list(failed.transaction_ids)
        for _ in range(_MOST_ROUNDS):
            task = Task(failed.company_id, sync_id, wanted, correlation_id, is_for_person)
            done |= self._round(task, left)
            left = [name for name in left if _is_left(done[name], wanted)]
            if not left:
                break
        return list(done.values())

    def _round(self, task: Task, names: Sequence[str]) -> dict[str, Done]:
        claims = self._settled_claims(task.company_id, names)
        standings = self.standings.load(task.company_id, names)
        plans = {
            name: plan(standings[name], self.now(), self.policy, is_for_person=task.is_for_person) for name in names
        }
        done = {name: Done(name, each, earlier=_retried(standings[name], task.sync_id)) for name, each in plans.items()}
        ready = [standings[name] for name in names if _is_left(done[name], task.wanted)]
        for submission, bodies in self._submissions(task.company_id, task.sync_id, ready):
            mine = {body.transaction_id: claims[body.transaction_id] for body in bodies}
            done |= self._create(submission, bodies, mine, task.correlation_id)
        return done

    def _settled_claims(self, company_id: str, names: Sequence[str]) -> "Claims":
        """Return who claims what, after finding out what became of those that may have been sent."""
        claims = self.submissions.load_claims(company_id, names)
        holders = {holder.submission_id: (name, holder) for name, holder in claims.items() if holder}
        open_ones = [each for each in holders.values() if each[1].state in {State.RECORDED, State.SENT, State.UNKNOWN}]
        for name, holder in open_ones:
            try:
                self.submitting.require_free(name, holder)
            except (InFlightError, ClaimedError, CodatError, SecretUnavailableError, TooBusyError):
                continue  # Nothing is known that was not: the plan says so.
        return self.submissions.load_claims(company_id, names) if open_ones else claims

    def _submissions(
        self, company_id: str, sync_id: str, ready: Iterable[Standing]
    ) -> Iterator[tuple[Submission, tuple[Body, ...]]]:
        groups: dict[tuple[object, object], list[tuple[Submission, Body]]] = {}
        for standing in ready:
            if standing.body:
                # A body that is only kept is written as the submission that it mends.
                first = lineage(standing)[0]
                groups.setdefault((first.kind, first.method), []).append((first, standing.body[1]))
        for group in groups.values():
            is_post = group[0][0].method == "POST"
            for some in chunks(group, MOST if is_post else 1):
                bodies = tuple(body for _, body in some)
                yield self._new(company_id, sync_id, some[0][0], bodies), bodies

    def _new(self, company_id: str, sync_id: str, last: Submission, bodies: tuple[Body, ...]) -> Submission:
        return Submission(
            submission_id=str(uuid.uuid4()),
            company_id=company_id,
            kind=last.kind,
            method=last.method,
            transaction_ids=tuple(body.transaction_id for body in bodies),
            # A key of its own: Codat would answer an old one as it did the first time.
            idempotency_key=str(uuid.uuid4()) if last.method == "POST" else None,
            digest=digest_of(_text(last.method, bodies), last.kind),
            state=State.RECORDED,
            recorded_at=self.now(),
            retry_of=sync_id,
        )

    def _create(
        self, submission: Submission, bodies: tuple[Body, ...], claims: "Claims", correlation_id: str
    ) -> dict[str, Done]:
        """Record, send, and return what came of it; nothing about those that have to be planned anew."""
        text = _text(submission.method, bodies)
        write = Write(
            company_id=submission.company_id,
            kind=submission.kind,
            method=submission.method,
            text=text,
            bodies=bodies,
            idempotency_key=submission.idempotency_key,
            correlation_id=correlation_id,
        )
        try:
            self.submissions.record(submission, bodies, claims)
            sent = self.submitting.send(submission, write)
        except ClaimedError:
            return {}
        except (CodatError, InFlightError, SecretUnavailableError, TooBusyError) as error:
            later = Plan(Step.WAIT, f"It could not be sent: {error}", self._later(submission))
            return {body.transaction_id: Done(body.transaction_id, later) for body in bodies}
        if processed_ids(sent, submission):
            return {}
        if is_refusal(sent) and sent.status_code not in _OF_ALL and len(bodies) > 1:
            return self._create_apart(submission, bodies, correlation_id)
        sync_id = sync_id_of(sent)
        made = self._after(sent, sync_id, self._later(submission))
        return {body.transaction_id: Done(body.transaction_id, made, sync_id) for body in bodies}

    def _create_apart(self, refused: Submission, bodies: tuple[Body, ...], correlation_id: str) -> dict[str, Done]:
        """Create the halves of what Codat refused: it takes all of a request or nothing, and one may be to blame."""
        done: dict[str, Done] = {}
        middle = len(bodies) // 2
        for half in (bodies[:middle], bodies[middle:]):
            submission = self._new(refused.company_id, refused.retry_of or "", refused, half)
            claims: Claims = {body.transaction_id: refused for body in half}
            done |= self._create(submission, half, claims, correlation_id)
        return done

    def _later(self, submission: Submission) -> datetime:
        return self.now() + self.policy.delay(0, submission.retry_of or "")

    def _after(self, sent: Answer, sync_id: str | None, later: datetime) -> Plan:
        """Return what is to be done after Codat's answer to a retry."""
        if sync_id:
            return Plan(Step.WAIT, f"It was created again, in sync {sync_id}.", later)
        if sent.status_code in NOT_LOOKED_AT:
            return Plan(Step.WAIT, f"Codat answered HTTP {sent.status_code}.", later)
        if is_refusal(sent):
            until = self.now() + UNTIL_RECONNECTED  # It may be for the connection, of which we hear later.
            return Plan(Step.MEND, f"Codat refused it: HTTP {sent.status_code}.", until)
        return Plan(Step.UNKNOWN, f"Codat answered HTTP {sent.status_code}: it may have taken it all the same.", later)


def summed_up(known: Retry | None, done: Sequence[Done], now: datetime) -> Retry:
    """Return how it stands with a failed sync after ``done``."""
    steps = Counter(each.plan.step.value for each in done)
    untils = [each.plan.until for each in done if each.plan.until]
    if any(each.plan.step is Step.RETRY for each in done):
        untils.append(now + _LEFT_OVER)  # It was not wanted this time, or races were lost.
    found = (sync_id for each in done for sync_id in (*each.earlier, each.sync_id) if sync_id)
    made = dict.fromkeys((*(known.sync_ids if known else ()), *found))
    if set(steps) == {Step.WRITTEN.value}:
        state = RetryState.RESOLVED
    else:
        state = RetryState.WAITING if untils else RetryState.STOPPED
    return Retry(state, tuple(made), dict(steps), max(now, min(untils)) if untils else None, _held(done))


def _held(done: Sequence[Done]) -> dict[str, tuple[str, ...]]:
    """Return which transactions wait for somebody else, by step: the first of them, if they are many."""
    named: dict[str, list[str]] = {}
    for each in done:
        if each.plan.step in HELD:
            named.setdefault(each.plan.step.value, []).append(each.transaction_id)
    return {step: tuple(names[:MOST_NAMED]) for step, names in named.items()}


def _retried(standing: Standing, sync_id: str) -> tuple[str, ...]:
    """Return the syncs in which the transaction was created again after ``sync_id`` failed."""
    submissions = (submission for submission, _ in standing.submissions)
    return tuple(each.sync_id for each in submissions if each.retry_of == sync_id and each.sync_id)


def _is_left(done: Done, wanted: Collection[str] | None) -> bool:
    """Return whether it is to be created again, and was not yet."""
    return done.plan.step is Step.RETRY and (wanted is None or done.transaction_id in wanted)


def _text(method: str, bodies: Sequence[Body]) -> str:
    return f"[{','.join(body.text for body in bodies)}]" if method == "POST" else bodies[0].text
