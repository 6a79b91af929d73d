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

from codat_sync.codat.response import CodatResponse
from codat_sync.core.errors import ClaimConflictError, CodatError, SecretUnavailableError, SubmissionInFlightError
from codat_sync.core.iterables import batched
from codat_sync.rate_limits.errors import RateLimitExceededError
from codat_sync.retries.planner import (
    BLOCKED_STEPS,
    RECONNECTION_CHECK_INTERVAL,
    Plan,
    RetryPolicy,
    Step,
    TransactionHistory,
    current_submissions,
    plan,
)
from codat_sync.submissions.expense_schemas import MAX_BATCH_SIZE, Body
from codat_sync.submissions.service import WriteRequest, extract_processed_ids, extract_sync_id, is_rejection
from codat_sync.submissions.submission import UNPROCESSED_STATUSES, State, Submission, compute_digest
from codat_sync.syncs.retry_record import MAX_LISTED_IDS, Retry, RetryState

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import TransactionHistories
    from codat_sync.submissions.repository import Claims, SubmissionRepository
    from codat_sync.submissions.service import SubmissionService

# Each finds other transactions to be left out, or a race lost: then what is left is planned anew.
_MAX_PASSES = 3
_LEFTOVER_DELAY = timedelta(minutes=1)
# With these Codat refuses whatever a request holds: the limits and the key, and a company that is not there.
_BATCH_REJECTION_STATUSES = UNPROCESSED_STATUSES | {404}


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What was done about a transaction, or why not. ``sync_id`` is the sync that a retry made.

    ``earlier`` are those of which Codat has made syncs at retries before, whoever found that out.
    """

    transaction_id: str
    plan: Plan
    sync_id: str | None = None
    earlier_sync_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryTask:
    """What is to be retried: the failed transactions of a sync, all or those ``wanted``."""

    company_id: str
    sync_id: str
    wanted: Collection[str] | None
    correlation_id: str
    is_manual: bool


@dataclass(frozen=True)
class RetryService:
    """How failed transactions are created again."""

    submission_service: "SubmissionService"
    submissions: "SubmissionRepository"
    histories: "TransactionHistories"
    policy: RetryPolicy
    now: Callable[[], datetime]

    def retry(
        self, sync_id: str, wanted: Collection[str] | None, correlation_id: str, *, is_manual: bool
    ) -> list[RetryResult] | None:
        """Plan the failed transactions of a sync, and create again what the plan allows, if it is ``wanted``.

        Returns what was done about each, None if there is no such sync. Raises CompanyErasedError, and what DynamoDB
        raises.
        """
        failed = self.histories.load_failed(sync_id)
        if failed is None:
            return None
        done: dict[str, RetryResult] = {}
        left = list(failed.transaction_ids)
        for _ in range(_MAX_PASSES):
            task = RetryTask(failed.company_id, sync_id, wanted, correlation_id, is_manual)
            done |= self._run_pass(task, left)
            left = [name for name in left if _is_pending(done[name], wanted)]
            if not left:
                break
        return list(done.values())

    def _run_pass(self, task: RetryTask, names: Sequence[str]) -> dict[str, RetryResult]:
        claims = self._settle_claims(task.company_id, names)
        histories = self.histories.load(task.company_id, names)
        plans = {name: plan(histories[name], self.now(), self.policy, is_manual=task.is_manual) for name in names}
        done = {
            name: RetryResult(name, each, earlier_sync_ids=_retry_sync_ids(histories[name], task.sync_id))
            for name, each in plans.items()
        }
        ready = [histories[name] for name in names if _is_pending(done[name], task.wanted)]
        for submission, bodies in self._build_submissions(task.company_id, task.sync_id, ready):
            mine = {body.transaction_id: claims[body.transaction_id] for body in bodies}
            done |= self._submit(submission, bodies, mine, task.correlation_id)
        return done

    def _settle_claims(self, company_id: str, names: Sequence[str]) -> "Claims":
        """Return who claims what, after finding out what became of those that may have been sent."""
        claims = self.submissions.load_claims(company_id, names)
        holders = {holder.submission_id: (name, holder) for name, holder in claims.items() if holder}
        open_ones = [each for each in holders.values() if each[1].state in {State.RECORDED, State.SENT, State.UNKNOWN}]
        for name, holder in open_ones:
            try:
                self.submission_service.require_claim_released(name, holder)
            except (
                SubmissionInFlightError,
                ClaimConflictError,
                CodatError,
                SecretUnavailableError,
                RateLimitExceededError,
            ):
                continue  # Nothing is known that was not: the plan says so.
        return self.submissions.load_claims(company_id, names) if open_ones else claims

    def _build_submissions(
        self, company_id: str, sync_id: str, ready: Iterable[TransactionHistory]
    ) -> Iterator[tuple[Submission, tuple[Body, ...]]]:
        groups: dict[tuple[object, object], list[tuple[Submission, Body]]] = {}
        for history in ready:
            if history.body:
                # A body that is only stored is written as the submission that it corrects.
                first = current_submissions(history)[0]
                groups.setdefault((first.kind, first.method), []).append((first, history.body[1]))
        for group in groups.values():
            is_post = group[0][0].method == "POST"
            for some in batched(group, MAX_BATCH_SIZE if is_post else 1):
                bodies = tuple(body for _, body in some)
                yield self._new_submission(company_id, sync_id, some[0][0], bodies), bodies

    def _new_submission(self, company_id: str, sync_id: str, last: Submission, bodies: tuple[Body, ...]) -> Submission:
        return Submission(
            submission_id=str(uuid.uuid4()),
            company_id=company_id,
            kind=last.kind,
            method=last.method,
            transaction_ids=tuple(body.transaction_id for body in bodies),
            # A key of its own: Codat would answer an old one as it did the first time.
            idempotency_key=str(uuid.uuid4()) if last.method == "POST" else None,
            digest=compute_digest(_request_body(last.method, bodies), last.kind),
            state=State.RECORDED,
            recorded_at=self.now(),
            retry_of=sync_id,
        )

    def _submit(
        self, submission: Submission, bodies: tuple[Body, ...], claims: "Claims", correlation_id: str
    ) -> dict[str, RetryResult]:
        """Record, send, and return what came of it; nothing about those that have to be planned anew."""
        text = _request_body(submission.method, bodies)
        write = WriteRequest(
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
            sent = self.submission_service.send(submission, write)
        except ClaimConflictError:
            return {}
        except (CodatError, SubmissionInFlightError, SecretUnavailableError, RateLimitExceededError) as error:
            later = Plan(Step.SCHEDULED, f"It could not be sent: {error}", self._retry_at(submission))
            return {body.transaction_id: RetryResult(body.transaction_id, later) for body in bodies}
        if extract_processed_ids(sent, submission):
            return {}
        if is_rejection(sent) and sent.status_code not in _BATCH_REJECTION_STATUSES and len(bodies) > 1:
            return self._submit_halves(submission, bodies, correlation_id)
        sync_id = extract_sync_id(sent)
        made = self._plan_after_answer(sent, sync_id, self._retry_at(submission))
        return {body.transaction_id: RetryResult(body.transaction_id, made, sync_id) for body in bodies}

    def _submit_halves(
        self, refused: Submission, bodies: tuple[Body, ...], correlation_id: str
    ) -> dict[str, RetryResult]:
        """Create the halves of what Codat refused: it takes all of a request or nothing, and one may be to blame."""
        done: dict[str, RetryResult] = {}
        middle = len(bodies) // 2
        for half in (bodies[:middle], bodies[middle:]):
            submission = self._new_submission(refused.company_id, refused.retry_of or "", refused, half)
            claims: Claims = {body.transaction_id: refused for body in half}
            done |= self._submit(submission, half, claims, correlation_id)
        return done

    def _retry_at(self, submission: Submission) -> datetime:
        return self.now() + self.policy.delay(0, submission.retry_of or "")

    def _plan_after_answer(self, sent: CodatResponse, sync_id: str | None, later: datetime) -> Plan:
        """Return what is to be done after Codat's answer to a retry."""
        if sync_id:
            return Plan(Step.SCHEDULED, f"It was created again, in sync {sync_id}.", later)
        if sent.status_code in UNPROCESSED_STATUSES:
            return Plan(Step.SCHEDULED, f"Codat answered HTTP {sent.status_code}.", later)
        if is_rejection(sent):
            until = self.now() + RECONNECTION_CHECK_INTERVAL  # It may be for the connection, of which we hear later.
            return Plan(Step.NEEDS_CORRECTION, f"Codat refused it: HTTP {sent.status_code}.", until)
        return Plan(
            Step.OUTCOME_UNKNOWN, f"Codat answered HTTP {sent.status_code}: it may have taken it all the same.", later
        )


