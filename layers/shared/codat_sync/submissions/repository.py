"""Store submissions in SyncTable, with the claims of their transactions and the bodies."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    BODY_PREFIX,
    COMPANY,
    body_key,
    claim_key,
    company_key,
    due_index_keys,
    is_body,
    submission_key,
    unknown_index_keys,
)
from codat_sync.companies.tombstones import NOT_ERASED, is_erased, require_not_erased
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ClaimConflictError, CompanyErasedError, ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.submission import FIRST_LOOKUP, Resolution, State, Submission

_VERSION = 1
# A known outcome is neither looked up again nor listed as unknown.
_OUTCOME_KNOWN = {**due_index_keys(None), **unknown_index_keys(None)}

# The submission that claims each transaction; None if none does.
Claims = dict[str, Submission | None]


class SubmissionRepository:
    """Load and store submissions, claims and bodies.

    While a submission is in flight it has a due time, from the write that records it to the one that records its
    outcome: whatever happens in between, its outcome is looked up.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_claims(self, company_id: str, transaction_ids: Sequence[str]) -> Claims:
        """Load the submission that claims each transaction, read consistently.

        Raises CompanyErasedError and UnprocessedItemsError.
        """
        keys = (claim_key(company_id, transaction_id) for transaction_id in transaction_ids)
        found = self._table.get([company_key(company_id), *keys])
        claims = [item for item in found if item["sk"] != COMPANY]
        if any(is_erased(item) for item in found):
            raise CompanyErasedError(company_id)
        claimed = {claim["transactionId"]: claim["submissionId"] for claim in claims}
        submissions = {
            item["submissionId"]: read_submission(item)
            for item in self._table.get(map(submission_key, set(claimed.values())))
        }
        return {each: submissions.get(claimed.get(each, "")) for each in transaction_ids}

    def record(self, submission: Submission, bodies: Iterable[Body], claims: Claims) -> None:
        """Store the bodies; then claim the transactions from their holders and record the submission, atomically.

        This succeeds only while the company is not erased: so nothing of an erased company is ever sent. Raises
        ClaimConflictError if another submission was faster.
        """
        self._put_bodies(submission, bodies)
        try:
            self._table.transact(
                [
                    (self._claim(submission, transaction_id), {"submissionId": holder and holder.submission_id})
                    for transaction_id, holder in claims.items()
                ]
                + [
                    (
                        submission_key(submission.submission_id)
                        | _write(submission)
                        | _due_at(submission.recorded_at + FIRST_LOOKUP),
                        {"submissionId": None},
                    )
                ],
                checks=[(company_key(submission.company_id), NOT_ERASED)],
            )
        except ConditionFailedError as error:
            raise ClaimConflictError("another submission has claimed one of the transactions") from error

    def store(self, submission: Submission, bodies: Iterable[Body]) -> None:
        """Store a submission that the product sends itself, with its bodies. Raises CompanyErasedError."""
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
        """Mark the submission as about to be sent, and return it. Only the caller that marked it may send it.

        Raises ClaimConflictError.
        """
        changes = {"state": State.SENT.value, "sentAt": format_timestamp(now), **_due_at(now + FIRST_LOOKUP)}
        self._change(submission, changes)
        return replace(submission, state=State.SENT, sent_at=now)

    def mark_accepted(self, submission: Submission, sync_id: str, status: int | None) -> None:
        """Record Codat's sync of the submission, and the status returned to its caller. Raises ClaimConflictError."""
        changes = {"state": State.ACCEPTED.value, "syncId": sync_id, "answerStatus": status}
        self._change(submission, {**changes, **_OUTCOME_KNOWN})

    def mark_unknown(self, submission: Submission, status: int | None) -> None:
        """Record that the submission's outcome is unknown, and no response will follow. Raises ClaimConflictError."""
        self._change(submission, {"state": State.UNKNOWN.value, "answerStatus": status})

    def mark_rejected(
        self, submission: Submission, status: int | None, reason: str, already_processed: Iterable[str] = ()
    ) -> None:
        """Record that Codat rejected the submission, and which transactions it reported as already processed.

        A rejected submission no longer holds its claims. Raises ClaimConflictError.
        """
        changes = {
            "state": State.REJECTED.value,
            "answerStatus": status,
            "rejectionReason": reason,
            "alreadyProcessed": sorted(already_processed),
        }
        self._change(submission, {**changes, **_OUTCOME_KNOWN})

    def mark_resolved(self, submission: Submission, resolution: Resolution, written: Collection[str]) -> None:
        """Record an operator's statement which of the transactions are written. The claims are released.

        Raises ClaimConflictError.
        """
        changes = {
            "state": State.ACCEPTED.value if written else State.REJECTED.value,
            "answerStatus": None,
            "rejectionReason": None if written else f"not written, says {resolution.by}: {resolution.reason}",
            "alreadyProcessed": sorted(written),
            "resolution": {
                "by": resolution.by,
                "reason": resolution.reason,
                "at": format_timestamp(resolution.at),
            },
        }
        self._change(submission, {**changes, **_OUTCOME_KNOWN})

    def schedule_lookup(self, submission: Submission, due_at: datetime | None, *, reported_at: datetime | None) -> None:
        """Set when the submission's outcome is looked up next (None: no more); from ``reported_at`` on, list it.

        Raises ClaimConflictError.
        """
        due = format_timestamp(due_at) if due_at else None
        changes: Attributes = {**due_index_keys(due)}
        if reported_at:
            reported = format_timestamp(reported_at)
            position = f"{format_timestamp(submission.began_at)}#{submission.submission_id}"
            changes |= {"reportedAt": reported, **unknown_index_keys(position)}
            changes["summary"] = _summary(submission) | {
                "transactionIds": list(submission.transaction_ids),
                "since": format_timestamp(submission.began_at),
                "reportedAt": reported,
                "nextLookupAt": due,
            }
        self._change(submission, changes, {"reportedAt": _timestamp_or_none(submission.reported_at)})

    def clear_due(self, submission: Submission) -> None:
        """Clear the due time of a submission whose outcome is known. Raises ClaimConflictError."""
        self._change(submission, _OUTCOME_KNOWN)

    def load(self, submission_id: str) -> Submission | None:
        """Load a submission, None if there is none. Raises UnprocessedItemsError."""
        found = self._table.get([submission_key(submission_id)])
        return read_submission(found[0]) if found else None

    def load_submissions(self, company_id: str, transaction_id: str) -> list[tuple[Submission, Body]]:
        """Load every submission of a transaction with its body, oldest first, including stored bodies.

        A body that was purged for its age is empty.
        """
        bodies = self._table.query(claim_key(company_id, transaction_id)["pk"], BODY_PREFIX)
        texts = {item["sk"].removeprefix(BODY_PREFIX): item for item in bodies}
        found = self._table.get(map(submission_key, texts))
        attempts = [
            (read_submission(item), Body(transaction_id, texts[item["submissionId"]].get("body", ""))) for item in found
        ]
        return sorted(attempts, key=lambda each: each[0].recorded_at)

    def load_of_transactions(self, company_id: str, transaction_ids: Iterable[str]) -> list[Submission]:
        """Load every submission of some transactions, oldest first, without their bodies: a query for each of them.

        Raises UnprocessedItemsError.
        """
        partitions = (claim_key(company_id, each)["pk"] for each in transaction_ids)
        keys = (item for pk in partitions for item in self._table.query_partition(pk, ("pk", "sk")))
        ids = dict.fromkeys(key["sk"].removeprefix(BODY_PREFIX) for key in keys if is_body(key))
        found = map(read_submission, self._table.get(map(submission_key, ids)))
        return sorted(found, key=lambda each: each.recorded_at)

    def load_sync_ids_of_other_submissions(self, submission: Submission) -> set[str]:
        """Load the ids of the syncs that belong to other submissions of the same transactions."""
        found = (
            other
            for transaction_id in submission.transaction_ids
            for other, _ in self.load_submissions(submission.company_id, transaction_id)
        )
        return {other.sync_id for other in found if other.sync_id and other.submission_id != submission.submission_id}

    def _change(
        self,
        submission: Submission,
        changes: Mapping[str, object],
        expected: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        key, state = submission_key(submission.submission_id), {"state": submission.state.value}
        try:
            self._table.update(dict(key), changes, {**state, **expected}, increment="version")
        except ConditionFailedError as error:
            raise ClaimConflictError(f"submission {submission.submission_id} was changed concurrently") from error

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
        "summary": _summary(submission),
        "retryOf": submission.retry_of,
        "hasCallerKey": submission.has_caller_key,
    }


