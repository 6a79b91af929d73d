"""List Codat's companies and webhook consumers: https://docs.codat.io/platform-api."""

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

from codat_sync.codat.client import CodatClient, CompanyResponse, Count
from codat_sync.codat.parsing import ResponseParser
from codat_sync.core.errors import CodatNotFoundError
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.webhooks.endpoint import WebhookConsumer

# Codat recommends it for the fastest response.
PAGE_SIZE = 100
CONSUMERS_PATH = "/webhooks"


class ListedCompany(BaseModel):
    """A company in Codat's list."""

    id: str | None = None


class CompanyPageResponse(TypedDict):
    """A page of Codat's companies."""

    results: list[ListedCompany]
    totalResults: Count


class ConsumerResponse(BaseModel):
    """A webhook consumer. One without event types receives all of them, one without tags those of all companies."""

    model_config = ConfigDict(alias_generator=to_camel)

    url: str | None = None
    disabled: bool | None = None
    event_types: Any = None
    company_tags: Any = None

    def to_consumer(self) -> WebhookConsumer:
        """Return the consumer.

        Event types that are no text match nothing: leaving them out could turn a filter into "all of them".
        """
        types, tags = self.event_types, self.company_tags
        listed = types if isinstance(types, list) else [types] if types else []
        return WebhookConsumer(
            url=self.url or "",
            is_disabled=bool(self.disabled),
            event_types=frozenset(each if isinstance(each, str) else "" for each in listed),
            is_filtered=any(tags) if isinstance(tags, list) else bool(tags),
        )


class ConsumerPage(TypedDict):
    """The consumers in Codat's paged format."""

    results: list[ConsumerResponse]


_COMPANY_PAGE = ResponseParser(TypeAdapter(CompanyPageResponse), TypeAdapter(ListedCompany), keep_invalid=True)
_CONSUMERS: ResponseParser[list[ConsumerResponse] | ConsumerPage] = ResponseParser(
    TypeAdapter(list[ConsumerResponse] | ConsumerPage), TypeAdapter(ConsumerResponse)
)
_COMPANY = ResponseParser(TypeAdapter(CompanyResponse))


@dataclass(frozen=True, slots=True)
class CompanyIdPage:
    """One page of company ids, and the number of pages."""

    company_ids: tuple[str, ...]
    pages: int


class CodatDirectoryClient(CodatClient):
    """A client of Codat's account-wide endpoints. Every call raises CodatError and what ``CodatClient`` does.

    These responses are known from Codat's reference only, so no more of them is relied on than necessary. A rejection
    (402, 403) never closes the gate: the key may lack access to these endpoints, and many companies may not use
    expenses at all.
    """

    _is_refusal_ignored = True

    def list_companies(self, page: int) -> CompanyIdPage:
        """Fetch a page of companies, counted from 1, oldest first: new companies are on the last page."""
        query: dict[str, int | str] = {"page": page, "pageSize": PAGE_SIZE, "orderBy": "created"}
        found = self._get(None, "/companies", query, _COMPANY_PAGE)
        ids = tuple(canonicalize(each.id) for each in found["results"] if is_identifier(each.id))
        return CompanyIdPage(ids, max(1, math.ceil(found["totalResults"] / PAGE_SIZE)))

    def has_company(self, company_id: str) -> bool:
        """Return whether Codat knows the company."""
        try:
            self._get(company_id, f"/companies/{quote(company_id, safe='')}", {}, _COMPANY)
        except CodatNotFoundError:
            return False
        return True

    def list_webhook_consumers(self) -> list[WebhookConsumer]:
        """Fetch the webhook consumers. Accepts both a bare array and Codat's paged format."""
        return _consumers(self._get(None, CONSUMERS_PATH, {}, _CONSUMERS))


def parse_webhook_consumers(content: bytes) -> list[WebhookConsumer]:
    """Parse Codat's response to ``CONSUMERS_PATH``. Raises CodatUnavailableError and CodatMalformedResponseError."""
    return _consumers(_CONSUMERS.parse(content, CONSUMERS_PATH))


def _consumers(answer: list[ConsumerResponse] | ConsumerPage) -> list[WebhookConsumer]:
    return [each.to_consumer() for each in (answer if isinstance(answer, list) else answer["results"])]
