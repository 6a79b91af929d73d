"""Route and handle Codat's read endpoints."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from dev.codat_simulator.api.accounting_data import company_info_json, data_status_json, mapping_options_json
from dev.codat_simulator.api.errors import CodatApiError, ValidationFlaw, invalid, not_found
from dev.codat_simulator.api.representations import (
    Page,
    company_json,
    config_json,
    connections_json,
    consumer_json,
    item_json,
    page_json,
    status_json,
)
from dev.codat_simulator.api.routing import EXPENSES, Routes
from dev.codat_simulator.books.models import SUCCESS, Company, Sync
from dev.codat_simulator.books.state import State
from dev.codat_simulator.wire import JsonObject

# Codat's reference allows 5000 for the parameter and 2000 in the response: larger values are rejected, and values
# between the two are silently reduced.
MAX_PAGE_SIZE_ACCEPTED = 5000
MAX_PAGE_SIZE_RETURNED = 2000


@dataclass(frozen=True)
class Call:
    """A request to Codat with its context. The path's parts come from its route."""

    state: State
    url: httpx.URL
    parts: dict[str, str]
    max_page_size: int = MAX_PAGE_SIZE_RETURNED

    def company(self) -> Company:
        """Return the company in the path; raises a 404."""
        try:
            return self.state.company(self.parts["company_id"])
        except KeyError:
            raise not_found() from None

    def syncs(self) -> tuple[Sync, ...]:
        """Return the company's syncs."""
        return self.state.syncs_of(self.company().company_id)

    def sync(self) -> Sync:
        """Return the company's sync in the path; raises a 404."""
        return _last([sync for sync in self.syncs() if sync.sync_id == self.parts["sync_id"]])

    def paged(self, rows: Sequence[JsonObject]) -> JsonObject:
        """Return the requested page."""
        size = self._positive("pageSize", 100)
        if size > MAX_PAGE_SIZE_ACCEPTED:
            raise _invalid("pageSize", f"must be at most {MAX_PAGE_SIZE_ACCEPTED}")
        page = Page(self._positive("page", 1), min(size, self.max_page_size))
        return page_json(rows, page, self.url.path)

    def _positive(self, name: str, default: int) -> int:
        given = self.url.params.get(name, str(default))
        if not re.fullmatch(r"0*[1-9][0-9]{0,8}", given, re.ASCII):
            raise _invalid(name, "must be a positive whole number")
        return int(given)


def _sync_status(call: Call) -> JsonObject:
    return status_json(call.sync())


def _latest_status(call: Call) -> JsonObject:
    return status_json(_last(call.syncs()))


def _last_successful_status(call: Call) -> JsonObject:
    return status_json(_last([sync for sync in call.syncs() if sync.code in SUCCESS]))


def _list_statuses(call: Call) -> list[JsonObject]:
    return [status_json(sync) for sync in reversed(call.syncs())]


def _list_transactions(call: Call) -> JsonObject:
    return call.paged([item_json(item) for item in call.sync().items])


def _transaction(call: Call) -> list[JsonObject]:
    wanted = call.parts["transaction_id"]
    rows = [item_json(item) for item in call.sync().items if item.transaction_id == wanted]
    if not rows:
        raise not_found()
    return rows


def _config(call: Call) -> JsonObject:
    return config_json(call.company())


def _connections(call: Call) -> JsonObject:
    return call.paged(connections_json(call.company()))


def _connection(call: Call) -> JsonObject:
    wanted = call.parts["connection_id"]
    for connection in connections_json(call.company()):
        if connection["id"] == wanted:
            return connection
    raise not_found()


def _mapping_options(call: Call) -> JsonObject:
    return mapping_options_json(call.company())


def _data_status(call: Call) -> JsonObject:
    return data_status_json(call.company())


def _company_info(call: Call) -> JsonObject:
    return company_info_json(call.company())


def _company(call: Call) -> JsonObject:
    return company_json(call.company())


def _companies(call: Call) -> JsonObject:
    # Codat guarantees no default order; here it is newest first.
    companies = call.state.companies
    in_order = companies if call.url.params.get("orderBy") == "created" else companies[::-1]
    return call.paged([company_json(company) for company in in_order])


def _webhook_consumers(call: Call) -> JsonObject:
    return {"results": [consumer_json(consumer) for consumer in call.state.webhook_consumers]}


# The order matters: `latest` also matches as a sync's id.
ROUTES = Routes[Callable[[Call], JsonObject | list[JsonObject]]](
    ("GET", f"{EXPENSES}/syncs/latest/status", _latest_status),
    ("GET", f"{EXPENSES}/syncs/lastSuccessful/status", _last_successful_status),
    ("GET", f"{EXPENSES}/syncs/list/status", _list_statuses),
    ("GET", f"{EXPENSES}/syncs/{{sync_id}}/status", _sync_status),
    ("GET", f"{EXPENSES}/syncs/{{sync_id}}/transactions", _list_transactions),
    ("GET", f"{EXPENSES}/syncs/{{sync_id}}/transactions/{{transaction_id}}", _transaction),
    ("GET", f"{EXPENSES}/config", _config),
    ("GET", f"{EXPENSES}/mappingOptions", _mapping_options),
    ("GET", "/companies/{company_id}/connections", _connections),
    ("GET", "/companies/{company_id}/connections/{connection_id}", _connection),
    ("GET", "/companies/{company_id}/dataStatus", _data_status),
    ("GET", "/companies/{company_id}/data/info", _company_info),
    ("GET", "/companies/{company_id}", _company),
    ("GET", "/companies", _companies),
    ("GET", "/webhooks", _webhook_consumers),
)


def answer(state: State, request: httpx.Request, max_page_size: int) -> JsonObject | list[JsonObject]:
    """Handle an authorized request; raises CodatApiError."""
    read, parts = ROUTES.find(request)
    return read(Call(state, request.url, parts, max_page_size))


def _last(syncs: Sequence[Sync]) -> Sync:
    if not syncs:
        raise not_found()
    return syncs[-1]


def _invalid(parameter: str, message: str) -> CodatApiError:
    return invalid(ValidationFlaw(parameter, f"{parameter} {message}"))