def _due_at(moment: datetime) -> dict[str, str | None]:
    return due_index_keys(format_timestamp(moment))


def _summary(submission: Submission) -> Attributes:
    return {"companyId": submission.company_id, "submissionId": submission.submission_id}


def read_submission(values: Mapping[str, Any]) -> Submission:
    """Read a submission from its item's ``values``. Attributes that an older version omitted are empty."""
    return Submission(
        submission_id=values["submissionId"],
        company_id=values["companyId"],
        kind=Kind(values["kind"]),
        method=values["method"],
        transaction_ids=tuple(values["transactionIds"]),
        idempotency_key=values.get("idempotencyKey"),
        digest=values["digest"],
        # An unknown state may mean written: its outcome is looked up, and it is never simply sent again.
        state=parse_enum(State, values["state"], State.UNKNOWN),
        recorded_at=_parse_required_timestamp(values["recordedAt"]),
        sent_at=parse_timestamp(values.get("sentAt")),
        sync_id=values.get("syncId"),
        answer_status=_int_or_none(values.get("answerStatus")),
        retry_of=values.get("retryOf"),
        already_processed=frozenset(values.get("alreadyProcessed", ())),
        rejection_reason=values.get("rejectionReason"),
        has_caller_key=values.get("hasCallerKey", False),
        reported_at=parse_timestamp(values.get("reportedAt")),
        resolution=_read_resolution(values.get("resolution")),
    )


def _read_resolution(values: Attributes | None) -> Resolution | None:
    if not values:
        return None
    return Resolution(values["by"], values["reason"], _parse_required_timestamp(values["at"]))


def _parse_required_timestamp(text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:
        raise ValueError(f"invalid timestamp: {text}")
    return moment


def _timestamp_or_none(moment: datetime | None) -> str | None:
    return format_timestamp(moment) if moment else None


def _int_or_none(value: object) -> int | None:
    return None if value is None else int(str(value))
