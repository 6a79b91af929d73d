"""Events of both generations, and what they are to us."""

import json
from datetime import UTC, datetime

import pytest

from codat_sync.webhooks.events import EventCategory, minimize_event, parse_webhook

_NOW = datetime(2026, 11, 23, 22, 33, 32, tzinfo=UTC)


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
        _old("SyncCompleted", syncType=""),
        {"RuleType": "Sync Failed", "companyID": "c", "data": {"SyncId": "s", "SyncType": "EXPENSES"}},
    ],
)
def test_the_end_of_a_sync_is_understood_in_both_generations(event: dict[str, object]) -> None:
    """With the space and without, and with any capitals."""
    webhook = parse_webhook(event, _NOW)
    assert webhook is not None
    assert (webhook.category, webhook.company_id, webhook.sync_id) == (EventCategory.SYNC, "c", "s")


@pytest.mark.parametrize(
    ("event", "category"),
    [
        (_old("Sync Failed", syncType="Commerce"), EventCategory.IGNORED),
        (_old("Rate Limit Reached"), EventCategory.QUOTA),
        (_old("RateLimitReset"), EventCategory.QUOTA),
        ({"eventType": "client.rateLimit.reached", "payload": {}}, EventCategory.QUOTA),
        ({"eventType": "connection.connected", "payload": {}}, EventCategory.COMPANY),
        ({"eventType": "company.deleted", "payload": {"id": "c"}}, EventCategory.COMPANY),
        ({"eventType": "bills.write.unsuccessful"}, EventCategory.IGNORED),
        ({"eventType": "read.completed", "payload": None}, EventCategory.IGNORED),
        ({"eventType": "expenses.sync.paused"}, EventCategory.UNKNOWN),
    ],
)
def test_other_events_are_distinguished(event: dict[str, object], category: EventCategory) -> None:
    """Another product's are not ours; an unknown one of Sync for Expenses may matter."""
    webhook = parse_webhook(event, _NOW)
    assert webhook is not None
    assert webhook.category is category


@pytest.mark.parametrize("field", ["eventType", "EventType", "RuleType", "ruletype", "type", "Type", "TYPE"])
def test_the_type_has_any_of_its_names(field: str) -> None:
    """In any letter case; a name without a value, or with one that is no text, does not hide the others."""
    others: list[dict[str, object]] = [{}, {"eventType": None}, {"eventType": ""}, {"ruleType": " "}, {"ruleType": 7}]
    for other in others:
        event = {name: value for name, value in other.items() if name.lower() != field.lower()}
        webhook = parse_webhook(event | {field: "Sync Failed", "CompanyId": "c", "Data": {"syncId": "s"}}, _NOW)
        assert webhook is not None
        assert (webhook.event_type, webhook.category) == ("Sync Failed", EventCategory.SYNC)


def test_codats_name_for_the_type_counts_before_any_other() -> None:
    """A field ``type`` beside it may mean something else."""
    webhook = parse_webhook({"type": "expense", "RuleType": "b", "eventType": "read.completed"}, _NOW)
    assert webhook is not None
    assert webhook.event_type == "read.completed"


def test_a_deleted_company_is_the_payload_itself() -> None:
    """There is no reference to it."""
    webhook = parse_webhook({"eventType": "company.deleted", "payload": {"id": "c", "name": "Toft"}}, _NOW)
    assert webhook is not None
    assert (webhook.company_id, webhook.is_deletion) == ("c", True)


@pytest.mark.parametrize(
    ("name", "remaining", "is_reached"),
    [
        ("client.rateLimit.reached", 0, True),
        ("client.rateLimit.reached", None, True),
        ("client.rateLimit.reached", 12_000, False),  # Codat's own example of a reset
        ("client.rateLimit.reset", 12_000, False),
        ("client.rateLimit.reset", None, False),
    ],
)
def test_a_quota_that_is_there_was_not_reached(name: str, remaining: int | None, *, is_reached: bool) -> None:
    """Whatever the event is called; and a date that is none is none."""
    payload = {"dailyQuota": 12_000, "quotaRemaining": remaining, "expiryDate": "2024-09-01T23:59:99Z"}
    webhook = parse_webhook({"eventType": name, "payload": payload}, _NOW)
    assert webhook is not None
    assert (webhook.is_quota_reached, webhook.quota_limit, webhook.quota_expires_at) == (is_reached, 12_000, None)


@pytest.mark.parametrize("event", [{}, {"eventType": None}, {"eventType": 7}, {"eventType": ["expenses"]}])
def test_an_event_without_a_type_is_none(event: dict[str, object]) -> None:
    """Its type is unknown."""
    assert parse_webhook(event, _NOW) is None


def test_an_events_essentials_identify_its_sync_whatever_surrounds_them() -> None:
    """All else is gone; ids, type and dates stay, of either generation."""
    current: dict[str, object] = {
        "eventType": "expenses.sync.successful",
        "generatedDate": "2026-11-23T22:33:30Z",
        "payload": {
            "syncId": "s",
            "referenceCompany": {"id": "c", "description": "x" * 5000, "links": {"deep": {"deeper": 1}}},
            "transactions": [{"id": "t"}] * 5000,
        },
    }
    for event in (current, _old("Sync Failed", syncType="Commerce", text="x" * 5000), _old("Sync Failed")):
        webhook = parse_webhook(event, _NOW)
        assert webhook is not None
        small = minimize_event(webhook)
        assert parse_webhook(small, _NOW) == webhook
        assert len(json.dumps(small)) < 250


def test_what_is_no_id_is_not_essential() -> None:
    """However large it is."""
    webhook = parse_webhook({"eventType": "expenses.sync.successful", "payload": {"syncId": ["s"] * 5000}}, _NOW)
    assert webhook is not None
    assert len(json.dumps(minimize_event(webhook))) < 250
