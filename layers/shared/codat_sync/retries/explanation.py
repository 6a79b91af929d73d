"""Explain what a failed sync waits for: who has to act, the next step, and the note for the customer. Rules only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from codat_sync.core.enums import parse_enum
from codat_sync.syncs.retry_record import Step
from codat_sync.syncs.status_codes import ActionOwner, StatusCode
from codat_sync.syncs.work_category import WorkCategory, categorize_steps

_ON_THEIR_WAY: Final = "Your expenses are on their way to your accounting software. You need not do anything."
_NOT_ARRIVED: Final = "Some of your expenses have not reached your accounting software. We are looking into it."

_SUBMIT_AGAIN: Final = "Have the product submit the expenses again"
_CUSTOMER_FIRST: Final = "Send the customer the note; then have the product submit the expenses again"


@dataclass(frozen=True, slots=True)
class _Text:
    """The next step, and the note for the customer."""

    next_step: str
    customer_note: str


_OWNERS: Final[Mapping[WorkCategory, ActionOwner]] = {
    WorkCategory.OUR_TEAM: ActionOwner.OUR_TEAM,
    WorkCategory.CUSTOMER: ActionOwner.CUSTOMER,
    WorkCategory.CODAT: ActionOwner.CODAT,
    WorkCategory.SCHEDULED: ActionOwner.NOBODY,
    WorkCategory.IN_PROGRESS: ActionOwner.NOBODY,
    WorkCategory.RESOLVED: ActionOwner.NOBODY,
    WorkCategory.DISMISSED: ActionOwner.NOBODY,
}
_TEXTS: Final[Mapping[WorkCategory, _Text]] = {
    WorkCategory.OUR_TEAM: _Text("Fix the errors shown on the items, then retry.", _NOT_ARRIVED),
    WorkCategory.CUSTOMER: _Text(
        "Ask the customer to correct what the items name, then retry.",
        "Your accounting software did not accept some of your expenses as they are."
        " Please check what they are assigned to.",
    ),
    WorkCategory.CODAT: _Text(
        "Ask Codat why the sync has not ended. It is checked all the same.",
        "Your expenses take longer than usual. We are looking into it. Please do not enter them by hand.",
    ),
    WorkCategory.SCHEDULED: _Text("Nothing: it is checked, and resubmitted if that is safe.", _ON_THEIR_WAY),
    WorkCategory.IN_PROGRESS: _Text("Nothing: wait until it ends.", _ON_THEIR_WAY),
    WorkCategory.RESOLVED: _Text(
        "Nothing: everything that failed has been written since.",
        "Your expenses are in your accounting software.",
    ),
    WorkCategory.DISMISSED: _Text(
        "Nothing: it was dismissed.", "Our team has dealt with these expenses. You need not do anything."
    ),
}
# More precise than the category, where all open transactions of the category have the same step.
_STEP_TEXTS: Final[Mapping[Step, _Text]] = {
    Step.PARTIALLY_WRITTEN: _Text(
        "Check in the accounting software what was written.",
        "Some of your expenses are in your accounting software, but not everywhere. We are looking into it.",
    ),
    Step.OUTCOME_UNKNOWN: _Text(
        "Check in the accounting software whether they were written.",
        "We are checking whether your expenses have arrived. Please do not enter them by hand.",
    ),
    Step.NO_BODY_RECORDED: _Text("Have the product submit them again: we don't have a copy to resubmit.", _NOT_ARRIVED),
    Step.ATTEMPTS_EXHAUSTED: _Text(
        "Find out why they failed each time, then retry: the automatic attempts are used up.", _NOT_ARRIVED
    ),
    Step.NEEDS_RECONNECTION: _Text(
        "Nothing until the customer reconnects: then they are resubmitted.",
        "Please connect your accounting software again.",
    ),
    Step.NEEDS_BILLING: _Text(
        "Retry once the subscription is renewed.", "Please renew the subscription of your accounting software."
    ),
}


def explain_failure(found: StatusCode, category: WorkCategory | None, steps: Mapping[str, int]) -> StatusCode:
    """Return the explanation of a failed sync's code with what its category says; None: it has no category yet.

    ``steps`` counts its failed transactions by next step. Without any, Codat names none, and none can be retried.
    """
    if category is None:
        return found
    if category is WorkCategory.OUR_TEAM and not steps:
        return _explain_without_items(found)
    owner, text = _OWNERS[category], _text(category, steps)
    if category is WorkCategory.CUSTOMER and found.action_owner is ActionOwner.CUSTOMER:
        text = _Text(found.next_step, found.customer_note)  # It names what to correct.
    return replace(found, action_owner=owner, next_step=text.next_step, customer_note=text.customer_note)


def _explain_without_items(found: StatusCode) -> StatusCode:
    """Nothing can be resubmitted: our team has to see to it, also that the customer does what only they can do."""
    is_for_customer = found.action_owner is ActionOwner.CUSTOMER
    return replace(
        found,
        action_owner=ActionOwner.OUR_TEAM,
        next_step=f"{_CUSTOMER_FIRST if is_for_customer else _SUBMIT_AGAIN}: Codat names no items to resubmit.",
        customer_note=found.customer_note if is_for_customer else _NOT_ARRIVED,
    )


def _text(category: WorkCategory, steps: Mapping[str, int]) -> _Text:
    deciding = [step for step in steps if categorize_steps({step: 1}) is category]
    step = parse_enum(Step, deciding[0], None) if len(deciding) == 1 else None
    return _STEP_TEXTS.get(step, _TEXTS[category]) if step else _TEXTS[category]
