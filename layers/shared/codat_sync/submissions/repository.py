"""Submissions as SyncTable holds them: what was sent, who claims a transaction, and the bodies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import BODY_PREFIX, COMPANY, body_key, claim_key, company_key, submission_key
from codat_sync.companies.tombstones import NOT_ERASED, is_erased, require_not_erased
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ClaimConflictError, CompanyErasedError, ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.submissions.expense_schemas import Body, Kind
from codat_sync.submissions.submission import State, Submission

_VERSION = 1

# For each transaction the submission that claims it, None if none does.
Claims = dict[str, Submission | None]


class SubmissionRepository:
    """The submissions of SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_claims(self, company_id: str, transaction_ids: Sequence[str]) -> Claims:
        """Return who claims each of the transactions, read consistently.

        Raises CompanyErasedError if nothing of the company may be written any more, and UnprocessedItemsError.
        """
        keys = (claim_key(company_id, transaction_id) for transaction_id in transaction_ids)
        found = self._table.get([company_key(company_id), *keys])
        claims = [item for item in found if item["sk"] != COMPANY]
        if any(is_erased(item) for item in found):
            raise CompanyErasedError(company_id)
        claimed = {claim["transactionId"]: claim["submissionId"] for claim in claims}
        submissions = {
            item["submissionId"]: _read(item) for item in self._table.get(map(submission_key, set(claimed.values())))
        }
        return {each: submissions.get(claimed.get(each, "")) for each in transaction_ids}

    def record(self, submission: Submission, bodies: Iterable[Body], claims: Claims) -> None:
        """Keep the bodies; then claim the transactions from who has them now, and record the submission: all or none.

        And only while the company is not forgotten: so nothing of it is sent from then on. Raises ClaimConflictError if
        another was quicker.
        """
        self._put_bodies(submission, bodies)
        try:
            self._table.transact(
                [
                    (self._claim(submission, transaction_id), {"submissionId": holder and holder.submission_id})
                    for transaction_id, holder in claims.items()
                ]
                + [(submission_key(submission.submission_id) | _write(submission), {"submissionId": None})],
                checks=[(company_key(submission.company_id), NOT_ERASED)],
            )
        except ConditionFailedError as error:
            raise ClaimConflictError("another submission has claimed one of the transactions") from error

    def store(self, submission: Submission, bodies: Iterable[Body]) -> None:
        """Keep a submission that is not ours to send, with its bodies. Raises CompanyErasedError."""
        require_not_erased(self._table, submission.company_id)
        self._put_bodies(submission, bodies)
        self._table.put_all([submission_key(submission.submission_id) | _write(submission)])

    def _put_bodies(self, submission: Submission, bodies: Iterable[Body]) -> None:
        self._table.put_all(
            body_key(submission.company_id, body.transaction_id, submission.submission_id)
            | {
                "v": _VERSION,
                "kind": submission.kind.value,
                "method": submission.method,
                "body": body.text,
                "recordedAt": format_timestamp(submission.recorded_at),
            }
            for body in bodies
        )

    def mark_sent(self, submission: Submission, now: datetime) -> Submission:
        """Say that the submission is about to be sent, and return it so: only who said it may send it.

        Raises ClaimConflictError.
        """
        self._change(submission, {"state": State.SENT.value, "sentAt": format_timestamp(now)})
        return replace(submission, state=State.SENT, sent_at=now)

    def mark_accepted(self, submission: Submission, sync_id: str, status: int | None) -> None:
        """Say which sync Codat made of the submission, and what its caller is told. Raises ClaimConflictError."""
        changes = {"state": State.ACCEPTED.value, "syncId": sync_id, "answerStatus": status}
        self._change(submission, changes)

    def mark_unknown(self, submission: Submission, status: int | None) -> None:
        """Say that there will be no answer that tells what became of the submission. Raises ClaimConflictError."""
        self._change(submission, {"state": State.UNKNOWN.value, "answerStatus": status})

    def mark_rejected(
        self, submission: Submission, status: int | None, why: str, already_processed: Iterable[str] = ()
    ) -> None:
        """Say that Codat did not take the submission, and of which transactions it said that it has them already.

        Who was refused claims nothing any more. Raises ClaimConflictError.
        """
        changes = {
            "state": State.REJECTED.value,
            "answerStatus": status,
            "rejectionReason": why,
            "alreadyProcessed": sorted(already_processed),
        }
        self._change(submission, changes)

    def load_submissions(self, company_id: str, transaction_id: str) -> list[tuple[Submission, Body]]:
        """Return every submission of a transaction with the body that was sent, oldest first; recorded bodies too.

        A body that was too old to be kept is empty.
        """
        bodies = self._table.query(claim_key(company_id, transaction_id)["pk"], BODY_PREFIX)
        texts = {item["sk"].removeprefix(BODY_PREFIX): item for item in bodies}
        found = self._table.get(map(submission_key, texts))
        known = [(_read(item), Body(transaction_id, texts[item["submissionId"]].get("body", ""))) for item in found]
        return sorted(known, key=lambda each: each[0].recorded_at)

    def load_sync_ids_of_other_submissions(self, submission: Submission) -> set[str]:
        """Return the syncs that Codat has made of other submissions of the same transactions."""
        found = (
            other
            for transaction_id in submission.transaction_ids
            for other, _ in self.load_submissions(submission.company_id, transaction_id)
        )
        return {other.sync_id for other in found if other.sync_id and other.submission_id != submission.submission_id}

    def _change(self, submission: Submission, changes: Mapping[str, object]) -> None:
        try:
            self._table.update(submission_key(submission.submission_id), changes, {"state": submission.state.value})
        except ConditionFailedError as error:
            raise ClaimConflictError(f"submission {submission.submission_id} has moved on") from error

    def _claim(self, submission: Submission, transaction_id: str) -> Attributes:
        return claim_key(submission.company_id, transaction_id) | {
            "v": _VERSION,
            "transactionId": transaction_id,
            "submissionId": submission.submission_id,
            "claimedAt": format_timestamp(submission.recorded_at),
        }


