"""Bugs to put in: each removes one of the mechanisms that keep an expense from being written twice."""

import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count

import pytest

from codat_sync.aws.table_schema import submission_key
from codat_sync.codat.response import CodatResponse
from codat_sync.core.timestamps import format_timestamp
from codat_sync.retries import planner as plan_module
from codat_sync.retries.planner import TransactionHistory
from codat_sync.retries.service import RetryService
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.submissions import repository as repository_module
from codat_sync.submissions import service as submit_module
from codat_sync.submissions import submission as submission_module
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.repository import Claims, SubmissionRepository, _due_at, _write
from codat_sync.submissions.service import SubmissionService
from codat_sync.submissions.submission import State, Submission
from tests.property.seeded_bugs import Bug

Patch = pytest.MonkeyPatch


def claims_without_condition(patch: Patch) -> None:
    """Claim a transaction without checking for a concurrent claim."""

    def record(self: SubmissionRepository, submission: Submission, bodies: Iterable[Body], claims: Claims) -> None:
        self._put_bodies(submission, bodies)
        self._table.put_all(
            [self._claim(submission, each) for each in claims]
            + [submission_key(submission.submission_id) | _write(submission) | _due_at(submission.recorded_at)]
        )

    patch.setattr(SubmissionRepository, "record", record)


def unknown_is_not_written(patch: Patch) -> None:
    """Take a request without an answer for not written."""
    real = SubmissionService.require_claim_released

    def require_claim_released(self: SubmissionService, transaction_id: str, holder: Submission) -> None:
        if holder.state not in {State.SENT, State.UNKNOWN}:
            real(self, transaction_id, holder)

    patch.setattr(SubmissionService, "require_claim_released", require_claim_released)


def expired_keys_are_sent(patch: Patch) -> None:
    """Believe that an idempotency key is valid for a day, and do not look up the outcome."""
    patch.setattr(submission_module, "KEY_REUSE_WINDOW", timedelta(days=1))
    patch.setattr(OutcomeLookup, "find_sync", lambda *_: None)


def open_syncs_are_ended(patch: Patch) -> None:
    """Resubmit what has failed once without waiting for the sync to end."""
    patch.setattr(plan_module, "_plan_in_progress", lambda *_: None)
    patch.setattr(plan_module, "_plan_unknown", lambda *_: None)


def open_syncs_free(patch: Patch) -> None:
    """Let a product submit again while the earlier sync is open."""
    patch.setattr(SubmissionService, "_require_sync_ended", lambda self, _, sync_id: self.store.load_sync(sync_id))


def failures_are_refusals(patch: Patch) -> None:
    """Take a 5xx answer for not written."""
    patch.setattr(submit_module, "is_rejection", lambda answer: answer.status_code >= HTTPStatus.BAD_REQUEST)


def sent_without_condition(patch: Patch) -> None:
    """Send a recorded request without checking that no other run has sent or replaced it.

    Two runs with the same POST have the same idempotency key, and Codat answers the second as the first. A PUT reveals
    the bug, or a run so slow that another one takes it for crashed.
    """

    def mark_sent(self: SubmissionRepository, submission: Submission, now: datetime) -> Submission:
        changes = {"state": State.SENT.value, "sentAt": format_timestamp(now), **_due_at(now)}
        self._table.update(submission_key(submission.submission_id), changes, {})
        return replace(submission, state=State.SENT, sent_at=now)

    patch.setattr(SubmissionRepository, "mark_sent", mark_sent)


def claims_are_read_last(patch: Patch) -> None:
    """Take over the current claims in a retry: its plan may be older than the submission that holds them."""
    real = SubmissionRepository.record

    def record(self: SubmissionRepository, submission: Submission, bodies: Iterable[Body], claims: Claims) -> None:
        if submission.retry_of:
            self._put_bodies(submission, bodies)
            claims = self.load_claims(submission.company_id, list(claims))
        real(self, submission, bodies, claims)

    patch.setattr(SubmissionRepository, "record", record)


def claims_are_read_after_the_rest(patch: Patch) -> None:
    """Plan a retry from data read before the claims: a submission in between is missing in the plan."""
    settled_claims, load, read = RetryService._settle_claims, TransactionHistories.load, threading.local()  # noqa: SLF001

    def read_late(self: RetryService, company_id: str, names: Sequence[str]) -> Claims:
        read.histories = load(self.histories, company_id, names)
        return settled_claims(self, company_id, names)

    def read_early(self: TransactionHistories, company_id: str, names: Iterable[str]) -> dict[str, TransactionHistory]:
        return vars(read).pop("histories", None) or load(self, company_id, names)

    patch.setattr(RetryService, "_settle_claims", read_late)
    patch.setattr(TransactionHistories, "load", read_early)


def updates_are_repeated(patch: Patch) -> None:
    """Repeat a PUT whose answer is unknown, as if it had an idempotency key."""
    patch.setattr(Submission, "is_resend_safe", lambda *_: True)


def repeats_have_new_keys(patch: Patch) -> None:
    """Repeat a request under a new idempotency key."""
    real, numbers = CodatWriter.create, count(1)

    def create(self: CodatWriter, company_id: str, kind: Kind, text: str, _: str) -> CodatResponse:
        return real(self, company_id, kind, text, str(uuid.UUID(int=next(numbers), version=4)))

    patch.setattr(CodatWriter, "create", create)


def written_updates_are_retried(patch: Patch) -> None:
    """Resubmit what failed in a sync whatever happened since: Codat does not reject an update as already processed."""
    patch.setattr(plan_module, "_plan_written", lambda *_: None)
    patch.setattr(plan_module, "_plan_unknown", lambda *_: None)


def submissions_are_not_due(patch: Patch) -> None:
    """Record and send submissions without a time at which their outcome is looked up."""
    patch.setattr(repository_module, "_due_at", lambda _: {})


def lookups_end_early(patch: Patch) -> None:
    """Look up an unknown outcome once, long before it is reported."""
    patch.setattr(Submission, "next_lookup_at", lambda *_, **__: None)


# Each with a seed that has found it, which is tried first.
BUGS: dict[Bug, int] = {
    claims_without_condition: 1,
    unknown_is_not_written: 5,
    expired_keys_are_sent: 7,
    open_syncs_are_ended: 0,
    open_syncs_free: 0,
    failures_are_refusals: 12,
    sent_without_condition: 5,
    claims_are_read_last: 7,
    claims_are_read_after_the_rest: 4,
    updates_are_repeated: 17,
    repeats_have_new_keys: 14,
    written_updates_are_retried: 11,
}

FORGETTING_BUGS: dict[Bug, int] = {submissions_are_not_due: 0, lookups_end_early: 0}
