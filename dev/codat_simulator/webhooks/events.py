"""Build the bodies of Codat's webhooks, current (`eventType`) and old (`RuleType`)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from dev.codat_simulator.api.representations import connection_json
from dev.codat_simulator.books.models import Company, Item, Sync
from dev.codat_simulator.books.timestamps import format_milliseconds, format_seven_fraction_digits
from dev.codat_simulator.wire import JsonObject

Generation = Literal["current", "old"]

CLIENT_ID = "30e0f9d2-52c0-4c9f-a806-bcd98a3bcd7e"
IMPOSSIBLE_DATE = "2024-09-01T23:59:99Z"  # Codat's own example of `client.rateLimit.reset`
DAILY_QUOTA = 12000


@dataclass(frozen=True)
class EventContext:
    """The subject of an event."""

    at: datetime
    company: Company | None = None
    sync: Sync | None = None

    @property
    def require_company(self) -> Company:
        """The company, for events that require one."""
        if self.company is None:
            raise ValueError("this event needs a company")
        return self.company

    @property
    def require_sync(self) -> Sync:
        """The sync, for events that require one."""
        if self.sync is None:
            raise ValueError("this event needs a sync")
        return self.sync


# ---------------------------------------------------------------- current


def current_event(context: EventContext, event_type: str | None = None) -> JsonObject:
    """Build a current event; a type unknown at Codat has only the company."""
    if event_type is None:
        event_type = f"expenses.sync.{'successful' if context.require_sync.successful else 'unsuccessful'}"
    return {
        "id": str(uuid4()),
        "eventType": event_type,
        "generatedDate": format_milliseconds(context.at),
        "payload": _payload(context, event_type),
    }


def _payload(context: EventContext, event_type: str) -> JsonObject:
    if event_type.startswith("client.rateLimit."):
        return _rate_limit_payload(context, reached=event_type.endswith(".reached"))
    if event_type == "company.deleted":
        return _reference(context.require_company)
    payload: JsonObject = {"referenceCompany": _reference(context.require_company)}
    if event_type.startswith("expenses."):
        sync = context.require_sync
        payload |= {"syncId": sync.sync_id, "transactions": [_transaction(item) for item in sync.items]}
    elif event_type.startswith("connection."):
        payload["connection"] = _connection(context.require_company, event_type.removeprefix("connection."))
    return payload


def _reference(company: Company) -> JsonObject:
    return {
        "id": company.company_id,
        "name": company.name,
        "description": "Looking to get a loan for refurb.",
        "links": {"portal": f"https://app.codat.io/companies/{company.company_id}/summary"},
        "tags": {},
    }


def _transaction(item: Item) -> JsonObject:
    # Webhooks have a separate enum, without ValidationError.
    status = "Failed" if item.status == "ValidationError" else item.status
    return {"id": item.transaction_id, "status": status, "errorMessage": item.message}


def _connection(company: Company, change: str) -> JsonObject:
    status = {"created": "PendingAuth", "disconnected": "Deauthorized", "deleted": "Unlinked", "failed": "Deauthorized"}
    return connection_json(company, "Accounting", company.target_platform, status.get(change, "Linked"))


def _rate_limit_payload(context: EventContext, *, reached: bool) -> JsonObject:
    return {
        "dailyQuota": DAILY_QUOTA,
        "quotaRemaining": 0 if reached else DAILY_QUOTA,
        "expiryDate": format_milliseconds(context.at + timedelta(hours=12)) if reached else IMPOSSIBLE_DATE,
    }


# ---------------------------------------------------------------- old


def legacy_event(context: EventContext, rule_type: str | None = None) -> JsonObject:
    """Build an old event; the rule type is used as given, with or without a space."""
    if rule_type is None:
        rule_type = "Sync Completed" if context.require_sync.successful else "Sync Failed"
    event: JsonObject = {
        "AlertId": str(uuid4()),
        "RuleId": "289c80dc-2aee-4b71-afff-9acd8d051080",
        "RuleType": rule_type,
        "ClientId": CLIENT_ID,
        "ClientName": "Expense Sync",
    }
    if rule_type.startswith("Rate"):
        return event | _old_rate_limit(context, reached=rule_type.endswith("Reached"))
    return event | _old_sync(context, failed=rule_type.endswith("Failed"))


def _old_sync(context: EventContext, *, failed: bool) -> JsonObject:
    sync = context.require_sync
    what = "has failed at step Pushing" if failed else "completed successfully"
    data = {  # two conventions in one object, as Codat has it
        "syncId": sync.sync_id,
        "syncType": "Expense",
        "SyncDateRangeStartUtc": format_seven_fraction_digits(context.at - timedelta(seconds=1)),
        "SyncDateRangeFinishUtc": format_seven_fraction_digits(context.at),
    }
    if failed:
        data["FailureStage"] = "Pushing"
    return {
        "CompanyId": sync.company_id,
        "Message": f"Sync {sync.sync_id} for company {sync.company_id} of type Expense {what}.",
        "Data": data,
    }


def _old_rate_limit(context: EventContext, *, reached: bool) -> JsonObject:
    data: JsonObject = {
        "DailyQuota": DAILY_QUOTA,
        "ExpiresUtc": format_seven_fraction_digits(context.at + timedelta(hours=12)),
    }
    data["QuotaRemaining"] = 0 if reached else DAILY_QUOTA
    return {"Message": f"The daily quota of {CLIENT_ID} was {'reached' if reached else 'reset'}.", "Data": data}


# ---------------------------------------------------------------- either


def deep_merge(event: JsonObject, overrides: JsonObject) -> JsonObject:
    """Merge the overrides into the event recursively; null stays null."""
    result = dict(event)
    for key, value in overrides.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = deep_merge(result[key], value) if nested else value
    return result
