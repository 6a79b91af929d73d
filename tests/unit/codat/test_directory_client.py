"""What is asked of Codat about all companies together."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
import tenacity

from codat_sync.codat.directory_client import CodatDirectoryClient, CompanyIdPage
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.errors import CodatMalformedResponseError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.webhooks.endpoint import WebhookConsumer
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.tables.fake_table import fake_table

_URL = "https://api.example.com/webhooks/codat"


def _now() -> datetime:
    return datetime.now(UTC)


def _directory(handle: Callable[[httpx.Request], httpx.Response]) -> CodatDirectoryClient:
    http = httpx.Client(base_url="https://codat", transport=httpx.MockTransport(handle))
    pace = ProcessLimiter(at_once=4, per_minute=1_000_000)
    connection = CodatHttpClient(http, lambda: "key", pace, SharedGate(fake_table(), _now), _now)
    return CodatDirectoryClient(connection, tenacity.Retrying(stop=tenacity.stop_after_attempt(1), reraise=True))


@pytest.fixture
def simulated() -> SimulatedCodat:
    return SimulatedCodat("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_companies_come_oldest_first_a_hundred_at_a_time(simulated: SimulatedCodat) -> None:
    """Whatever Codat's own order is: what is new while they are read is on the last page."""
    for number in range(150):
        simulated.add_company(company_id=f"company-{number}")
    directory = _directory(simulated.handle)
    first, second = directory.list_companies(1), directory.list_companies(2)
    assert (first.pages, len(first.company_ids), len(second.company_ids)) == (2, 100, 50)
    assert (first.company_ids[0], second.company_ids[-1]) == ("company-0", "company-149")


def test_a_client_without_companies_has_one_page(simulated: SimulatedCodat) -> None:
    """And nothing on it."""
    assert _directory(simulated.handle).list_companies(1) == CompanyIdPage((), 1)


def test_what_is_no_id_is_left_out_and_a_guid_is_written_as_we_do() -> None:
    """It becomes part of a key and of a URL."""
    answer = {
        "results": [{"id": "8A210B68-6988-11ED-A1EB-0242AC120002"}, {"id": "../x"}, {"id": None}, {"name": "x"}],
        "totalResults": 4,
    }
    found = _directory(lambda _: httpx.Response(200, json=answer)).list_companies(1)
    assert found.company_ids == ("8a210b68-6988-11ed-a1eb-0242ac120002",)


def test_codat_knows_a_company_or_does_not(simulated: SimulatedCodat) -> None:
    """By its 404."""
    company = simulated.add_company()
    directory = _directory(simulated.handle)
    assert directory.has_company(company.company_id)
    assert not directory.has_company("another")


@pytest.mark.parametrize("is_page", [True, False])
def test_consumers_are_read_from_a_page_or_a_bare_array(*, is_page: bool) -> None:
    """With fields that are null, missing or new."""
    listed = [{"url": _URL, "disabled": None, "eventTypes": None, "new": 1}, {"disabled": True, "eventTypes": ["a"]}]
    answer = {"results": listed, "totalResults": 2} if is_page else listed
    consumers = _directory(lambda _: httpx.Response(200, json=answer)).list_webhook_consumers()
    assert consumers == [
        WebhookConsumer(_URL, is_disabled=False),
        WebhookConsumer("", is_disabled=True, event_types=frozenset("a")),
    ]


@pytest.mark.parametrize(
    ("said", "event_types", "is_filtered"),
    [
        ({}, [], False),
        ({"eventTypes": [], "companyTags": [], "rateLimit": 5, "mtls": True}, [], False),
        ({"eventTypes": ["SyncFailed", None, 7], "companyTags": None}, ["SyncFailed", ""], False),
        ({"eventTypes": [None]}, [""], False),
        ({"eventTypes": "SyncFailed"}, ["SyncFailed"], False),
        ({"eventTypes": {"a": 1}, "companyTags": ""}, [""], False),
        ({"companyTags": ["region:us"]}, [], True),
        ({"companyTags": [None, {"region": "us"}]}, [], True),
        ({"companyTags": {"region": "us"}}, [], True),
        ({"companyTags": "region:us"}, [], True),
        ({"companyTags": [None, ""]}, [], False),
    ],
)
def test_filters_of_consumers_are_read_whatever_their_form(
    said: dict[str, object], event_types: list[str], *, is_filtered: bool
) -> None:
    """A damaged event type neither hides its neighbours nor becomes a subscription to all."""
    answer = {"results": [{"url": _URL} | said]}
    (consumer,) = _directory(lambda _: httpx.Response(200, json=answer)).list_webhook_consumers()
    assert consumer == WebhookConsumer(_URL, False, frozenset(event_types), is_filtered)  # noqa: FBT003 - disabled


def test_an_answer_that_is_neither_is_malformed() -> None:
    """It is not taken for nobody."""
    with pytest.raises(CodatMalformedResponseError):
        _directory(lambda _: httpx.Response(200, json={"consumers": []})).list_webhook_consumers()


def test_a_list_of_another_companys_syncs_is_not_taken_in() -> None:
    """And a GUID in capitals is the same one."""
    status = {"companyId": "OTHER", "syncId": "6FB40D5E-B13E-11ED-AFA1-0242AC120002", "syncStatusCode": 2000}
    directory = _directory(lambda _: httpx.Response(200, json=[status]))
    assert directory.list_sync_statuses("company") == []
    (found,) = directory.list_sync_statuses("other")
    assert found.sync_id == "6fb40d5e-b13e-11ed-afa1-0242ac120002"
