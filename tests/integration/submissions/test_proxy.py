"""Submit in front of Codat: a write of expenses is recorded or rejected, and all else is forwarded as it came."""

import base64
import gzip
import json
import string
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.support.aws import Aws
from tests.support.codat.operations import UNDOCUMENTED_WRITES, WRITES, Operation, Treatment
from tests.support.handlers import Handler, StartFunction
from tests.support.submit_requests import AUTHORIZED, EXPENSES, ask, expense


@pytest.fixture
def submit(start: StartFunction) -> Handler:
    """Return the real function."""
    return start("submit")


@pytest.fixture
def received(simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Return the requests as Codat gets them, with the headers and bodies that its log does not keep."""
    requests: list[httpx.Request] = []
    handle = simulated.handle

    def keep(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return handle(request)

    monkeypatch.setattr(simulated, "handle", keep)
    return requests


def _count_submissions(aws: Aws) -> int:
    found = aws.dynamodb.scan(TableName="syncs", FilterExpression="sk = :sk", ExpressionAttributeValues=_SUBMISSION)
    return found["Count"]


_SUBMISSION: Any = {":sk": {"S": "SUB"}}


def _body(transaction_id: str, method: str) -> str:
    """Return a body that is valid for every kind."""
    side = {"accountRef": {"id": "a"}, "amount": 5}
    line = {"netAmount": 1, "amount": 1, "accountRef": {"id": "a"}}
    one = expense(transaction_id, contactRef={"id": "c"}, dueDate="2026-12-24", date="2026-11-24", lines=[line])
    one |= {"from": side, "to": side}
    return json.dumps([one] if method == "POST" else one)


@pytest.mark.parametrize("operation", [*WRITES, *UNDOCUMENTED_WRITES], ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("base", ["", "/codat"])
def test_each_write_of_codats_api_is_recorded_forwarded_or_rejected(
    submit: Handler, aws: Aws, received: list[httpx.Request], operation: Operation, base: str
) -> None:
    """Also behind the base path of a custom domain. Codat gets the path of its documentation."""
    transaction_id = str(uuid4())
    path = operation.path_with("x", companyId=COMPANY_ID, transactionId=transaction_id)
    text = _body(transaction_id, operation.method)
    answer = ask(submit, operation.method, base + path, text)
    is_rejected = operation.treatment is Treatment.REJECTED
    sent = [(request.method, request.url.path, request.content.decode()) for request in received]
    # Only what is below /companies is routed here with a base path.
    expected = path if path.startswith("/companies") else base + path
    assert sent == ([] if is_rejected else [(operation.method, expected, text)])
    assert _count_submissions(aws) == (operation.treatment is Treatment.RECORDED)
    if is_rejected:
        assert (answer.status, answer.body["canBeRetried"]) == (400, "False")
        assert answer.body["validation"]["errors"][0]["itemId"] == "path"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "payment"},
        {"bankAccountRef": {}},
        {"lines": [{"netAmount": 1, "accountRef": {}, "itemRef": {}, "taxRateRef": {}, "trackingRefs": [{}]}]},
        {"lines": [{"netAmount": "5"}]},
        {"issueDate": None},
    ],
)
def test_codat_decides_what_an_expense_may_hold(
    submit: Handler, aws: Aws, received: list[httpx.Request], changes: dict[str, object]
) -> None:
    """It gets the body as it came, and its answer goes back."""
    text = json.dumps([expense() | changes])
    ask(submit, "POST", EXPENSES, text)
    (request,) = received
    assert request.content.decode() == text
    assert _count_submissions(aws) == 1


def test_a_transfer_in_pascal_case_is_forwarded_as_it_came(
    submit: Handler, aws: Aws, received: list[httpx.Request]
) -> None:
    """So it stands in Codat's documentation; .NET reads names in any letter case."""
    side = {"AccountRef": {"Id": "a"}, "Amount": 5}
    text = json.dumps({"Date": "2026-11-24", "From": side, "To": side})
    ask(submit, "PUT", f"/companies/{COMPANY_ID}/sync/expenses/transfer-transactions/{uuid4()}", text)
    assert [request.content.decode() for request in received] == [text]
    assert _count_submissions(aws) == 1


def test_a_byte_order_mark_is_ignored(submit: Handler, simulated: SimulatedCodat) -> None:
    """As .NET does, for each kind."""
    assert ask(submit, "POST", EXPENSES, "\ufeff" + json.dumps([expense()])).status == 200
    transfer = f"/companies/{COMPANY_ID}/sync/expenses/transfer-transactions/{uuid4()}"
    assert ask(submit, "PUT", transfer, "\ufeff" + _body(str(uuid4()), "PUT").replace('"id"', '"x"', 1)).status == 200
    assert len(simulated.submissions) == 2


@pytest.mark.parametrize("name", ["a b", "Toft, Sons & Co", "50%", "Sync Expenses", "Zoë", "what?", "a#b"])
def test_ids_of_other_systems_reach_codat_as_they_came(
    submit: Handler, received: list[httpx.Request], name: str
) -> None:
    """Whether API Gateway has decoded them or not, for reads and writes."""
    for path in (f"/{name}", f"/{quote(name)}"):
        ask(submit, "GET", f"/companies/{COMPANY_ID}/data/suppliers{path}", query="page=1")
        ask(submit, "PUT", f"/companies/{COMPANY_ID}/connections/k/push/suppliers{path}", {"id": "s"})
    assert {request.url.path.rpartition("/")[2] for request in received} == {name}
    assert [request.url.query for request in received] == [b"page=1", b""] * 2


def test_a_compressed_body_is_forwarded_with_its_encoding_and_rejected_where_it_is_recorded(
    submit: Handler, aws: Aws, received: list[httpx.Request]
) -> None:
    """Codat could not read it without; and it could not be kept as text."""
    compressed = gzip.compress(b'{"name": "Toft"}')
    answer = _send(submit, "POST", "/companies", compressed, {"content-encoding": "gzip", "accept-language": "en"})
    (request,) = received
    assert (request.content, request.headers["content-encoding"]) == (compressed, "gzip")
    assert request.headers["accept-language"] == "en"
    answer = _send(submit, "POST", EXPENSES, gzip.compress(json.dumps([expense()]).encode()), _GZIP)
    assert answer["statusCode"] == 415
    assert json.loads(answer["body"])["validation"]["errors"][0]["itemId"] == "Content-Encoding"
    assert len(received) == 1
    assert _count_submissions(aws) == 0


_GZIP = {"content-encoding": "gzip"}


def _send(submit: Handler, method: str, path: str, content: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Send bytes, as API Gateway hands them over."""
    event = load("submit", "create-expenses")
    event |= {"rawPath": path, "headers": {"authorization": AUTHORIZED} | headers, "isBase64Encoded": True}
    event["body"] = base64.b64encode(content).decode()
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return submit(event)


_PIECES = st.sampled_from(["companies", COMPANY_ID, "sync", "expenses", "expense-transactions", "data", "syncs", "ID"])
_PLAIN = st.sampled_from([each.path.split("/")[1:] for each in [*WRITES, *UNDOCUMENTED_WRITES]])
_SEPARATORS = st.sampled_from(["/"] * 12 + ["//", "%2f", "/./", "/x/../", ";a/", "\\", "?"])


@st.composite
def _paths(draw: st.DrawFn) -> str:
    """Return a path made of the names of Codat's paths; ``ID`` stands for a new transaction."""
    pieces = draw(_PLAIN | st.lists(_PIECES | st.text(string.printable, max_size=3), max_size=7))
    named = {"{companyId}": COMPANY_ID, "{transactionId}": "ID"}
    path = "".join(draw(_SEPARATORS) + named.get(each, each) for each in pieces)
    base = draw(st.sampled_from(["", "", "/codat", "//x"]))
    return base + (path.title().replace("Id", "ID") if draw(st.integers(0, 9)) == 0 else path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "post"]), path=_paths())