def summarize(known: Retry | None, done: Sequence[RetryResult], now: datetime) -> Retry:
    """Return how it stands with a failed sync after ``done``."""
    steps = Counter(each.plan.step.value for each in done)
    untils = [each.plan.until for each in done if each.plan.until]
    if any(each.plan.step is Step.RETRY_NOW for each in done):
        untils.append(now + _LEFTOVER_DELAY)  # It was not wanted this time, or races were lost.
    found = (sync_id for each in done for sync_id in (*each.earlier_sync_ids, each.sync_id) if sync_id)
    made = dict.fromkeys((*(known.sync_ids if known else ()), *found))
    if set(steps) == {Step.ALREADY_WRITTEN.value}:
        state = RetryState.RESOLVED
    else:
        state = RetryState.SCHEDULED if untils else RetryState.STOPPED
    return Retry(
        state, tuple(made), dict(steps), max(now, min(untils)) if untils else None, _blocked_transactions(done)
    )


def _blocked_transactions(done: Sequence[RetryResult]) -> dict[str, tuple[str, ...]]:
    """Return which transactions wait for somebody else, by step: the first of them, if they are many."""
    named: dict[str, list[str]] = {}
    for each in done:
        if each.plan.step in BLOCKED_STEPS:
            named.setdefault(each.plan.step.value, []).append(each.transaction_id)
    return {step: tuple(names[:MAX_LISTED_IDS]) for step, names in named.items()}


def _retry_sync_ids(history: TransactionHistory, sync_id: str) -> tuple[str, ...]:
    """Return the syncs in which the transaction was created again after ``sync_id`` failed."""
    submissions = (submission for submission, _ in history.submissions)
    return tuple(each.sync_id for each in submissions if each.retry_of == sync_id and each.sync_id)


def _is_pending(done: RetryResult, wanted: Collection[str] | None) -> bool:
    """Return whether it is to be created again, and was not yet."""
    return done.plan.step is Step.RETRY_NOW and (wanted is None or done.transaction_id in wanted)


def _request_body(method: str, bodies: Sequence[Body]) -> str:
    return f"[{','.join(body.text for body in bodies)}]" if method == "POST" else bodies[0].text
