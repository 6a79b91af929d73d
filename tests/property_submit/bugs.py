"""Bugs to put in: each takes away one of the things that keep an expense from being written twice."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from http import HTTPStatus

import pytest

from codat_sync import plan as plan_module
from codat_sync import submission as submission_module
from codat_sync import submit as submit_module
from codat_sync.expense import Body
from codat_sync.keys import submission_key
from codat_sync.submission import State, Submission
from codat_sync.submission_store import Claims, SubmissionStore, _write
from codat_sync.submit import Submitting
from codat_sync.trace import Tracing

Patch = pytest.MonkeyPatch


def claims_without_condition(patch: Patch) -> None:
    """Claim a transaction without a look whether another has done so meanwhile."""

    def record(self: SubmissionStore, submission: Submission, bodies: Iterable[Body], claims: Claims) -> None:
        self._put_bodies(submission, bodies)
        self._table.put_all(
            [self._claim(submission, each) for each in claims]
            + [submission_key(submission.submission_id) | _write(submission)]
        )

    patch.setattr(SubmissionStore, "record", record)


def unknown_is_not_written(patch: Patch) -> None:
    """Take what Codat has not answered for not written, without a look."""
    real = Submitting.require_free

    def require_free(self: Submitting, transaction_id: str, holder: Submission) -> None:
        if holder.state not in {State.SENT, State.UNKNOWN}:
            real(self, transaction_id, holder)

    patch.setattr(Submitting, "require_free", require_free)


def expired_keys_are_sent(patch: Patch) -> None:
    """Believe that a key holds for a day, and look for nothing."""
    patch.setattr(submission_module, "KEY_HOLDS", timedelta(days=1))
    patch.setattr(Tracing, "find", lambda *_: None)


def open_syncs_are_ended(patch: Patch) -> None:
    """Create again what has failed once, without waiting for the sync to end."""
    patch.setattr(plan_module, "_under_way", lambda *_: None)
    patch.setattr(plan_module, "_unknown", lambda *_: None)


def open_syncs_free(patch: Patch) -> None:
    """Let a product submit again while the sync of before is open."""
    patch.setattr(Submitting, "_require_ended", lambda *_: None)


def failures_are_refusals(patch: Patch) -> None:
    """Take what Codat answers with a 5xx for not written."""
    patch.setattr(submit_module, "is_refusal", lambda answer: answer.status_code >= HTTPStatus.BAD_REQUEST)


BUGS: list[Callable[[Patch], None]] = [
    claims_without_condition,
    unknown_is_not_written,
    expired_keys_are_sent,
    open_syncs_are_ended,
    open_syncs_free,
    failures_are_refusals,
]
