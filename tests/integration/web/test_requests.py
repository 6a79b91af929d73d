"""What applies to every route of the JSON API, through the real handlers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codat_sync.core.problems import CONTENT_TYPE, ProblemType
from codat_sync.idempotency.repository import MAX_DURATION
from codat_sync.idempotency.requests import REPLAYED
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.integration.web.api_caller import Answer, Api
from tests.support.aws import Aws
from tests.support.botocore_calls import intercept_calls
from tests.support.clock import SimulatedTime
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of


@pytest.fixture
def api(start: StartFunction, simulated: SimulatedCodat) -> Api:
    """Return the API of a table with one failed sync."""
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    return Api(start)


SYNC = f"/syncs/{SYNC_ID}"
_RETRY = f"{SYNC}/retry"


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("path", ["/syncs", "/totals", "/causes", SYNC, f"{SYNC}/transactions", "/completeness"])
def test_an_unknown_parameter_is_rejected_by_name(api: Api, path: str) -> None:
    """A misspelt filter would otherwise return everything."""
    answer = api.send("GET", f"{path}?outcomes=failed&company=x")
    assert (answer.status, answer.headers["content-type"]) == (400, CONTENT_TYPE)
    assert [error["parameter"] for error in answer.body["errors"]] == ["company", "outcomes"]
    assert answer.body["code"] == "invalidRequest"


def test_an_empty_id_is_invalid_as_the_schema_says(api: Api) -> None:
    """Instead of meaning all companies."""
    document = api.send("GET", "/openapi.json").body
    parameters = {each["name"]: each["schema"] for each in document["paths"]["/api/v1/syncs"]["get"]["parameters"]}
    assert parameters["companyId"]["pattern"].startswith("^[A-Za-z0-9]")
    answer = api.send("GET", "/syncs?companyId=")
    assert (answer.status, answer.body["errors"][0]["parameter"]) == (400, "companyId")


@pytest.mark.parametrize("path", ["/bulk-retries", "/dead-letters/drop", f"/work-items/{SYNC_ID}/decisions", _RETRY])
def test_json_that_is_nested_too_deeply_is_invalid(api: Api, path: str) -> None:
    """Python's parser gives up with an error that would end the function."""
    answer = api.send("POST", path, text="[" * 90_000)
    assert (answer.status, answer.body["errors"][0]["parameter"]) == (400, "body")


# ---------------------------------------------------------------- problems


def test_every_problem_leads_to_its_description(api: Api) -> None:
    """The `type` is a path of this API, and the fragment is the code."""
    problem = api.send("GET", "/syncs/nobody-knows-it").body
    path, _, code = problem["type"].partition("#")
    described = {each["code"]: each for each in api.send("GET", path.removeprefix("/api/v1")).body["types"]}
    assert described.keys() == {kind.code for kind in ProblemType}
    assert described[code] == {
        "type": problem["type"],
        "code": "notFound",
        "status": 404,
        "title": problem["title"],
        "advice": ProblemType.NOT_FOUND.advice,
    }


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_has_a_problem(api: Api, method: str) -> None:
    """Whatever the method and the parameters."""
    answer = api.send(method, "/sincs?outcome=failed")
    assert (answer.status, answer.headers["content-type"], answer.body["code"]) == (404, CONTENT_TYPE, "noSuchPath")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/syncs", "GET, HEAD"), ("GET", _RETRY, "POST"), ("DELETE", _RETRY, "POST"), ("PUT", SYNC, "GET, HEAD")],
)
def test_an_unknown_method_has_a_problem_that_names_the_known_ones(
    api: Api, method: str, path: str, allowed: str
) -> None:
    """Those of the retry function too: only its own method and path lead to it."""
    answer = api.send(method, path)
    assert (answer.status, answer.body["code"], answer.headers["allow"]) == (405, "methodNotAllowed", allowed)


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize("path", [SYNC, "/syncs", "/openapi.json"])
def test_a_known_version_is_not_sent_again(api: Api, path: str) -> None:
    """The tag is that of the response, and holds as long as nothing in it changes."""
    first = api.send("GET", path)
    again = api.send("GET", path, {"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert api.send("GET", path, {"if-none-match": '"other"'}).text == first.text


def test_a_changed_sync_has_another_version(api: Api, start: StartFunction, simulated: SimulatedCodat) -> None:
    """Another event about it was received."""
    tag = api.send("GET", SYNC).headers["etag"]
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))) == []
    assert api.send("GET", SYNC, {"if-none-match": tag}).status == 200


@pytest.mark.parametrize("path", [SYNC, "/syncs?format=csv", "/sincs", "/syncs?limit=0"])
def test_head_has_the_headers_of_get_and_no_body(api: Api, path: str) -> None:
    """Errors too."""
    head, get = api.send("HEAD", path), api.send("GET", path)
    assert head == Answer(get.status, get.headers, "")


# ---------------------------------------------------------------- repetitions


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Return the functions' time."""
    time = SimulatedTime()
    time.install(monkeypatch)
    return time


