"""Events of both generations, and what they are to us."""

import json

import pytest

from codat_sync.webhook import Concern, essentials, parse_body, read_webhook


def _old(rule: str, **data: object) -> dict[str, object]:
    return {"RuleType": rule, "CompanyId": "c", "Data": {"syncId": "s", **data}}


@pytest.mark.parametrize(
    "event",
    [
        {"eventType": "expenses.sync.successful", "payload": {"referenceCompany": {"id": "c"}, "syncId": "s"}},
        {"eventType": "expenses.sync.unsuccessful", "payload": {"referenceCompany": {"id": "c"}, "syncId": "s"}},
        _old("Sync Failed", syncType="Expenses"),
        _old("Sync Completed"),
        _old("SyncFailed", syncType=None),
        _old("SyncCompleted", syncType="expense"),
        {"RuleType": "Sync Failed", "companyID": "c", "data": {"SyncId": "s", "SyncType": "EXPENSES"}},
    ],
)
def test_the_end_of_a_sync_is_understood_in_both_generations(event: dict[str, object]) -> None:
    """With the space and without, and with any capitals."""
    webhook = read_webhook(event)
    assert webhook is not None
    assert (webhook.concern, webhook.company_id, webhook.sync_id) == (Concern.SYNC, "c", "s")


@pytest.mark.parametrize(
    ("event", "concern"),
    [
        (_old("Sync Failed", syncType="Commerce"), Concern.NOT_OURS),
        (_old("Rate Limit Reached"), Concern.NOT_OURS),
        ({"eventType": "bills.write.unsuccessful"}, Concern.NOT_OURS),
        ({"eventType": "read.completed", "payload": None}, Concern.NOT_OURS),
        ({"eventType": "expenses.sync.paused"}, Concern.UNKNOWN),
    ],
)
def test_other_events_are_told_apart(event: dict[str, object], concern: Concern) -> None:
    """Another product's are not ours; an unknown one of Sync for Expenses may matter."""
    webhook = read_webhook(event)
    assert webhook is not None
    assert webhook.concern is concern


@pytest.mark.parametrize("event", [{}, {"eventType": None}, {"eventType": 7}, {"eventType": ["expenses"]}])
def test_an_event_without_a_type_is_none(event: dict[str, object]) -> None:
    """It can't be told what it is."""
    assert read_webhook(event) is None


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"null", b"\xff", b"[" * 200_000, b'{"a":' * 200_000])
def test_a_body_that_is_no_json_object_is_none(body: bytes) -> None:
    """Nested so deep that the parser gives up, too."""
    assert parse_body(body) is None


def test_essentials_tell_which_sync_it_is_whatever_surrounds_it() -> None:
    """Lists, long texts and what is nested deep are gone; ids, type and dates stay."""
    event: dict[str, object] = {
        "eventType": "expenses.sync.successful",
        "generatedDate": "2026-11-23T22:33:30Z",
        "payload": {
            "syncId": "s",
            "referenceCompany": {"id": "c", "description": "x" * 5000, "links": {"deep": {"deeper": 1}}},
            "transactions": [{"id": "t"}] * 5000,
        },
    }
    small = essentials(event)
    assert read_webhook(small) == read_webhook(event)
    assert len(json.dumps(small)) < 250
