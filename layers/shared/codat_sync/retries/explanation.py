"""Explain who has to act on a failed sync, its next step, and the note for the customer. Rules only."""

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
        "Ask the customer to correct the errors shown on the items, then retry.",
        "Your accounting software did not accept some of your expenses."
        " Please check the accounts, suppliers and customers that they are assigned to.",
    ),
    WorkCategory.CODAT: _Text(
        "Ask Codat why the sync has not ended. Its status is still checked.",
        "Your expenses are taking longer than usual. We are looking into it. Please do not enter them by hand.",
    ),
    WorkCategory.SCHEDULED: _Text("Nothing: failed items are checked, and resubmitted if that is safe.", _ON_THEIR_WAY),
    WorkCategory.IN_PROGRESS: _Text("Nothing: wait until the sync ends.", _ON_THEIR_WAY),
    WorkCategory.RESOLVED: _Text(
        "Nothing: all failed items have been written since.",
        "Your expenses are in your accounting software.",
    ),
    WorkCategory.DISMISSED: _Text(
        "Nothing: the sync was dismissed.", "Our team has dealt with these expenses. You need not do anything."
    ),
}
# Nothing is known about the items yet, so nothing is promised.
_UNPLANNED: Final = _Text(
    "Nothing: the failed items are checked within minutes.",
    "We are checking whether your expenses have arrived. Please do not enter them by hand.",
)
# More precise than the category's text, if all open transactions of the category have the same step.
_STEP_TEXTS: Final[Mapping[Step, _Text]] = {
    Step.PARTIALLY_WRITTEN: _Text(
        "Check in the accounting software what was written.",
        "Some of your expenses are only partly in your accounting software. We are looking into it.",
    ),
    Step.OUTCOME_UNKNOWN: _Text(
        "Check in the accounting software whether the items were written.",
        "We are checking whether your expenses have arrived. Please do not enter them by hand.",
    ),
    Step.NO_BODY_RECORDED: _Text("Submit the items again from the product: we don't have a copy.", _NOT_ARRIVED),
    Step.ATTEMPTS_EXHAUSTED: _Text(
        "The automatic attempts are used up. Find out why the items failed, then retry.", _NOT_ARRIVED
    ),
    Step.NEEDS_RECONNECTION: _Text(
        "Ask the customer to reconnect. The items are then resubmitted automatically.",
        "Please connect your accounting software again.",
    ),
    Step.NEEDS_BILLING: _Text(
        "Retry once the subscription is renewed.", "Please renew the subscription of your accounting software."
    ),
}


def explain_failure(found: StatusCode, category: WorkCategory | None, steps: Mapping[str, int]) -> StatusCode:
    """Return the explanation of a failed sync's code, adapted to its category. None: it has no category yet.

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
    if category is WorkCategory.SCHEDULED and not steps:
        return _UNPLANNED
    deciding = [step for step in steps if categorize_steps({step: 1}) is category]
    step = parse_enum(Step, deciding[0], None) if len(deciding) == 1 else None
    return _STEP_TEXTS.get(step, _TEXTS[category]) if step else _TEXTS[category]
