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

from codat_sync.codat.response import Answer
from codat_sync.core.errors import (
    ClaimedError,
    CodatUnavailableError,
    CodatUnreachableError,
    InFlightError,
    SecretUnavailableError,
)
from codat_sync.core.identifiers import canonical, is_identifier
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.errors import GateClosedError, TooBusyError
from codat_sync.submissions.expense_schemas import Body, Kind
from codat_sync.submissions.submission import IN_FLIGHT, NOT_LOOKED_AT, PROCESSED, State, Submission, digest_of
from codat_sync.syncs.items import COMPLETED
from codat_sync.syncs.repository import SubmittedSync

if TYPE_CHECKING:
    from codat_sync.submissions.codat_writer import Writer
    from codat_sync.submissions.outcome_lookup import Tracing
    from codat_sync.submissions.repository import Claims, SubmissionStore
    from codat_sync.syncs.repository import Store
    from codat_sync.syncs.retry_repository import RetryStore

_MOST_RACES = 5
# The request is still running, or was not waited for: it may yet have taken effect.
# Nor has Codat looked at a key whose company it does not find, or at a body that is too large for what is before it.
_BEFORE_THE_KEY = NOT_LOOKED_AT | {HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
_UNDECIDED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}


@dataclass(frozen=True, slots=True)
class Write:
    """A request of a product's that writes. ``text`` is its body as it came."""

    company_id: str
    kind: Kind
    method: Literal["POST", "PUT"]
    text: str
    bodies: tuple[Body, ...]
    idempotency_key: str | None
    correlation_id: str


