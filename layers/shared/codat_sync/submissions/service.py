"""Submit a product's write requests: record them, forward them to Codat, and track their outcome.

Why no expense is written twice: a submission is recorded and claims its transactions before it is sent. Only whoever
marked it as sent sends it. A claimed transaction is not sent again until the outcome of its submission is known. A
transaction that one of its syncs reports as Completed is not created again, however its id is spelled. A repeated
request is sent again only with the idempotency key for which Codat returns its first response.
"""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from codat_sync.codat.response import CodatResponse
from codat_sync.core.errors import (
    AlreadyWrittenError,
    ClaimConflictError,
    CodatUnavailableError,
    CodatUnreachableError,
    SecretUnavailableError,
    SubmissionInFlightError,
)
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.core.json_object import parse_object
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError
from codat_sync.submissions.expense_bodies import Body, Kind, read_id
from codat_sync.submissions.submission import (
    IN_FLIGHT_TIMEOUT,
    PREVIOUSLY_PROCESSED,
    UNPROCESSED_STATUSES,
    State,
    Submission,
    compute_digest,
)
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.repository import SubmittedSync
from codat_sync.syncs.retry_record import RetryState

if TYPE_CHECKING:
    from codat_sync.submissions.codat_writer import CodatWriter
    from codat_sync.submissions.outcome_lookup import OutcomeLookup
    from codat_sync.submissions.repository import Claims, SubmissionRepository
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

