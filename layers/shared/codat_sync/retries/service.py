"""Resubmit failed transactions whose plan allows it.

Why no expense is written twice: see ``submissions.service``. In addition, a transaction's claim is read before the rest
of its history, and must be unchanged when the retry claims it: a submission in between makes the retry fail.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    TransactionHistory,
    current_submissions,
    plan,
)
from codat_sync.submissions.expense_bodies import MAX_BATCH_SIZE, Body
from codat_sync.submissions.service import WriteRequest, extract_processed_ids, extract_sync_id, is_rejection
from codat_sync.submissions.submission import UNPROCESSED_STATUSES, State, Submission, compute_digest
from codat_sync.syncs.retry_record import MAX_LISTED_IDS, Retry, RetryState, Step
from codat_sync.syncs.work_category import WorkCategory, categorize_steps

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import TransactionHistories
    from codat_sync.submissions.repository import Claims, SubmissionRepository
    from codat_sync.submissions.service import SubmissionService

# A pass may lose a race or learn which transactions to exclude: the next one plans the remaining ones again.
_MAX_PASSES = 3
_LEFTOVER_DELAY = timedelta(minutes=1)
# Rejections whatever the request contains (quota, key, unknown company): splitting the batch would not help.
_BATCH_REJECTION_STATUSES = UNPROCESSED_STATUSES | {404}


@dataclass(frozen=True, slots=True)
class RetryResult:
    """Result of a retry for one transaction. ``sync_id`` is the sync that it created; None if it created none.

    ``earlier_sync_ids`` are the syncs that earlier retries created. ``is_retriable`` means that a manual retry would
    resubmit it now.
    """

    transaction_id: str
    plan: Plan
    sync_id: str | None = None
    earlier_sync_ids: tuple[str, ...] = ()
    is_retriable: bool = False


@dataclass(frozen=True, slots=True)
class RetryTask:
    """A retry of a sync's failed transactions, limited to ``selected_ids`` unless None."""

    company_id: str
    sync_id: str
    selected_ids: Collection[str] | None
    correlation_id: str
    is_manual: bool

    def is_manual_for(self, transaction_id: str) -> bool:
        """Return whether the transaction's plan is that of an operator. Others than the named ones wait as usual."""
        return self.is_manual and (self.selected_ids is None or transaction_id in self.selected_ids)


