"""What a failed sync waits for decides who has to act, and what the customer reads."""

from itertools import product

import pytest

from codat_sync.retries.explanation import explain_failure
from codat_sync.syncs.retry_record import Step
from codat_sync.syncs.status_codes import STATUS_CODES, ActionOwner, Outcome, StatusCode
from codat_sync.syncs.work_category import WorkCategory, categorize_steps

_FAILED = [each for each in STATUS_CODES.values() if each.outcome is Outcome.FAILED]
_OWNERS = {
    WorkCategory.OUR_TEAM: ActionOwner.OUR_TEAM,
    WorkCategory.CUSTOMER: ActionOwner.CUSTOMER,
    WorkCategory.CODAT: ActionOwner.CODAT,
}


def test_the_customer_is_asked_to_act_only_if_it_waits_for_the_customer() -> None:
    """Whatever the code says: a connection that is linked again is not what it waits for."""
    for code, category, step in product(_FAILED, WorkCategory, Step):
        if categorize_steps({step: 1}) in {category, WorkCategory.RESOLVED}:
            found = explain_failure(code, category, {step: 1, Step.ALREADY_WRITTEN: 1})
            assert found.action_owner is _OWNERS.get(category, ActionOwner.NOBODY)
            is_asked = "Please" in found.customer_note.replace("Please do not", "")
            assert is_asked is (category is WorkCategory.CUSTOMER), (code, category, step)
            assert (found.code, found.meaning) == (code.code, code.meaning)


@pytest.mark.parametrize(
    ("code", "category", "steps", "next_step", "note"),
    [
        (5130, WorkCategory.RESOLVED, {"alreadyWritten": 2}, "written since", "are in your accounting software"),
        (5130, WorkCategory.CUSTOMER, {"needsCorrection": 2}, "Ask the customer", "that they are assigned to"),
        (4000, WorkCategory.CUSTOMER, {"needsCorrection": 2}, "once the configuration", "how your accounts"),
        (4220, WorkCategory.CUSTOMER, {"needsReconnection": 1}, "once the company is connected", "connect your"),
        (4220, WorkCategory.OUR_TEAM, {"attemptsExhausted": 1}, "Find out why", "We are looking into it"),
        (5000, WorkCategory.OUR_TEAM, {"noBodyRecorded": 1}, "Submit the items again", "have not reached"),
        (5000, WorkCategory.OUR_TEAM, {"noBodyRecorded": 1, "outcomeUnknown": 1}, "Fix the errors", "have not reached"),
        (5080, WorkCategory.OUR_TEAM, {"outcomeUnknown": 1, "scheduled": 1}, "Check in", "do not enter them"),
        (5130, WorkCategory.DISMISSED, {"needsCorrection": 1}, "dismissed", "dealt with"),
        (5130, WorkCategory.CODAT, {"stuckAtCodat": 1}, "Ask Codat", "longer than usual"),
    ],
)
def test_the_next_step_is_as_precise_as_what_is_known(
    code: int, category: WorkCategory, steps: dict[str, int], next_step: str, note: str
) -> None:
    """Of one step if the open transactions share it; of the category otherwise."""
    found = explain_failure(STATUS_CODES[code], category, steps)
    assert next_step in found.next_step
    assert note in found.customer_note


def test_before_a_plan_the_code_says_what_to_do() -> None:
    """Nothing else is known."""
    assert explain_failure(STATUS_CODES[4000], None, {}) is STATUS_CODES[4000]


@pytest.mark.parametrize("code", _FAILED)
def test_without_failed_transactions_nobody_is_told_to_retry(code: StatusCode) -> None:
    """Codat names none, so there is none to resubmit; the worklist shows such a sync to our team."""
    found = explain_failure(code, WorkCategory.OUR_TEAM, {})
    assert found.action_owner is ActionOwner.OUR_TEAM
    assert "product submit the expenses again" in found.next_step
    assert "etry" not in found.next_step
    is_for_customer = code.action_owner is ActionOwner.CUSTOMER
    assert ("Please" in found.customer_note) is is_for_customer
    assert (found.customer_note == code.customer_note) is is_for_customer
