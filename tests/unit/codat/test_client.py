"""Reading from Codat, played in process."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import tenacity

from codat_sync.codat.client import PAGE_SIZE, CodatClient, parse_api_key
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.errors import (
    CodatError,
    CodatMalformedResponseError,
    CodatNotFoundError,
    CodatOtherCompanyError,
    CodatResponseError,
    CodatUnavailableError,
    SecretUnavailableError,
)
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.rate_limits.quota import ClosureReason
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.tables.fake_table import fake_table

_API_KEY = "an API key"
_PACE = ProcessLimiter(at_once=8, per_minute=1_000_000)


@pytest.fixture
def simulated() -> SimulatedCodat:
    """Codat, with a client whose key is known."""
    return SimulatedCodat(_API_KEY, "whsec_c2VjcmV0", sleep=lambda _: None)


def _codat(transport: httpx.BaseTransport, api_key: str = _API_KEY) -> CodatClient:
    impatient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((CodatUnavailableError, CodatMalformedResponseError)),
        stop=tenacity.stop_after_attempt(3),
        reraise=True,
    )
    client = httpx.Client(base_url="http://codat.test/", transport=transport)
    gate = SharedGate(fake_table(), _now)
    return CodatClient(CodatHttpClient(client, lambda: api_key, _PACE, gate, _now), impatient)


def _now() -> datetime:
    return datetime.now(UTC)


def _answering(answer: Callable[[httpx.Request], httpx.Response]) -> CodatClient:
    return _codat(httpx.MockTransport(answer))


def _sync(simulated: SimulatedCodat, rows: int = 3) -> Sync:
    return simulated.add_sync(simulated.add_company(), 5130, generate_items(rows, code=5130))


def test_a_status_is_read_as_codat_says_it(simulated: SimulatedCodat) -> None:
    """All of it, with the time to the microsecond."""
    sync = _sync(simulated)
    status = _codat(simulated.transport()).get_sync_status(sync.company_id, sync.sync_id)
    assert (status.company_id, status.sync_id, status.code) == (sync.company_id, sync.sync_id, 5130)
    assert (status.status, status.error_message) == (sync.sync_status, sync.error_message)
    assert (status.exception_message, status.data_pushed) == (sync.sync_exception_message, sync.data_pushed)
    assert status.synced_at is not None
    assert sync.sync_utc is not None
    assert status.synced_at.isoformat()[:26] == sync.sync_utc[:26]


@pytest.mark.parametrize(("rows", "requests"), [(0, 1), (1, 1), (PAGE_SIZE, 1), (PAGE_SIZE + 1, 2), (2500, 3)])
def test_all_transactions_are_read_in_order(simulated: SimulatedCodat, rows: int, requests: int) -> None:
    """However many pages they fill, whatever Codat's own links say."""
    sync = _sync(simulated, rows)
    read = _codat(simulated.transport()).get_transactions(sync.company_id, sync.sync_id).rows()
    assert [(row["transactionId"], row["status"]) for row in read] == [
        (item.transaction_id, item.status) for item in sync.items
    ]
    assert len(simulated.requests.entries) == requests


def test_pages_may_be_smaller_than_was_asked_for(simulated: SimulatedCodat) -> None:
    """Codat's documentation gives two limits, and a third one could hold."""
    simulated.max_page_size = 100
    sync = _sync(simulated, 1234)
    assert len(_codat(simulated.transport()).get_transactions(sync.company_id, sync.sync_id).rows()) == 1234


@pytest.mark.parametrize("fault", [Fault("truncated", times=9), Fault("wrong_total", times=9, total=9)])
def test_a_part_is_never_taken_for_the_whole(simulated: SimulatedCodat, fault: Fault) -> None:
    """If Codat announces more, or less, than it gives, nothing is read at all."""
    sync = _sync(simulated, 8)
    simulated.faults.add(fault)
    transactions = _codat(simulated.transport()).get_transactions(sync.company_id, sync.sync_id)
    with pytest.raises(CodatUnavailableError, match="announced"):
        transactions.rows()