@dataclass(frozen=True)
class RetryService:
    """Plan and resubmit failed transactions."""

    submission_service: "SubmissionService"
    submissions: "SubmissionRepository"
    histories: "TransactionHistories"
    policy: RetryPolicy
    now: Callable[[], datetime]

    def retry(
        self, sync_id: str, selected_ids: Collection[str] | None, correlation_id: str, *, is_manual: bool
    ) -> list[RetryResult] | None:
        """Plan a sync's failed transactions, and resubmit those that are ready and in ``selected_ids`` (None: all).

        Returns a result for each failed transaction; None if the sync does not exist. Raises CompanyErasedError, and
        what DynamoDB raises.
        """
        failed = self.histories.load_failed(sync_id)
        if failed is None:
            return None
        results: dict[str, RetryResult] = {}
        remaining = list(failed.transaction_ids)
        for _ in range(_MAX_PASSES):
            task = RetryTask(failed.company_id, sync_id, selected_ids, correlation_id, is_manual)
            results |= self._run_pass(task, remaining)
            remaining = [each for each in remaining if _is_ready(results[each], selected_ids)]
            if not remaining:
                break
        return list(results.values())

    def _run_pass(self, task: RetryTask, transaction_ids: Sequence[str]) -> dict[str, RetryResult]:
        claims = self._settle_claims(task.company_id, transaction_ids)
        histories = self.histories.load(task.company_id, transaction_ids)
        results = {each: self._plan(task, histories[each]) for each in transaction_ids}
        ready = [histories[each] for each in transaction_ids if _is_ready(results[each], task.selected_ids)]
        for submission, bodies in self._build_submissions(task.company_id, task.sync_id, ready):
            batch_claims = {body.transaction_id: claims[body.transaction_id] for body in bodies}
            submitted = self._submit(submission, bodies, batch_claims, task.correlation_id)
            results |= {
                each: replace(result, earlier_sync_ids=results[each].earlier_sync_ids)
                for each, result in submitted.items()
            }
        return results

    def _plan(self, task: RetryTask, history: TransactionHistory) -> RetryResult:
        manual = plan(history, self.now(), self.policy, is_manual=True)
        return RetryResult(
            history.transaction_id,
            manual if task.is_manual_for(history.transaction_id) else manual.automatic,
            earlier_sync_ids=_retry_sync_ids(history, task.sync_id),
            is_retriable=manual.step is Step.RETRY_NOW,
        )

    def _settle_claims(self, company_id: str, transaction_ids: Sequence[str]) -> "Claims":
        """Load the claims, after looking up the outcome of submissions that may have been sent."""
        claims = self.submissions.load_claims(company_id, transaction_ids)
        holders = {holder.submission_id: (claimed, holder) for claimed, holder in claims.items() if holder}
        unsettled = [each for each in holders.values() if each[1].state in {State.RECORDED, State.SENT, State.UNKNOWN}]
        for transaction_id, holder in unsettled:
            try:
                self.submission_service.require_claim_released(transaction_id, holder)
            except (
                SubmissionInFlightError,
                ClaimConflictError,
                CodatError,
                SecretUnavailableError,
                RateLimitExceededError,
            ):
                continue  # Its outcome is still unknown: the plan accounts for that.
        return self.submissions.load_claims(company_id, transaction_ids) if unsettled else claims

    def _build_submissions(
        self, company_id: str, sync_id: str, ready: Iterable[TransactionHistory]
    ) -> Iterator[tuple[Submission, tuple[Body, ...]]]:
        groups: dict[tuple[object, object], list[tuple[Submission, Body]]] = {}
        for history in ready:
            if history.body:
                # A stored body is sent with the kind and method of the submission that it corrects.
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
            # A new key: for the old one, Codat would return its first response.
            idempotency_key=str(uuid.uuid4()) if last.method == "POST" else None,
            digest=compute_digest(_request_body(last.method, bodies), last.kind),
            state=State.RECORDED,
            recorded_at=self.now(),
            retry_of=sync_id,
        )

    def _submit(
        self, submission: Submission, bodies: tuple[Body, ...], claims: "Claims", correlation_id: str
    ) -> dict[str, RetryResult]:
        """Record and send a submission. Returns the results by transaction id; none for those to be planned again."""
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
            response = self.submission_service.send(submission, write)
        except ClaimConflictError:
            return {}
        except (CodatError, SubmissionInFlightError, SecretUnavailableError, RateLimitExceededError) as error:
            retry_later = Plan(Step.SCHEDULED, f"Sending failed: {error}", self._retry_at(submission))
            return {body.transaction_id: RetryResult(body.transaction_id, retry_later) for body in bodies}
        if extract_processed_ids(response, submission):
            return {}
        if is_rejection(response) and response.status_code not in _BATCH_REJECTION_STATUSES and len(bodies) > 1:
            return self._submit_halves(submission, bodies, correlation_id)
        sync_id = extract_sync_id(response)
        next_plan = self._plan_after_response(response, sync_id, self._retry_at(submission))
        # A rejection leaves nothing in flight.
        is_retriable = is_rejection(response) or response.status_code in UNPROCESSED_STATUSES
        return {
            body.transaction_id: RetryResult(body.transaction_id, next_plan, sync_id, is_retriable=is_retriable)
            for body in bodies
        }

    def _submit_halves(
        self, rejected: Submission, bodies: tuple[Body, ...], correlation_id: str
    ) -> dict[str, RetryResult]:
        """Resubmit a rejected batch in halves: Codat rejects a whole batch for one invalid transaction."""
        results: dict[str, RetryResult] = {}
        middle = len(bodies) // 2
        for half in (bodies[:middle], bodies[middle:]):
            submission = self._new_submission(rejected.company_id, rejected.retry_of or "", rejected, half)
            claims: Claims = {body.transaction_id: rejected for body in half}
            results |= self._submit(submission, half, claims, correlation_id)
        return results

    def _retry_at(self, submission: Submission) -> datetime:
        return self.now() + self.policy.delay(0, submission.retry_of or "")

    def _plan_after_response(self, response: CodatResponse, sync_id: str | None, retry_at: datetime) -> Plan:
        """Plan the next step after Codat's response to a resubmission."""
        if sync_id:
            return Plan(Step.IN_PROGRESS, f"It was resubmitted, in sync {sync_id}.", retry_at)
        if response.status_code in UNPROCESSED_STATUSES:
            return Plan(Step.SCHEDULED, f"Codat answered HTTP {response.status_code}.", retry_at)
        if is_rejection(response):
            # The cause may be a lost connection that has not been reported yet: check once more.
            until = self.now() + RECONNECTION_CHECK_INTERVAL
            return Plan(Step.NEEDS_CORRECTION, f"Codat rejected it: HTTP {response.status_code}.", until)
        return Plan(
            Step.OUTCOME_UNKNOWN, f"Codat answered HTTP {response.status_code}, but may have accepted it.", retry_at
        )