_MAX_ATTEMPTS = 5
# Until the retries of what is submitted again are planned: longer than the submission takes to be recorded.
_PLAN_DELAY = timedelta(minutes=1)
# Codat rejects these before it checks the idempotency key; 404 is an unknown company, 413 comes from a gateway.
_STATUSES_BEFORE_KEY_CHECK = UNPROCESSED_STATUSES | {HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
# The request is still running, or timed out: it may take effect yet.
_AMBIGUOUS_STATUSES = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A product's write request. ``text`` is its body as received."""

    company_id: str
    kind: Kind
    method: Literal["POST", "PUT"]
    text: str
    bodies: tuple[Body, ...]
    idempotency_key: str | None
    correlation_id: str


@dataclass(frozen=True)
class SubmissionService:
    """Submit products' write requests to Codat."""

    writer: "CodatWriter"
    submissions: "SubmissionRepository"
    store: "SyncRepository"
    retries: "RetryRepository"
    outcome_lookup: "OutcomeLookup"
    schedule: Schedule
    now: Callable[[], datetime]

    def submit(self, write: WriteRequest) -> CodatResponse:
        """Record ``write``, send it, and return Codat's response; for a repeated request, the first response.

        Raises SubmissionInFlightError if a transaction has another submission in flight; CodatUnavailableError if
        Codat's response is unknown; CodatError, CompanyErasedError, RateLimitExceededError and SecretUnavailableError
        if nothing was sent.
        """
        new = _new_submission(write, self.now())
        for _ in range(_MAX_ATTEMPTS):
            try:
                return self.send(self._claim(new, write), write)
            except ClaimConflictError:
                continue
        raise SubmissionInFlightError(new.transaction_ids[0], "is being submitted concurrently")

    def store_body(self, write: WriteRequest) -> None:
        """Store the body of a transaction that the product sends itself, so that it can be resubmitted if it fails.

        Nothing is sent, so nothing is written. Retries that need a corrected body are rescheduled. Raises
        CompanyErasedError.
        """
        now = self.now()
        self.submissions.store(
            replace(_new_submission(write, now), state=State.STORED, idempotency_key=None), write.bodies
        )
        for body in write.bodies:
            for sync_id in self.store.load_sync_ids_of_transaction(write.company_id, body.transaction_id):
                self.retries.reschedule(write.company_id, sync_id, now)

    def send(self, submission: Submission, write: WriteRequest) -> CodatResponse:
        """Send a recorded submission, unless it was sent before and may have arrived. Raises what ``submit`` does.

        It can't be written twice: it is sent only by whoever marked it as sent, or again with a key that Codat still
        knows, for which it returns its first response.
        """
        if submission.resolution:
            raise ClaimConflictError("an operator has resolved it: claim it anew")
        if submission.state is State.ACCEPTED and submission.sync_id:
            return self._replay_answer(submission, submission.sync_id)
        is_first = submission.state is State.RECORDED
        if is_first:
            submission = self.submissions.mark_sent(submission, self.now())
        elif (response := self._resume_sent(submission)) is not None:
            return response
        try:
            answer = self._write(submission, write.text)
        except (CodatUnreachableError, GateClosedError, SecretUnavailableError, RateLimitExceededError) as error:
            if is_first:
                self.submissions.mark_rejected(submission, None, f"not sent: {type(error).__name__}")
            raise
        except CodatUnavailableError:
            with suppress(ClaimConflictError):
                self.submissions.mark_unknown(submission, None)
            raise
        # A concurrent lookup found the same sync in Codat's list. A conflict must not restart a sent submission.
        with suppress(ClaimConflictError):
            self._record_answer(submission, answer, write.correlation_id, is_first=is_first)
        return answer

    def _write(self, submission: Submission, text: str) -> CodatResponse:
        if submission.method == "POST" and submission.idempotency_key:
            return self.writer.create(submission.company_id, submission.kind, text, submission.idempotency_key)
        (transaction_id,) = submission.transaction_ids
        spelling = self._spelling(submission, transaction_id)
        return self.writer.put(submission.company_id, submission.kind, spelling, text)

    def _spelling(self, submission: Submission, transaction_id: str) -> str:
        """Return the id of an updated transaction as it was spelled when it was created, if we have its body.

        For a Codat that compares ids by letter, another spelling would be another transaction.
        """
        known = self.submissions.load_submissions(submission.company_id, transaction_id)
        created = (read_id(body.text) for each, body in reversed(known) if each.method == "POST")
        return next((each for each in created if each and canonicalize(each) == transaction_id), transaction_id)

    def _claim(self, new: Submission, write: WriteRequest) -> Submission:
        """Claim all transactions of ``write``. Return ``new``, or the earlier submission of the same request."""
        claims = self.submissions.load_claims(new.company_id, new.transaction_ids)
        if earlier := _find_same_request(claims, new) or self._find_repeated_transfer(claims, new):
            return earlier
        for transaction_id, holder in claims.items():
            if holder:
                self.require_claim_released(transaction_id, holder)
        records = {each: self._load_ended_syncs(new.company_id, each) for each in new.transaction_ids}
        if new.is_creation:
            _require_not_written(records, claims)
        self._reschedule_retries(new.company_id, records)
        self.submissions.record(new, write.bodies, claims)
        return new

    def _reschedule_retries(self, company_id: str, records: Mapping[str, Sequence[SyncRecord]]) -> None:
        """Have the retries of what the product submits again planned anew: what failed before may be written now.

        Before the submission is recorded, so that no crash loses it: the plan finds it, or nothing new.
        """
        failed = (each for some in records.values() for each in some if not (each.sync and each.sync.has_succeeded))
        due_at = self.now() + _PLAN_DELAY
        for sync_id in dict.fromkeys(each.retry_of or each.sync_id for each in failed):
            stored = self.retries.load(sync_id)
            if stored and stored.state is RetryState.STOPPED:  # Others are due by themselves.
                self.retries.reschedule(company_id, sync_id, due_at)

    def _load_ended_syncs(self, company_id: str, transaction_id: str) -> list[SyncRecord]:
        """Load the transaction's syncs, whoever started them. Raises SubmissionInFlightError if one has not ended."""
        return [
            self._require_sync_ended(transaction_id, sync_id)
            for sync_id in self.store.load_sync_ids_of_transaction(company_id, transaction_id)
        ]

    def _find_repeated_transfer(self, claims: "Claims", new: Submission) -> Submission | None:
        """Return the earlier transfer that ``new`` repeats, unless that failed.

        A transfer's PUT creates and takes no key, and Codat does not document that it rejects one that exists.
        """
        if new.kind is not Kind.TRANSFER:
            return None
        ((transaction_id, holder),) = claims.items()
        if holder and holder.state in {State.SENT, State.UNKNOWN}:
            self.require_claim_released(transaction_id, holder)  # This looks up its outcome.
            holder = self.submissions.load_claims(new.company_id, new.transaction_ids)[transaction_id]
        if holder is None or holder.state is not State.ACCEPTED or not holder.sync_id:
            return None
        record = self.store.load_sync(holder.sync_id)
        is_open = record is None or record.sync is None or not record.sync.is_final
        is_written = record is not None and record.has_written(transaction_id)
        return holder if holder.digest == new.digest and (is_open or is_written) else None

    def require_claim_released(self, transaction_id: str, holder: Submission) -> None:
        """Return if Codat can no longer write the claiming submission. Raises SubmissionInFlightError otherwise."""
        now = self.now()
        match holder.state:
            case State.REJECTED:
                return
            case State.ACCEPTED if holder.resolution:
                return  # By then it can't arrive any more. Which of its transactions are written is in the resolution.
            case State.RECORDED if now - holder.recorded_at >= IN_FLIGHT_TIMEOUT:
                # Its sender has crashed. It can no longer be sent: it would have to be marked as sent first.
                self.submissions.mark_rejected(holder, None, "abandoned before it was sent")
            case State.ACCEPTED if holder.sync_id:
                self._require_sync_ended(transaction_id, holder.sync_id)
            case State.SENT | State.UNKNOWN if now - (holder.sent_at or now) >= IN_FLIGHT_TIMEOUT:
                found = self._find_lost_sync(holder, None)
                if found is None:
                    raise SubmissionInFlightError(transaction_id, "may have been written: Codat's response is unknown")
                self._require_sync_ended(transaction_id, found)
            case _:
                raise SubmissionInFlightError(transaction_id, "has a submission in flight")

    def _require_sync_ended(self, transaction_id: str, sync_id: str) -> SyncRecord:
        record = self.store.load_sync(sync_id)
        if record is None or record.sync is None or not record.sync.is_final:
            raise SubmissionInFlightError(transaction_id, f"is in sync {sync_id}, which has not ended")
        return record

    def _resume_sent(self, submission: Submission) -> CodatResponse | None:
        """Return the response to a submission that was sent before; None if it may be sent again."""
        now = self.now()
        if submission.state is State.SENT and now - (submission.sent_at or now) < IN_FLIGHT_TIMEOUT:
            raise SubmissionInFlightError(submission.transaction_ids[0], "has a submission in flight")
        found = self._find_lost_sync(submission, _success_status(submission))
        if found is not None:
            return self._replay_answer(submission, found)
        if submission.is_resend_safe(now):
            return None
        raise SubmissionInFlightError(
            submission.transaction_ids[0], "may have been written: Codat's response is unknown"
        )

    def _find_lost_sync(self, submission: Submission, answer_status: int | None) -> str | None:
        """Return Codat's sync of a submission whose response was lost; None if it lists none (yet).

        ``answer_status`` is the status returned to its caller; None if the lookup is not for its caller. A sync that
        was known before the submission was recorded belongs to another one.
        """
        company_id, ids = submission.company_id, submission.transaction_ids
        excluded = self.store.load_sync_ids_before(company_id, ids, submission.recorded_at)
        excluded |= self.submissions.load_sync_ids_of_other_submissions(submission)
        sync_id = self._find_known_sync(submission, excluded) or self.outcome_lookup.find_sync(submission, excluded)
        if sync_id is not None:
            self._accept(submission, sync_id, answer_status, f"lost-{submission.submission_id}")
        return sync_id

    def _find_known_sync(self, submission: Submission, excluded: Collection[str]) -> str | None:
        """Return the id of the stored sync with exactly the submission's transactions; None if there is none."""
        company_id, transaction_ids = submission.company_id, set(submission.transaction_ids)
        for sync_id in self.store.load_sync_ids_of_transaction(company_id, submission.transaction_ids[0]):
            record = None if sync_id in excluded else self.store.load_sync(sync_id)
            if record and {item.transaction_id for item in record.items} == transaction_ids:
                return sync_id
        return None

    def _accept(self, submission: Submission, sync_id: str, status: int | None, correlation_id: str) -> None:
        now = self.now()
        submitted = SubmittedSync(submission.company_id, sync_id, submission.transaction_ids, submission.retry_of)
        self.store.announce(submitted, self.schedule.after_submission(now, correlation_id), now)
        self.submissions.mark_accepted(submission, sync_id, status)

    def _replay_answer(self, submission: Submission, sync_id: str) -> CodatResponse:
        """Rebuild the response that Codat returned, or would have."""
        answer_status = submission.answer_status if submission.state is State.ACCEPTED else None
        status = answer_status or _success_status(submission)
        if submission.state is State.ACCEPTED and answer_status is None:
            self.submissions.mark_accepted(submission, sync_id, status)
        headers = {"content-type": "application/json"}
        content = json.dumps({"syncId": sync_id}).encode()
        return CodatResponse(status, "", headers, content, self.now())

    def _record_answer(
        self, submission: Submission, answer: CodatResponse, correlation_id: str, *, is_first: bool
    ) -> None:
        """Record the outcome of a response. After a crash before that, it is found by the sync's transactions."""
        sync_id = extract_sync_id(answer)
        if answer.status_code < HTTPStatus.BAD_REQUEST and sync_id:
            self._accept(submission, sync_id, answer.status_code, correlation_id)
        elif not is_first and answer.status_code in _STATUSES_BEFORE_KEY_CHECK:
            return  # It says nothing about the first attempt.
        elif not is_rejection(answer):
            self.submissions.mark_unknown(submission, answer.status_code)
        else:
            reason = f"HTTP {answer.status_code}"
            self.submissions.mark_rejected(
                submission, answer.status_code, reason, extract_processed_ids(answer, submission)
            )


def _success_status(submission: Submission) -> HTTPStatus:
    """Return the status with which Codat accepts a request."""
    is_update = submission.method == "PUT" and submission.kind is not Kind.TRANSFER
    return HTTPStatus.ACCEPTED if is_update else HTTPStatus.OK


def extract_sync_id(answer: CodatResponse) -> str | None:
    """Return the id of the sync that Codat created; None if the response names none."""
    found = (parse_object(answer.content) or {}).get("syncId")
    return canonicalize(found) if is_identifier(found) else None


def extract_processed_ids(answer: CodatResponse, submission: Submission) -> list[str]:
    """Return the transactions that Codat reports as already processed: then it accepted none of the request."""
    text = json.dumps(parse_object(answer.content)).lower()
    if PREVIOUSLY_PROCESSED not in text:
        return []
    return [transaction_id for transaction_id in submission.transaction_ids if transaction_id.lower() in text]


def is_rejection(answer: CodatResponse) -> bool:
    """Return whether the request was certainly rejected: by Codat's API, which answers in JSON, or before it.

    The page of a proxy says nothing about an earlier attempt, which Codat may have accepted.
    """
    if answer.status_code in _STATUSES_BEFORE_KEY_CHECK:
        return True
    is_4xx = HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_4xx and answer.status_code not in _AMBIGUOUS_STATUSES and bool(parse_object(answer.content))


def _require_not_written(records: Mapping[str, Sequence[SyncRecord]], claims: "Claims") -> None:
    """Raise AlreadyWrittenError for transactions that are in the books, whatever the spelling of their ids.

    Codat may compare ids by letter, and then take another spelling for another transaction. Raises
    SubmissionInFlightError if a sync has ended without an outcome for one of them: it may have been written.
    """
    written = []
    for transaction_id, syncs in records.items():
        holder = claims[transaction_id]
        is_processed = holder is not None and transaction_id in holder.already_processed
        if is_processed or any(record.has_written(transaction_id) for record in syncs):
            written.append(transaction_id)
        elif unclear := [record.sync_id for record in syncs if record.is_outcome_unknown(transaction_id)]:
            reason = f"may have been written: sync {unclear[0]} has ended without an outcome for it"
            raise SubmissionInFlightError(transaction_id, reason)
    if written:
        raise AlreadyWrittenError(written)


def _new_submission(write: WriteRequest, now: datetime) -> Submission:
    return Submission(
        submission_id=str(uuid.uuid4()),
        company_id=write.company_id,
        kind=write.kind,
        method=write.method,
        transaction_ids=tuple(body.transaction_id for body in write.bodies),
        idempotency_key=(write.idempotency_key or str(uuid.uuid4())) if write.method == "POST" else None,
        digest=compute_digest(write.text, write.kind),
        state=State.RECORDED,
        recorded_at=now,
        has_caller_key=write.idempotency_key is not None and write.method == "POST",  # A PUT takes none.
    )


def _find_same_request(claims: "Claims", new: Submission) -> Submission | None:
    """Return the submission that claims all transactions, if it is the same request and was not rejected."""
    holders = {holder.submission_id if holder else None: holder for holder in claims.values()}
    if len(holders) != 1:
        return None
    (holder,) = holders.values()
    if holder is None or set(holder.transaction_ids) != set(new.transaction_ids) or not holder.is_repeated_by(new):
        return None
    return holder