def test_an_absurd_total_is_not_followed(simulated: SimulatedCodat) -> None:
    """A billion pages would take the quota of years."""
    sync = _sync(simulated, 8)
    simulated.faults.add(Fault("wrong_total", total=1_000_000_000))
    with pytest.raises(CodatResponseError, match="announced 1000000000"):
        _codat(simulated.transport()).get_transactions(sync.company_id, sync.sync_id)
    assert len(simulated.requests.entries) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=503),
        Fault("status", status=504),
        Fault("status", status=409),
        Fault("disconnect"),
        Fault("reset"),
        Fault("cut"),
        Fault("maintenance"),
        Fault("wrong_shape"),
    ],
)
def test_what_waiting_cures_is_tried_again_in_the_call(simulated: SimulatedCodat, fault: Fault) -> None:
    """Twice, if need be."""
    sync = _sync(simulated)
    simulated.faults.add(fault)
    simulated.faults.add(fault)
    codat = _codat(simulated.transport())
    assert codat.get_sync_status(sync.company_id, sync.sync_id).code == 5130
    assert len(simulated.requests.entries) == 3


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        (401, GateClosedError, 1),
        (402, GateClosedError, 1),
        (403, GateClosedError, 1),
        (404, CodatNotFoundError, 1),
        (429, GateClosedError, 1),
        (400, CodatResponseError, 1),
        (503, CodatUnavailableError, 3),
    ],
)
def test_errors_that_retrying_does_not_fix_are_distinguished(
    simulated: SimulatedCodat, status: int, error: type[CodatError], requests: int
) -> None:
    """By the HTTP status, with Codat's correlation id to quote to its support."""
    sync = _sync(simulated)
    simulated.faults.add(Fault("status", times=9, status=status, retry_after="7"))
    with pytest.raises(error, match=f"HTTP {status}") as raised:
        _codat(simulated.transport()).get_sync_status(sync.company_id, sync.sync_id)
    assert raised.value.correlation_id
    assert len(simulated.requests.entries) == requests


@pytest.mark.parametrize(
    ("status", "reason", "pause"),
    [
        (401, ClosureReason.REFUSED, 900),
        (402, ClosureReason.REFUSED, 120),
        (403, ClosureReason.REFUSED, 120),
        (429, ClosureReason.RATE, 7),
    ],
)
def test_after_a_refusal_codat_is_not_asked_again_for_a_while(
    simulated: SimulatedCodat, status: int, reason: ClosureReason, pause: int
) -> None:
    """A key that is refused is so for every call, and a 429 says how long to wait."""
    sync = _sync(simulated)
    simulated.faults.add(Fault("status", status=status, retry_after="7"))
    codat = _codat(simulated.transport())
    with pytest.raises(GateClosedError) as first:
        codat.get_sync_status(sync.company_id, sync.sync_id)
    with pytest.raises(GateClosedError) as second:
        codat.get_transactions(sync.company_id, sync.sync_id)
    assert first.value.closure == second.value.closure
    assert first.value.closure.reason is reason
    waits = first.value.closure.until - datetime.now(UTC)
    assert timedelta(seconds=pause - 5) < waits <= timedelta(seconds=pause)
    assert len(simulated.requests.entries) == 1


def test_when_the_quota_is_used_up_it_says_until_when(simulated: SimulatedCodat) -> None:
    """The reset that Codat names, midnight UTC."""
    sync = _sync(simulated)
    simulated.quota.leave(0)
    with pytest.raises(GateClosedError) as raised:
        _codat(simulated.transport()).get_sync_status(sync.company_id, sync.sync_id)
    until = raised.value.closure.until
    assert raised.value.closure.reason is ClosureReason.QUOTA
    assert (until.hour, until.minute, until.second) == (0, 0, 0)


def test_a_company_has_the_platforms_of_its_connections(simulated: SimulatedCodat) -> None:
    """Where its expenses come from, where they go, and whether it is connected there."""
    company = simulated.add_company("Toft", target_platform="Xero")
    simulated.set_connection_status(company.company_id, "Deauthorized")
    found = _codat(simulated.transport()).get_company(company.company_id)
    assert (found.name, found.source_platform, found.target_platform) == ("Toft", "Partner Expense", "Xero")
    assert found.connection_status == "Deauthorized"