def summarize(previous: Retry | None, results: Sequence[RetryResult], now: datetime) -> Retry:
    """Return the state of a failed sync's retry after ``results``, due at the earliest time in their plans."""
    steps = Counter(each.plan.step.value for each in results)
    due_times = [each.plan.until for each in results if each.plan.until]
    if any(each.plan.step is Step.RETRY_NOW for each in results):
        due_times.append(now + _LEFTOVER_DELAY)  # It was not selected, or lost a race in each pass.
    created = (sync_id for each in results for sync_id in (*each.earlier_sync_ids, each.sync_id) if sync_id)
    sync_ids = dict.fromkeys((*(previous.sync_ids if previous else ()), *created))
    if set(steps) == {Step.ALREADY_WRITTEN.value}:
        state = RetryState.RESOLVED
    else:
        state = RetryState.SCHEDULED if due_times else RetryState.STOPPED
    due_at = max(now, min(due_times)) if due_times else None
    blocked = _blocked_transactions(results)
    unknown_ids = blocked.get(Step.OUTCOME_UNKNOWN.value, ()) if state is RetryState.STOPPED else ()
    retriable_ids = tuple(each.transaction_id for each in results if each.is_retriable)
    return Retry(
        state,
        tuple(sync_ids),
        dict(steps),
        due_at,
        blocked,
        unknown_ids=unknown_ids,
        retriable=len(retriable_ids),
        retriable_ids=retriable_ids[:MAX_LISTED_IDS],
    )


def categorize_retry_syncs(results: Iterable[RetryResult]) -> dict[str, WorkCategory]:
    """Return the category of each sync that the retries created, by id: that of the transactions resubmitted in it."""
    steps: dict[str, Counter[str]] = {}
    for each in results:
        for sync_id in filter(None, {*each.earlier_sync_ids, each.sync_id}):
            steps.setdefault(sync_id, Counter())[each.plan.step.value] += 1
    found = ((sync_id, categorize_steps(counts)) for sync_id, counts in steps.items())
    return {sync_id: category for sync_id, category in found if category}


def _blocked_transactions(results: Sequence[RetryResult]) -> dict[str, tuple[str, ...]]:
    """Return the ids of the transactions that need an action, by step: the first ``MAX_LISTED_IDS`` of each."""
    blocked: dict[str, list[str]] = {}
    for each in results:
        if each.plan.step in BLOCKED_STEPS:
            blocked.setdefault(each.plan.step.value, []).append(each.transaction_id)
    return {step: tuple(ids[:MAX_LISTED_IDS]) for step, ids in blocked.items()}


def _retry_sync_ids(history: TransactionHistory, sync_id: str) -> tuple[str, ...]:
    """Return the ids of the syncs in which the transaction was resubmitted after ``sync_id`` failed."""
    submissions = (submission for submission, _ in history.submissions)
    return tuple(each.sync_id for each in submissions if each.retry_of == sync_id and each.sync_id)


def _is_ready(result: RetryResult, selected_ids: Collection[str] | None) -> bool:
    """Return whether a transaction is selected, and may be resubmitted now."""
    return result.plan.step is Step.RETRY_NOW and (selected_ids is None or result.transaction_id in selected_ids)


def _request_body(method: str, bodies: Sequence[Body]) -> str:
    return f"[{','.join(body.text for body in bodies)}]" if method == "POST" else bodies[0].text