def _key(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


@pytest.mark.parametrize("path", [_RETRY, f"{SYNC}/refresh"])
def test_a_repeated_request_gets_the_first_response(api: Api, simulated: SimulatedCodat, path: str) -> None:
    """Of either function, and nothing is done: here Codat is not asked again."""
    first = api.send("POST", path, _key("k1"))
    requests = len(simulated.requests.entries)
    again = api.send("POST", path, _key("k1"))
    assert first.status == 200
    assert REPLAYED not in first.headers
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers == first.headers | {REPLAYED: "true"}
    assert len(simulated.requests.entries) == requests


def test_the_key_of_another_request_is_rejected(api: Api) -> None:
    """By path or body. Keys of different callers are independent, and so are requests without a key."""
    assert api.send("POST", _RETRY, _key("k1")).status == 200
    for path, body in ((f"{SYNC}/refresh", None), (_RETRY, {"transactionIds": ["t"]})):
        answer = api.send("POST", path, _key("k1"), body)
        assert (answer.status, answer.body["code"]) == (422, "idempotencyKeyReused")
    assert REPLAYED not in api.send("POST", _RETRY, _key("k1"), sub="bob").headers
    assert REPLAYED not in api.send("POST", _RETRY).headers


@pytest.mark.parametrize("path", [_RETRY, f"{SYNC}/refresh"])
@pytest.mark.parametrize("key", ["", "with space", "k" * 256, "é"])
def test_an_invalid_key_is_rejected(api: Api, path: str, key: str) -> None:
    """By the name of the header."""
    answer = api.send("POST", path, _key(key))
    assert (answer.status, answer.body["errors"][0]["parameter"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("path", [_RETRY, f"{SYNC}/refresh"])
def test_a_request_in_progress_is_not_begun_again(
    api: Api, time: SimulatedTime, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Until its function has ended for certain; then it is executed."""
    with monkeypatch.context() as patch:
        intercept_calls(patch, _end_before_storing)
        with pytest.raises(RuntimeError, match="the function ended"):
            api.send("POST", path, _key("k1"))
    answer = api.send("POST", path, _key("k1"))
    assert (answer.status, answer.body["code"], answer.headers["retry-after"]) == (409, "requestInProgress", "2")
    time.passed += MAX_DURATION + timedelta(seconds=2)
    for is_replayed in (False, True):
        answer = api.send("POST", path, _key("k1"))
        assert (answer.status, REPLAYED in answer.headers) == (200, is_replayed)


def _end_before_storing(operation: str, parameters: Any, proceed: Callable[[], Any]) -> Any:  # noqa: ANN401 - botocore's own
    if operation == "UpdateItem" and parameters["Key"]["pk"]["S"].startswith("IDEMPOTENCY#"):
        raise RuntimeError("the function ended")
    return proceed()


@pytest.mark.parametrize("path", [_RETRY, f"{SYNC}/refresh"])
def test_a_response_is_kept_for_a_day(api: Api, time: SimulatedTime, path: str) -> None:
    """DynamoDB may delete it later."""
    api.send("POST", path, _key("k1"))
    time.passed += timedelta(hours=23, minutes=59)
    assert REPLAYED in api.send("POST", path, _key("k1")).headers
    time.passed += timedelta(minutes=2)
    assert REPLAYED not in api.send("POST", path, _key("k1")).headers


@pytest.mark.parametrize("path", ["/syncs/unknown/retry", "/syncs/unknown/refresh"])
def test_an_error_is_not_repeated(api: Api, start: StartFunction, simulated: SimulatedCodat, path: str) -> None:
    """Once its cause is gone, the same request succeeds."""
    assert api.send("POST", path, _key("k1")).status == 404
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, [Item("t", "PushError")], sync_id="unknown")
    assert failed(start("worker")(batch(of(simulated, sync)))) == []
    assert api.send("POST", path, _key("k1")).status == 200


def test_a_response_that_cannot_be_stored_is_returned_all_the_same(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry is done; a repetition would do no harm."""

    def fail(operation: str, parameters: Any, proceed: Callable[[], Any]) -> Any:  # noqa: ANN401 - botocore's own
        if operation == "UpdateItem" and parameters["Key"]["pk"]["S"].startswith("IDEMPOTENCY#"):
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, operation)
        return proceed()

    intercept_calls(monkeypatch, fail)
    assert api.send("POST", _RETRY, _key("k1")).status == 200


def test_a_response_too_large_to_store_is_not_repeated(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is executed again, which is safe."""
    monkeypatch.setattr("codat_sync.idempotency.repository._MAX_BYTES", 10)
    for _ in range(2):
        answer = api.send("POST", _RETRY, _key("k1"))
        assert (answer.status, REPLAYED in answer.headers) == (200, False)


def test_who_lost_a_role_gets_no_stored_response(api: Api) -> None:
    """It would say that something was done that they may not do."""
    path, body = "/dead-letters/drop", {"messageIds": ["unknown"], "why": "a test"}
    assert api.send("POST", path, _key("k1"), body).status == 200
    answer = api.send("POST", path, _key("k1"), body, roles="[codat-sync/view]")
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert REPLAYED in api.send("POST", path, _key("k1"), body).headers


def test_the_record_of_a_failed_request_expires(api: Api, aws: Aws) -> None:
    """DynamoDB's TTL ignores what expired more than five years ago: it would be kept forever."""
    path = f"/work-items/{SYNC_ID}/decisions"
    assert api.send("POST", path, _key("k1"), {"kind": "note", "reason": "x"}, roles="[codat-sync/view]").status == 403
    assert api.send("POST", "/syncs/unknown/retry", _key("k2")).status == 404
    items = aws.dynamodb.scan(TableName="syncs")["Items"]
    expiries = [float(item["expiresAt"]["N"]) for item in items if item["pk"]["S"].startswith("IDEMPOTENCY#")]
    now = datetime.now(UTC).timestamp()
    assert len(expiries) == 2
    assert all(now - 60 < each <= now for each in expiries)