@example(method="POST", path=EXPENSES)
@example(method="post", path=EXPENSES)
@example(method="POST", path=EXPENSES + "//")
@example(method="POST", path="//x" + EXPENSES)
def test_whatever_reaches_the_books_is_recorded_once(
    submit: Handler, aws: Aws, simulated: SimulatedCodat, method: str, path: str
) -> None:
    """For any method and path, exactly one submission is recorded for a write that Codat accepts, otherwise none."""
    transaction_id = str(uuid4())
    recorded, accepted = _count_submissions(aws), len(simulated.submissions)
    ask(submit, method, path.replace("ID", transaction_id), _body(transaction_id, method.upper()))
    assert len(simulated.submissions) - accepted <= _count_submissions(aws) - recorded <= 1


@pytest.mark.parametrize(
    "path",
    [
        f"/recorded/{COMPANY_ID}/expenses/{{}}",
        f"/recorded/{COMPANY_ID}/expense_transactions/{{}}",
        f"/recorded/{COMPANY_ID}/{{}}",
        "/recorded",
        f"/base/recorded/{COMPANY_ID}/expenses/{{}}",
        f"/Recorded/{COMPANY_ID}/expense-transactions/{{}}/more",
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_body_to_be_stored_never_goes_to_codat(
    start: StartFunction, simulated: SimulatedCodat, path: str, method: str
) -> None:
    """A misspelled path is an error that names the right one."""
    transaction_id = str(uuid4())
    answer = ask(start("submit"), method, path.format(transaction_id), expense(transaction_id))
    assert (answer.status, answer.body["service"]) == (400, "codat-sync")
    assert simulated.requests.entries == ()


def test_a_kind_may_be_stored_in_any_letter_case(start: StartFunction, simulated: SimulatedCodat) -> None:
    """As it may be sent."""
    transaction_id = str(uuid4())
    path = f"/recorded/{COMPANY_ID}/Expense-Transactions/{transaction_id}"
    assert ask(start("submit"), "PUT", path, expense(transaction_id)).status == 204
    assert simulated.requests.entries == ()


@pytest.mark.parametrize("query", ["q=\u00e4", "q=a b", "q=\n", "q=\x00", "q=%zz", "q=#", "q=" + "a" * 70_000])
def test_any_query_is_forwarded_or_rejected(start: StartFunction, simulated: SimulatedCodat, query: str) -> None:
    """What a URL can't hold is percent-encoded; what is too long is an error of the request."""
    answer = ask(start("submit"), "GET", f"/companies/{COMPANY_ID}/connections", query=query)
    assert (answer.status, len(simulated.requests.entries)) == ((400, 0) if len(query) > 60_000 else (200, 1))