def _write(submission: Submission) -> Attributes:
    return {
        "v": _VERSION,
        "submissionId": submission.submission_id,
        "companyId": submission.company_id,
        "kind": submission.kind.value,
        "method": submission.method,
        "transactionIds": list(submission.transaction_ids),
        "idempotencyKey": submission.idempotency_key,
        "digest": submission.digest,
        "state": submission.state.value,
        "recordedAt": format_timestamp(submission.recorded_at),
        "retryOf": submission.retry_of,
        "hasCallerKey": submission.has_caller_key,
    }


def _read(values: Attributes) -> Submission:
    return Submission(
        submission_id=values["submissionId"],
        company_id=values["companyId"],
        kind=Kind(values["kind"]),
        method=values["method"],
        transaction_ids=tuple(values["transactionIds"]),
        idempotency_key=values.get("idempotencyKey"),
        digest=values["digest"],
        # What is not known may have been written: it is looked for, and never simply sent again.
        state=parse_enum(State, values["state"], State.UNKNOWN),
        recorded_at=_parse_required_timestamp(values["recordedAt"]),
        sent_at=parse_timestamp(values.get("sentAt")),
        sync_id=values.get("syncId"),
        answer_status=_int_or_none(values.get("answerStatus")),
        retry_of=values.get("retryOf"),
        already_processed=frozenset(values.get("alreadyProcessed", ())),
        rejection_reason=values.get("rejectionReason"),
        has_caller_key=values.get("hasCallerKey", False),
    )


def _parse_required_timestamp(text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:
        raise ValueError(f"not a time: {text}")
    return moment


def _int_or_none(value: object) -> int | None:
    return None if value is None else int(str(value))
