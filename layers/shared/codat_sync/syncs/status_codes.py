"""Define the status codes of a sync: the meaning, action owner and next step of each.

https://docs.codat.io/expenses/troubleshooting: the codes; the rest is this application's.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a sync, including its items."""

    ANNOUNCED = "announced"  # known from an event; not fetched from Codat yet
    SUBMITTED = "submitted"  # created by a submission through this application; Codat has not reported its end yet
    IN_PROGRESS = "inProgress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


# Has not ended, as far as we know.
UNDERWAY = (Outcome.IN_PROGRESS, Outcome.SUBMITTED, Outcome.ANNOUNCED)


class ActionOwner(StrEnum):
    """Who has to act."""

    NOBODY = "nobody"
    OUR_TEAM = "ourTeam"
    CUSTOMER = "customer"
    CODAT = "codat"


# The company had no connection to its accounting software when Codat processed the sync.
DISCONNECTED = frozenset({4040, 4220})


@dataclass(frozen=True, slots=True)
class StatusCode:
    """One status code of a sync.

    ``is_final`` says that Codat will not change it on its own; ``customer_note`` is the text for the customer;
    ``next_step`` is what happens next.
    """

    code: int
    meaning: str
    outcome: Outcome
    is_final: bool
    action_owner: ActionOwner
    customer_note: str
    next_step: str


_KNOWN = (
    StatusCode(
        code=1000,
        meaning="In progress",
        outcome=Outcome.IN_PROGRESS,
        is_final=False,
        action_owner=ActionOwner.CODAT,
        customer_note="Your expenses are on their way to your accounting software.",
        next_step="Poll until it ends.",
    ),
    StatusCode(
        code=1010,
        meaning="In progress for more than ten minutes",
        outcome=Outcome.IN_PROGRESS,
        is_final=False,
        action_owner=ActionOwner.CODAT,
        customer_note="Your expenses are on their way to your accounting software. It is taking longer than usual.",
        next_step="Poll until it ends.",
    ),
    StatusCode(
        code=2000,
        meaning="Success, data written",
        outcome=Outcome.SUCCEEDED,
        is_final=True,
        action_owner=ActionOwner.NOBODY,
        customer_note="Your expenses are in your accounting software.",
        next_step="Nothing.",
    ),
    StatusCode(
        code=2040,
        meaning="Success, no data written",
        outcome=Outcome.SUCCEEDED,
        is_final=True,
        action_owner=ActionOwner.NOBODY,
        customer_note="There was nothing new to write to your accounting software.",
        next_step="Nothing.",
    ),
    StatusCode(
        code=4000,
        meaning="Configuration error",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.CUSTOMER,
        customer_note=(
            "Please check how your accounts, suppliers and customers are mapped in the settings of your expenses."
        ),
        next_step="Retry once the configuration is corrected.",
    ),
    StatusCode(
        code=4040,
        meaning="Company deleted or de-authorized",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.CUSTOMER,
        customer_note="Please connect your accounting software again.",
        next_step="Retry once the company is connected.",
    ),
    StatusCode(
        code=4220,
        meaning="Company deleted or de-authorized",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.CUSTOMER,
        customer_note="Please connect your accounting software again.",
        next_step="Retry once the company is connected.",
    ),
    StatusCode(
        code=4260,
        meaning="Billing of the accounting software has expired",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.CUSTOMER,
        customer_note="Please renew the subscription of your accounting software.",
        next_step="Retry once the subscription is renewed.",
    ),
    StatusCode(
        code=5000,
        meaning="Server error at Codat",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note="Something went wrong on the way to your accounting software. You need not do anything.",
        next_step="Retry.",
    ),
    StatusCode(
        code=5080,
        meaning="Refused by the protection against duplicates",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note="We are checking whether your expenses have already arrived. Please do not enter them by hand.",
        next_step="Check in the accounting software what was written before you send anything again.",
    ),
    StatusCode(
        code=5120,
        meaning="Data could not be processed",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note=(
            "Some of your expenses could not be prepared for your accounting software. We are looking into it."
        ),
        next_step="Fix the errors shown on the items, then retry.",
    ),
    StatusCode(
        code=5130,
        meaning="Data could not be written",
        outcome=Outcome.FAILED,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note="Your accounting software did not accept some of your expenses. We are looking into it.",
        next_step="Fix the errors shown on the items, then retry.",
    ),
)

STATUS_CODES = {each.code: each for each in _KNOWN}

# What a code of success means if the sync's items don't bear it out.
_CONTRADICTED_SUCCESS = {
    Outcome.IN_PROGRESS: replace(
        STATUS_CODES[1000], meaning="Reported as success, but some of its items are still pending"
    ),
    Outcome.FAILED: replace(STATUS_CODES[5130], meaning="Reported as success, but some of its items failed"),
    Outcome.UNKNOWN: StatusCode(
        code=2000,
        meaning="Reported as success, but not every item is reported as written",
        outcome=Outcome.UNKNOWN,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note="We are checking whether your expenses have arrived. Please do not enter them by hand.",
        next_step="Check in the accounting software whether the items that are not Completed were written.",
    ),
}


def explain(code: int, outcome: Outcome) -> StatusCode:
    """Look up ``code`` for a sync with this outcome. If the items contradict the code, the items decide."""
    found = status_code(code)
    contradiction = _CONTRADICTED_SUCCESS.get(outcome) if found.outcome is Outcome.SUCCEEDED else None
    return replace(contradiction, code=code) if contradiction else found


def status_code(code: int) -> StatusCode:
    """Look up ``code``. An undocumented code is kept, shown and left to an operator."""
    return STATUS_CODES.get(code) or StatusCode(
        code=code,
        meaning=f"Not documented by Codat ({code})",
        outcome=Outcome.UNKNOWN,
        is_final=True,
        action_owner=ActionOwner.OUR_TEAM,
        customer_note="We are looking into how your expenses reached your accounting software.",
        next_step="Ask Codat what the code means.",
    )
