"""Represent Codat's data as its API does."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from dev.codat_simulator.books.models import CONFIGURATION_PARTS, Company, Item, Sync, WebhookConsumer
from dev.codat_simulator.wire import JsonObject


class Page(NamedTuple):
    """The requested part of a list."""

    number: int
    size: int


def status_json(sync: Sync) -> JsonObject:
    """Represent a sync's status."""
    return {
        "companyId": sync.company_id,
        "syncId": sync.sync_id,
        "syncStatusCode": sync.code,
        "syncStatus": sync.sync_status,
        "errorMessage": sync.error_message,
        "syncExceptionMessage": sync.sync_exception_message,
        "syncUtc": sync.sync_utc,
        "dataPushed": sync.data_pushed,
    }


def item_json(item: Item) -> JsonObject:
    """Represent a row; in Codat's examples a completed one has no `message`."""
    row: JsonObject = {
        "transactionId": item.transaction_id,
        "status": item.status,
        "integrationType": item.integration_type,
    }
    if item.message is not None or item.status != "Completed":
        row["message"] = item.message
    return row


def company_json(company: Company) -> JsonObject:
    """Represent a company."""
    return {
        "id": company.company_id,
        "name": company.name,
        "description": None,
        "redirect": f"https://link.codat.io/company/{company.company_id}",
        "lastSync": company.created,
        "created": company.created,
        "createdByUserName": None,
        "products": ["expenses"],
        "tags": company.tags,
        "referenceParentCompany": None,
        "referenceSubsidiaryCompanies": [],
        "dataConnections": connections_json(company),
    }


def connections_json(company: Company) -> list[JsonObject]:
    """Represent both connections: the source of the expenses, and the accounting software."""
    accounting = connection_json(company, "Accounting", company.target_platform, company.connection_status)
    return [expense_connection_json(company), accounting]


def expense_connection_json(company: Company) -> JsonObject:
    """Represent the connection to the source of the expenses."""
    return connection_json(company, "Expense", company.source_platform, "Linked")


def connection_json(company: Company, source_type: str, platform: str, status: str) -> JsonObject:
    """Represent a connection."""
    connection_id = made_id(company, source_type)
    return {
        "id": connection_id,
        "integrationId": made_id(company, platform),
        "integrationKey": platform.lower()[:4],
        "sourceId": made_id(company, f"{platform}/source"),
        "platformName": platform,
        "linkUrl": f"https://link-api.codat.io/companies/{company.company_id}/connections/{connection_id}/start",
        "sourceType": source_type,
        "status": status,
        "lastSync": company.created,
        "created": company.created,
        "dataConnectionErrors": [],
    }


def config_json(company: Company) -> JsonObject:
    """Represent a company's configuration of Sync for Expenses: as it was set, or a made-up one."""
    return company.configuration or {part: {"id": made_id(company, part)} for part in CONFIGURATION_PARTS}


def consumer_json(consumer: WebhookConsumer) -> JsonObject:
    """Represent a webhook consumer."""
    return {
        "id": consumer.consumer_id,
        "url": consumer.url,
        "disabled": consumer.disabled,
        "eventTypes": list(consumer.event_types),
        "companyTags": list(consumer.company_tags),
    }


def page_json(rows: Sequence[JsonObject], page: Page, path: str) -> JsonObject:
    """Represent a page of a list."""
    # The links in Codat's own examples lack this part and are broken.
    link = path.replace("/sync/expenses", "")
    start = (page.number - 1) * page.size
    links = {"current": page, "next": page._replace(number=page.number + 1)}
    if start + page.size >= len(rows):
        del links["next"]
    return {
        "results": rows[start : start + page.size],
        "pageNumber": page.number,
        "pageSize": page.size,
        "totalResults": len(rows),
        "_links": {
            "self": {"href": link},
            **{name: {"href": f"{link}?page={to.number}&pageSize={to.size}"} for name, to in links.items()},
        },
    }


def made_id(company: Company, name: str) -> str:
    """Derive a stable id."""
    return str(uuid5(NAMESPACE_URL, f"{company.company_id}/{name}"))