def test_a_key_that_codat_does_not_know_is_refused(simulated: SimulatedCodat) -> None:
    """And a sync that it does not know is not found."""
    sync = _sync(simulated)
    with pytest.raises(GateClosedError):
        _codat(simulated.transport(), "a wrong key").get_sync_status(sync.company_id, sync.sync_id)
    with pytest.raises(CodatNotFoundError):
        _codat(simulated.transport()).get_transactions(sync.company_id, "another")


@pytest.mark.parametrize(
    "content",
    [
        b"null",
        b"{}",
        b'{"syncStatusCode": null}',
        b'{"syncStatusCode": "soon"}',
        b'{"syncStatusCode": 2000, "syncId": "another"}',
        b'{"syncStatusCode": 2000, "companyId": "another company"}',
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so_without_quoting_it(content: bytes) -> None:
    """It may hold personal data."""
    codat = _answering(lambda _: httpx.Response(200, content=content))
    with pytest.raises(CodatResponseError) as raised:
        codat.get_sync_status("c", "s")
    assert "soon" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_sync_of_another_company_is_not_found() -> None:
    """The error names the company that Codat named."""
    answer = b'{"syncStatusCode": 2000, "companyId": "8A210B68-6988-11ED-A1EB-0242AC120002"}'
    with pytest.raises(CodatOtherCompanyError) as raised:
        _answering(lambda _: httpx.Response(200, content=answer)).get_sync_status("c", "s")
    assert raised.value.company_id == "8a210b68-6988-11ed-a1eb-0242ac120002"
    assert isinstance(raised.value, CodatNotFoundError)


@pytest.mark.parametrize(
    "sync_utc", ["0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "soon", None]
)
def test_an_implausible_time_of_a_sync_counts_as_absent(sync_utc: str | None) -> None:
    """On its own and in a list."""
    status = {"syncStatusCode": 2000, "syncId": "s", "syncUtc": sync_utc}
    assert _answering(lambda _: httpx.Response(200, json=status)).get_sync_status("c", "s").synced_at is None
    (listed,) = _answering(lambda _: httpx.Response(200, json=[status])).list_sync_statuses("c")
    assert listed.synced_at is None


def test_a_status_may_be_null_but_for_its_code() -> None:
    """Codat's documentation says so."""
    names = ("companyId", "syncId", "syncStatus", "errorMessage", "syncExceptionMessage", "syncUtc", "dataPushed")
    answer: dict[str, object] = dict.fromkeys(names)
    codat = _answering(lambda _: httpx.Response(200, json=answer | {"syncStatusCode": 2040}))
    status = codat.get_sync_status("c", "s")
    assert (status.code, status.company_id, status.synced_at, status.data_pushed) == (2040, "c", None, None)


def test_an_error_without_a_body_is_an_error_all_the_same() -> None:
    """A proxy may have answered."""
    codat = _answering(lambda _: httpx.Response(429, content=b"<html>", headers={"Retry-After": "soon"}))
    with pytest.raises(GateClosedError, match="Too Many Requests") as raised:
        codat.get_sync_status("c", "s")
    assert raised.value.closure.reason is ClosureReason.RATE
    assert raised.value.correlation_id is None


def test_an_id_stays_within_its_part_of_the_path() -> None:
    """Ids are checked before; the URL does not rely on it."""
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json={"syncStatusCode": 2000})

    _answering(answer).get_sync_status("a/b", "c?d")
    assert paths == [b"/companies/a%2Fb/sync/expenses/syncs/c%3Fd/status"]


def test_the_api_key_is_what_the_secret_says() -> None:
    """Or nothing, said without quoting it."""
    assert parse_api_key('{"apiKey": "k"}') == "k"
    for text in ("", "k", "null", "[]", "{}", '{"apiKey": ""}', '{"apiKey": 7}'):
        with pytest.raises(SecretUnavailableError) as raised:
            parse_api_key(text)
        assert raised.value.__cause__ is None