@dataclass(frozen=True)
class Submitting:
    """How what a product writes gets to Codat."""

    writer: "Writer"
    submissions: "SubmissionStore"
    store: "Store"
    retries: "RetryStore"
    tracing: "Tracing"
    schedule: Schedule
    now: Callable[[], datetime]

    def submit(self, write: Write) -> Answer:
        """Record ``write``, send it, and return Codat's answer, or the one of the first time if it came twice.

        Raises InFlightError if a transaction has another submission in flight; CodatUnavailableError if Codat's answer
        is not known; CodatError, ForgottenError, TooBusyError and SecretUnavailableError if nothing was sent.
        """
        new = _new(write, self.now())
        for _ in range(_MOST_RACES):
            try:
                return self.send(self._claimed(new, write), write)
            except ClaimedError:
                continue
        raise InFlightError(new.transaction_ids[0], "is being submitted by many at once")

    def keep(self, write: Write) -> None:
        """Keep the body of what the product sends to Codat itself, so that it can be created again if it fails.

        Nothing is sent, so nothing is written. What waits for another body is planned anew. Raises ForgottenError.
        """
        now = self.now()
        self.submissions.keep(replace(_new(write, now), state=State.KEPT, idempotency_key=None), write.bodies)
        for body in write.bodies:
            for sync_id in self.store.load_syncs_of_transaction(write.company_id, body.transaction_id):
                self.retries.wake(write.company_id, sync_id, now)

    def send(self, submission: Submission, write: Write) -> Answer:
        """Send what was recorded, unless it was sent before and may have arrived. Raises what ``submit`` does.

        It can't be written twice: only who marks it as sent sends it, or who sends it again with a key that Codat
        still knows, and answers as it did the first time.
        """
        if submission.state is State.ANSWERED and submission.sync_id:
            return self._as_before(submission, submission.sync_id)
        is_first = submission.state is State.RECORDED
        if is_first:
            submission = self.submissions.mark_sent(submission, self.now())
        elif (traced := self._traced(submission)) is not None:
            return traced
        try:
            answer = self._write(submission, write.text)
        except (CodatUnreachableError, GateClosedError, SecretUnavailableError, TooBusyError) as error:
            if is_first:
                self.submissions.mark_refused(submission, None, f"not sent: {type(error).__name__}")
            raise
        except CodatUnavailableError:
            with suppress(ClaimedError):
                self.submissions.mark_unknown(submission, None)
            raise
        # Who was quicker has found the same in Codat's list. What was sent is not begun anew for that.
        with suppress(ClaimedError):
            self._record(submission, answer, write.correlation_id, is_first=is_first)
        return answer

    def _write(self, submission: Submission, text: str) -> Answer:
        if submission.method == "POST" and submission.idempotency_key:
            return self.writer.create(submission.company_id, submission.kind, text, submission.idempotency_key)
        (transaction_id,) = submission.transaction_ids
        return self.writer.put(submission.company_id, submission.kind, transaction_id, text)

    def _claimed(self, new: Submission, write: Write) -> Submission:
        """Return the submission that claims all transactions of ``write``: a new one, or this very one from before."""
        claims = self.submissions.load_claims(new.company_id, new.transaction_ids)
        if same := _the_same(claims, new) or self._transferred(claims, new):
            return same
        for transaction_id, holder in claims.items():
            if holder:
                self.require_free(transaction_id, holder)
            for sync_id in self.store.load_syncs_of_transaction(new.company_id, transaction_id):
                self._require_ended(transaction_id, sync_id)  # whoever has started it
        self.submissions.record(new, write.bodies, claims)
        return new

    def _transferred(self, claims: "Claims", new: Submission) -> Submission | None:
        """Return the transfer that ``new`` is once more, unless that failed. Raises InFlightError for another one.

        Its PUT creates, and takes no key; and nowhere does Codat say that it refuses one that it has.
        """
        if new.kind is not Kind.TRANSFER:
            return None
        ((transaction_id, holder),) = claims.items()
        if holder and holder.state in {State.SENT, State.UNKNOWN}:
            self.require_free(transaction_id, holder)  # which finds out what became of it
            holder = self.submissions.load_claims(new.company_id, new.transaction_ids)[transaction_id]
        if holder is None or holder.state is not State.ANSWERED or not holder.sync_id:
            return None
        document = self.store.load_sync(holder.sync_id)
        is_open = document is None or document.sync is None or not document.sync.is_final
        items = document.items if document else ()
        is_written = any(item.status == COMPLETED for item in items if item.transaction_id == transaction_id)
        if holder.digest == new.digest:
            return holder if is_open or is_written else None
        if is_written:
            raise InFlightError(transaction_id, "is a transfer that is written already")
        return None

    def require_free(self, transaction_id: str, holder: Submission) -> None:
        """Return if what claims the transaction can't be written by Codat any more. Raises InFlightError."""
        now = self.now()
        match holder.state:
            case State.REFUSED:
                return
            case State.RECORDED if now - holder.recorded_at >= IN_FLIGHT:
                # Whoever recorded it has crashed. It can't be sent any more: it would have to be marked as sent first.
                self.submissions.mark_refused(holder, None, "abandoned before it was sent")
            case State.ANSWERED if holder.sync_id:
                self._require_ended(transaction_id, holder.sync_id)
            case State.SENT | State.UNKNOWN if now - (holder.sent_at or now) >= IN_FLIGHT:
                found = self._find(holder, None)
                if found is None:
                    raise InFlightError(transaction_id, "may have been written: Codat's answer is not known")
                self._require_ended(transaction_id, found)
            case _:
                raise InFlightError(transaction_id, "is being submitted just now")

    def _require_ended(self, transaction_id: str, sync_id: str) -> None:
        document = self.store.load_sync(sync_id)
        if document is None or document.sync is None or not document.sync.is_final:
            raise InFlightError(transaction_id, f"is in sync {sync_id}, which has not ended")

    def _traced(self, submission: Submission) -> Answer | None:
        """Return the answer to a submission that was sent before, None if it may be sent again."""
        now = self.now()
        if submission.state is State.SENT and now - (submission.sent_at or now) < IN_FLIGHT:
            raise InFlightError(submission.transaction_ids[0], "is being submitted just now")
        found = self._find(submission, _status_of(submission))
        if found is not None:
            return self._as_before(submission, found)
        if submission.may_be_sent_again(now):
            return None
        raise InFlightError(submission.transaction_ids[0], "may have been written: Codat's answer is not known")

    def _find(self, submission: Submission, told: int | None) -> str | None:
        """Return the sync that Codat made of a submission whose answer was lost, None if it lists none (yet).

        ``told`` is the status with which its caller is told of it, None if it is somebody else who asks. A sync that
        was known before the submission was recorded is of another one.
        """
        company_id, ids = submission.company_id, submission.transaction_ids
        before = self.store.load_syncs_before(company_id, ids, submission.recorded_at)
        before |= self.submissions.load_syncs_of_others(submission)
        sync_id = self._known(submission, before) or self.tracing.find(submission, before)
        if sync_id is not None:
            self._answered(submission, sync_id, told, f"lost-{submission.submission_id}")
        return sync_id

    def _known(self, submission: Submission, before: Collection[str]) -> str | None:
        """Return the sync that we know already to have the transactions of the submission and no others."""
        company_id, wanted = submission.company_id, set(submission.transaction_ids)
        for sync_id in self.store.load_syncs_of_transaction(company_id, submission.transaction_ids[0]):
            document = None if sync_id in before else self.store.load_sync(sync_id)
            if document and {item.transaction_id for item in document.items} == wanted:
                return sync_id
        return None

    def _answered(self, submission: Submission, sync_id: str, status: int | None, correlation_id: str) -> None:
        now = self.now()
        submitted = SubmittedSync(submission.company_id, sync_id, submission.transaction_ids, submission.retry_of)
        self.store.announce(submitted, self.schedule.submitted(now, correlation_id), now)
        self.submissions.mark_answered(submission, sync_id, status)

    def _as_before(self, submission: Submission, sync_id: str) -> Answer:
        """Return what Codat answered, or would have."""
        known = submission.answer_status if submission.state is State.ANSWERED else None
        status = known or _status_of(submission)
        if submission.state is State.ANSWERED and known is None:
            self.submissions.mark_answered(submission, sync_id, status)
        headers = {"content-type": "application/json"}
        content = json.dumps({"syncId": sync_id}).encode()
        return Answer(status, "", headers, content, self.now())

    def _record(self, submission: Submission, answer: Answer, correlation_id: str, *, is_first: bool) -> None:
        """Keep what an answer says. Whatever crashes before that is found by the sync's transactions."""
        sync_id = sync_id_of(answer)
        if answer.status_code < HTTPStatus.BAD_REQUEST and sync_id:
            self._answered(submission, sync_id, answer.status_code, correlation_id)
        elif not is_first and answer.status_code in _BEFORE_THE_KEY:
            return  # It says nothing of the first time.
        elif not is_refusal(answer):
            self.submissions.mark_unknown(submission, answer.status_code)
        else:
            why = f"HTTP {answer.status_code}"
            self.submissions.mark_refused(submission, answer.status_code, why, processed_ids(answer, submission))


