"""Assign each failed sync to exactly one category of the worklist. Rules only."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from codat_sync.core.enums import parse_enum
from codat_sync.syncs.retry_record import Retry, RetryState, Step


class WorkCategory(StrEnum):
    """Who has to act on a failed sync, or whether it is closed."""

    OUR_TEAM = "ourTeam"
    CUSTOMER = "customer"
    CODAT = "codat"
    SCHEDULED = "scheduled"  # it is checked or resubmitted automatically
    IN_PROGRESS = "inProgress"  # it was resubmitted, and has not ended
    RESOLVED = "resolved"  # all failed items have been written since
    DISMISSED = "dismissed"  # a user has decided that nobody has to act


# In order of priority: categories that need an action come first.
OPEN_CATEGORIES: Final = (
    WorkCategory.OUR_TEAM,
    WorkCategory.CUSTOMER,
    WorkCategory.CODAT,
    WorkCategory.SCHEDULED,
    WorkCategory.IN_PROGRESS,
)

_STEP_CATEGORIES: Final[Mapping[Step, WorkCategory]] = {
    Step.PARTIALLY_WRITTEN: WorkCategory.OUR_TEAM,
    Step.OUTCOME_UNKNOWN: WorkCategory.OUR_TEAM,
    Step.NO_BODY_RECORDED: WorkCategory.OUR_TEAM,
    Step.ATTEMPTS_EXHAUSTED: WorkCategory.OUR_TEAM,
    Step.NEEDS_CORRECTION: WorkCategory.CUSTOMER,
    Step.NEEDS_RECONNECTION: WorkCategory.CUSTOMER,
    Step.NEEDS_BILLING: WorkCategory.CUSTOMER,
    Step.STUCK_AT_CODAT: WorkCategory.CODAT,
    Step.RETRY_NOW: WorkCategory.SCHEDULED,
    Step.SCHEDULED: WorkCategory.SCHEDULED,
    Step.IN_PROGRESS: WorkCategory.IN_PROGRESS,
}
_WRITTEN: Final = frozenset({Step.ALREADY_WRITTEN, Step.NOT_FAILED})
# A sync without failed transactions: not planned yet, in progress again, or failed as a whole.
_STATE_CATEGORIES: Final[Mapping[RetryState, WorkCategory]] = {
    RetryState.OPEN: WorkCategory.SCHEDULED,
    RetryState.SCHEDULED: WorkCategory.IN_PROGRESS,
    RetryState.STOPPED: WorkCategory.OUR_TEAM,
    RetryState.RESOLVED: WorkCategory.RESOLVED,
    RetryState.NOT_FAILED: WorkCategory.RESOLVED,
}


def categorize(retry: Retry) -> WorkCategory:
    """Return the category of a failed sync. A dismissal or an acknowledgement closes it."""
    if retry.state is RetryState.RESOLVED:
        return WorkCategory.RESOLVED
    if retry.is_dismissed or retry.is_acknowledged:
        return WorkCategory.DISMISSED
    if retry.state is RetryState.OPEN:
        return WorkCategory.SCHEDULED
    return categorize_steps(retry.steps) or _STATE_CATEGORIES[retry.state]


def categorize_steps(steps: Mapping[str, int]) -> WorkCategory | None:
    """Return the category of transactions by their steps: the first of ``OPEN_CATEGORIES`` that applies.

    Resolved if all are written; None if there are none. A step of a newer version is for our team.
    """
    planned = {parse_enum(Step, step, Step.PARTIALLY_WRITTEN) for step, count in steps.items() if count}
    found = {_STEP_CATEGORIES[step] for step in planned - _WRITTEN}
    if planned and not found:
        return WorkCategory.RESOLVED
    return next((each for each in OPEN_CATEGORIES if each in found), None)


def parse_category(name: str | None) -> WorkCategory | None:
    """Parse a stored category. A category of a newer version is for our team; None if there is none."""
    return None if name is None else parse_enum(WorkCategory, name, WorkCategory.OUR_TEAM)
