"""Submitting: what a product writes is recorded, sent on, and known from then on.

Why no expense is written twice: a submission is recorded, and claims its transactions, before it is sent; only who has
marked it as sent sends it; a transaction that is claimed is not sent again before it is known what became of it. The
same request again is sent again only with the key under which Codat answers as it did the first time.
"""

import json
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from codat_sync.codat.response import CodatResponse
from codat_sync.core.errors import (
    ClaimConflictError,
    CodatUnavailableError,
    CodatUnreachableError,
    SecretUnavailableError,
    SubmissionInFlightError,
)
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError
from codat_sync.submissions.expense_schemas import Body, Kind
from codat_sync.submissions.submission import (
    IN_FLIGHT_TIMEOUT,
    PREVIOUSLY_PROCESSED,
    UNPROCESSED_STATUSES,
    State,
    Submission,
    compute_digest,
)
from codat_sync.syncs.items import COMPLETED
from codat_sync.syncs.repository import SubmittedSync

if TYPE_CHECKING:
    from codat_sync.submissions.codat_writer import CodatWriter
    from codat_sync.submissions.outcome_lookup import OutcomeLookup
    from codat_sync.submissions.repository import Claims, SubmissionRepository
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

_MAX_ATTEMPTS = 5
# The request is still running, or was not waited for: it may yet have taken effect.
# Nor has Codat looked at a key whose company it does not find, or at a body that is too large for what is before it.
_STATUSES_BEFORE_KEY_CHECK = UNPROCESSED_STATUSES | {HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
_AMBIGUOUS_STATUSES = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A request of a product's that writes. ``text`` is its body as it came."""

    company_id: str
    kind: Kind
    method: Literal["POST", "PUT"]
    text: str
    bodies: tuple[Body, ...]
    idempotency_key: str | None
    correlation_id: str


@dataclass(frozen=True)
class SubmissionService:
    """How what a product writes gets to Codat."""

    writer: "CodatWriter"
    submissions: "SubmissionRepository"
    store: "SyncRepository"
    retries: "RetryRepository"
    outcome_lookup: "OutcomeLookup"
    schedule: Schedule
    now: Callable[[], datetime]

    def submit(self, write: WriteRequest) -> CodatResponse:
        """Record ``write``, send it, and return Codat's answer, or the one of the first time if it came twice.

        Raises SubmissionInFlightError if a transaction has another submission in flight; CodatUnavailableError if
        Codat's answer is not known; CodatError, CompanyErasedError, RateLimitExceededError and SecretUnavailableError
        if nothing was sent.
        """
        new = _new_submission(write, self.now())
        for _ in range(_MAX_ATTEMPTS):
            try:
                return self.send(self._claim(new, write), write)
            except ClaimConflictError:
                continue
        raise SubmissionInFlightError(new.transaction_ids[0], "is being submitted by many at once")

    def store_body(self, write: WriteRequest) -> None:
        """Keep the body of what the product sends to Codat itself, so that it can be created again if it fails.

        Nothing is sent, so nothing is written. What waits for another body is planned anew. Raises CompanyErasedError.
        """
        now = self.now()
        self.submissions.store(
            replace(_new_submission(write, now), state=State.STORED, idempotency_key=None), write.bodies
        )
        for body in write.bodies:
            for sync_id in self.store.load_sync_ids_of_transaction(write.company_id, body.transaction_id):
                self.retries.reschedule(write.company_id, sync_id, now)

    def send(self, submission: Submission, write: WriteRequest) -> CodatResponse:
        """Send what was recorded, unless it was sent before and may have arrived. Raises what ``submit`` does.

        It can't be written twice: only who marks it as sent sends it, or who sends it again with a key that Codat
        still knows, and answers as it did the first time.
        """
        if submission.state is State.ACCEPTED and submission.sync_id:
            return self._replay_answer(submission, submission.sync_id)
        is_first = submission.state is State.RECORDED
        if is_first:
            submission = self.submissions.mark_sent(submission, self.now())
        elif (traced := self._resume_sent(submission)) is not None:
            return traced
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
        # Who was quicker has found the same in Codat's list. What was sent is not begun anew for that.
        with suppress(ClaimConflictError):
            self._record_answer(submission, answer, write.correlation_id, is_first=is_first)
        return answer

    def _write(self, submission: Submission, text: str) -> CodatResponse:
        if submission.method == "POST" and submission.idempotency_key:
            return self.writer.create(submission.company_id, submission.kind, text, submission.idempotency_key)
        (transaction_id,) = submission.transaction_ids
        return self.writer.put(submission.company_id, submission.kind, transaction_id, text)

    def _claim(self, new: Submission, write: WriteRequest) -> Submission:
        """Return the submission that claims all transactions of ``write``: a new one, or this very one from before."""
        claims = self.submissions.load_claims(new.company_id, new.transaction_ids)
        if same := _find_same_request(claims, new) or self._find_repeated_transfer(claims, new):
            return same
        for transaction_id, holder in claims.items():
            if holder:
                self.require_claim_released(transaction_id, holder)
            for sync_id in self.store.load_sync_ids_of_transaction(new.company_id, transaction_id):
                self._require_sync_ended(transaction_id, sync_id)  # whoever has started it
        self.submissions.record(new, write.bodies, claims)
        return new

    def _find_repeated_transfer(self, claims: "Claims", new: Submission) -> Submission | None:
        """Return the earlier transfer that ``new`` repeats, unless that failed.

        Raises SubmissionInFlightError for another one.

        Its PUT creates, and takes no key; and nowhere does Codat say that it refuses one that it has.
        """
        if new.kind is not Kind.TRANSFER:
            return None
        ((transaction_id, holder),) = claims.items()
        if holder and holder.state in {State.SENT, State.UNKNOWN}:
            self.require_claim_released(transaction_id, holder)  # which finds out what became of it
            holder = self.submissions.load_claims(new.company_id, new.transaction_ids)[transaction_id]
        if holder is None or holder.state is not State.ACCEPTED or not holder.sync_id:
            return None
        document = self.store.load_sync(holder.sync_id)
        is_open = document is None or document.sync is None or not document.sync.is_final
        items = document.items if document else ()
        is_written = any(item.status == COMPLETED for item in items if item.transaction_id == transaction_id)
        if holder.digest == new.digest:
            return holder if is_open or is_written else None
        if is_written:
            raise SubmissionInFlightError(transaction_id, "is a transfer that is written already")
        return None

    def require_claim_released(self, transaction_id: str, holder: Submission) -> None:
        """Return if what claims the transaction can't be written by Codat any more. Raises SubmissionInFlightError."""
        now = self.now()
        match holder.state:
            case State.REJECTED:
                return
            case State.RECORDED if now - holder.recorded_at >= IN_FLIGHT_TIMEOUT:
                # Whoever recorded it has crashed. It can't be sent any more: it would have to be marked as sent first.
                self.submissions.mark_rejected(holder, None, "abandoned before it was sent")
            case State.ACCEPTED if holder.sync_id:
                self._require_sync_ended(transaction_id, holder.sync_id)
            case State.SENT | State.UNKNOWN if now - (holder.sent_at or now) >= IN_FLIGHT_TIMEOUT:
                found = self._find_lost_sync(holder, None)
                if found is None:
                    raise SubmissionInFlightError(transaction_id, "may have been written: Codat's answer is not known")
                self._require_sync_ended(transaction_id, found)
            case _:
                raise SubmissionInFlightError(transaction_id, "is being submitted just now")

    def _require_sync_ended(self, transaction_id: str, sync_id: str) -> None:
        document = self.store.load_sync(sync_id)
        if document is None or document.sync is None or not document.sync.is_final:
            raise SubmissionInFlightError(transaction_id, f"is in sync {sync_id}, which has not ended")

    def _resume_sent(self, submission: Submission) -> CodatResponse | None:
        """Return the answer to a submission that was sent before, None if it may be sent again."""
        now = self.now()
        if submission.state is State.SENT and now - (submission.sent_at or now) < IN_FLIGHT_TIMEOUT:
            raise SubmissionInFlightError(submission.transaction_ids[0], "is being submitted just now")
        found = self._find_lost_sync(submission, _success_status(submission))
        if found is not None:
            return self._replay_answer(submission, found)
        if submission.is_resend_safe(now):
            return None
        raise SubmissionInFlightError(
            submission.transaction_ids[0], "may have been written: Codat's answer is not known"
        )

    def _find_lost_sync(self, submission: Submission, answer_status: int | None) -> str | None:
        """Return the sync that Codat made of a submission whose answer was lost, None if it lists none (yet).

        ``told`` is the status with which its caller is told of it, None if it is somebody else who asks. A sync that
        was known before the submission was recorded is of another one.
        """
        company_id, ids = submission.company_id, submission.transaction_ids
        before = self.store.load_sync_ids_before(company_id, ids, submission.recorded_at)
        before |= self.submissions.load_sync_ids_of_other_submissions(submission)
        sync_id = self._find_known_sync(submission, before) or self.outcome_lookup.find_sync(submission, before)
        if sync_id is not None:
            self._accept(submission, sync_id, answer_status, f"lost-{submission.submission_id}")
        return sync_id

    def _find_known_sync(self, submission: Submission, before: Collection[str]) -> str | None:
        """Return the sync that we know already to have the transactions of the submission and no others."""
        company_id, wanted = submission.company_id, set(submission.transaction_ids)
        for sync_id in self.store.load_sync_ids_of_transaction(company_id, submission.transaction_ids[0]):
            document = None if sync_id in before else self.store.load_sync(sync_id)
            if document and {item.transaction_id for item in document.items} == wanted:
                return sync_id
        return None

    def _accept(self, submission: Submission, sync_id: str, status: int | None, correlation_id: str) -> None:
        now = self.now()
        submitted = SubmittedSync(submission.company_id, sync_id, submission.transaction_ids, submission.retry_of)
        self.store.announce(submitted, self.schedule.after_submission(now, correlation_id), now)
        self.submissions.mark_accepted(submission, sync_id, status)

    def _replay_answer(self, submission: Submission, sync_id: str) -> CodatResponse:
        """Return what Codat answered, or would have."""
        known = submission.answer_status if submission.state is State.ACCEPTED else None
        status = known or _success_status(submission)
        if submission.state is State.ACCEPTED and known is None:
            self.submissions.mark_accepted(submission, sync_id, status)
        headers = {"content-type": "application/json"}
        content = json.dumps({"syncId": sync_id}).encode()
        return CodatResponse(status, "", headers, content, self.now())

    def _record_answer(
        self, submission: Submission, answer: CodatResponse, correlation_id: str, *, is_first: bool
    ) -> None:
        """Keep what an answer says. Whatever crashes before that is found by the sync's transactions."""
        sync_id = extract_sync_id(answer)
        if answer.status_code < HTTPStatus.BAD_REQUEST and sync_id:
            self._accept(submission, sync_id, answer.status_code, correlation_id)
        elif not is_first and answer.status_code in _STATUSES_BEFORE_KEY_CHECK:
            return  # It says nothing of the first time.
        elif not is_rejection(answer):
            self.submissions.mark_unknown(submission, answer.status_code)
        else:
            why = f"HTTP {answer.status_code}"
            self.submissions.mark_rejected(
                submission, answer.status_code, why, extract_processed_ids(answer, submission)
            )


def _success_status(submission: Submission) -> HTTPStatus:
    """Return the status with which Codat takes a request."""
    is_update = submission.method == "PUT" and submission.kind is not Kind.TRANSFER
    return HTTPStatus.ACCEPTED if is_update else HTTPStatus.OK


def extract_sync_id(answer: CodatResponse) -> str | None:
    """Return the sync that Codat says it made, None if it names none."""
    found = _json_object(answer).get("syncId")
    return canonicalize(found) if is_identifier(found) else None


def extract_processed_ids(answer: CodatResponse, submission: Submission) -> list[str]:
    """Return those transactions of a submission that Codat says it has already: it took none of the request then."""
    text = json.dumps(_json_object(answer)).lower()
    if PREVIOUSLY_PROCESSED not in text:
        return []
    return [transaction_id for transaction_id in submission.transaction_ids if transaction_id.lower() in text]


def _json_object(answer: CodatResponse) -> dict[str, object]:
    try:
        value = json.loads(answer.content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_rejection(answer: CodatResponse) -> bool:
    """Return whether Codat has not taken the request, and said so."""
    is_4xx = HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_4xx and answer.status_code not in _AMBIGUOUS_STATUSES


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
    """Return what claims all of the transactions, if it is this very request and was not refused."""
    holders = {holder.submission_id if holder else None: holder for holder in claims.values()}
    if len(holders) != 1:
        return None
    (holder,) = holders.values()
    if holder is None or set(holder.transaction_ids) != set(new.transaction_ids) or not holder.is_repeated_by(new):
        return None
    return holder