def _status_of(submission: Submission) -> HTTPStatus:
    """Return the status with which Codat takes a request."""
    is_update = submission.method == "PUT" and submission.kind is not Kind.TRANSFER
    return HTTPStatus.ACCEPTED if is_update else HTTPStatus.OK


def sync_id_of(answer: Answer) -> str | None:
    """Return the sync that Codat says it made, None if it names none."""
    found = _said(answer).get("syncId")
    return canonical(found) if is_identifier(found) else None


def processed_ids(answer: Answer, submission: Submission) -> list[str]:
    """Return those transactions of a submission that Codat says it has already: it took none of the request then."""
    text = json.dumps(_said(answer)).lower()
    if PROCESSED not in text:
        return []
    return [transaction_id for transaction_id in submission.transaction_ids if transaction_id.lower() in text]


def _said(answer: Answer) -> dict[str, object]:
    try:
        value = json.loads(answer.content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_refusal(answer: Answer) -> bool:
    """Return whether Codat has not taken the request, and said so."""
    is_4xx = HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_4xx and answer.status_code not in _UNDECIDED


def _new(write: Write, now: datetime) -> Submission:
    return Submission(
        submission_id=str(uuid.uuid4()),
        company_id=write.company_id,
        kind=write.kind,
        method=write.method,
        transaction_ids=tuple(body.transaction_id for body in write.bodies),
        idempotency_key=(write.idempotency_key or str(uuid.uuid4())) if write.method == "POST" else None,
        digest=digest_of(write.text, write.kind),
        state=State.RECORDED,
        recorded_at=now,
        is_key_given=write.idempotency_key is not None and write.method == "POST",  # A PUT takes none.
    )


def _the_same(claims: "Claims", new: Submission) -> Submission | None:
    """Return what claims all of the transactions, if it is this very request and was not refused."""
    holders = {holder.submission_id if holder else None: holder for holder in claims.values()}
    if len(holders) != 1:
        return None
    (holder,) = holders.values()
    if holder is None or set(holder.transaction_ids) != set(new.transaction_ids) or not holder.is_repeated_by(new):
        return None
    return holder
