"""What Codat says of all companies together, and of who receives its webhooks: https://docs.codat.io/platform-api."""

import math
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from codat_sync.codat.client import CodatClient, CompanyResponse
from codat_sync.core.errors import CodatNotFoundError
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.webhooks.endpoint import WebhookConsumer

# Codat's own advice for the quickest answer.
PAGE_SIZE = 100


class ListedCompany(BaseModel):
    """A company in Codat's list."""

    id: str | None = None


class CompanyPageResponse(TypedDict):
    """A page of Codat's companies."""

    results: list[ListedCompany]
    totalResults: int


class ConsumerResponse(BaseModel):
    """Who receives webhooks. A consumer without types receives all of them."""

    model_config = ConfigDict(alias_generator=to_camel)

    url: str | None = None
    disabled: bool | None = None
    event_types: list[str] | None = None


class ConsumerPage(TypedDict):
    """The consumers, as one of Codat's lists."""

    results: list[ConsumerResponse]


_COMPANY_PAGE = TypeAdapter(CompanyPageResponse)
_CONSUMERS: TypeAdapter[list[ConsumerResponse] | ConsumerPage] = TypeAdapter(list[ConsumerResponse] | ConsumerPage)
_COMPANY = TypeAdapter(CompanyResponse)


@dataclass(frozen=True, slots=True)
class CompanyIdPage:
    """One page of Codat's companies, and how many pages there are."""

    company_ids: tuple[str, ...]
    pages: int


class CodatDirectoryClient(CodatClient):
    """Codat, and what can be asked that is about no one company. Every call raises CodatError and what ``Codat`` does.

    Codat's answers are known here from its reference only, so no more of them is relied on than is needed. What it
    refuses (402, 403) closes the gate for nobody: the key may not be for that, and among all companies there may be
    many that have nothing to do with expenses.
    """

    _is_refusal_ignored = True

    def list_companies(self, page: int) -> CompanyIdPage:
        """Return a page of the companies, counted from 1, the oldest first: what comes new is on the last one."""
        query: dict[str, int | str] = {"page": page, "pageSize": PAGE_SIZE, "orderBy": "created"}
        found = self._get(None, "/companies", query, _COMPANY_PAGE.validate_json)
        ids = tuple(canonicalize(each.id) for each in found["results"] if is_identifier(each.id))
        return CompanyIdPage(ids, max(1, math.ceil(found["totalResults"] / PAGE_SIZE)))

    def has_company(self, company_id: str) -> bool:
        """Return whether Codat knows the company."""
        try:
            self._get(company_id, f"/companies/{quote(company_id, safe='')}", {}, _COMPANY.validate_json)
        except CodatNotFoundError:
            return False
        return True

    def list_webhook_consumers(self) -> list[WebhookConsumer]:
        """Return who receives webhooks: a bare array and one of Codat's pages are both understood."""
        answer = self._get(None, "/webhooks", {}, _CONSUMERS.validate_json)
        found = answer if isinstance(answer, list) else answer["results"]
        return [
            WebhookConsumer(each.url or "", bool(each.disabled), frozenset(each.event_types or ())) for each in found
        ]
