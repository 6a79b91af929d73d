"""The JSON API's routes for dead letters: what the page can do."""

import pytest

from dev.stored_events import COMPANY_ID
from tests.integration.web.api_caller import Api
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message

_EVENT = {"eventType": "expenses.sync.newfangled", "payload": {"referenceCompany": {"id": COMPANY_ID}}}


@pytest.fixture
def api(start: StartFunction) -> Api:
    """Return the API of an application with two dead letters."""
    worker = start("worker")
    for _ in range(2):
        assert failed(worker(batch(message(_EVENT, syncId=None)))) == []
    return Api(start)


def _ids(api: Api, query: str = "") -> list[str]:
    answer = api.send("GET", f"/dead-letters{query}")
    assert answer.status == 200, answer.text
    return [letter["messageId"] for letter in answer.body["letters"]]


def test_dead_letters_are_listed_without_their_bodies(api: Api) -> None:
    """By queue and reason; reading changes nothing."""
    first = api.send("GET", "/dead-letters").body
    assert [letter["companyId"] for letter in first["letters"]] == [COMPANY_ID, COMPANY_ID]
    assert all("body" not in letter and letter["isRedrivable"] for letter in first["letters"])
    reason = first["letters"][0]["reason"]
    assert len(_ids(api, f"?reason={reason}&queue=sync")) == 2
    assert _ids(api, "?reason=other") == _ids(api, "?queue=retry") == []


def test_a_dead_letter_is_redriven(api: Api, aws: Aws) -> None:
    """The one that is named, to its queue; an unknown one is not among the result."""
    first, second = _ids(api)
    answer = api.send("POST", "/dead-letters/redrive", body={"messageIds": [first, "unknown"]})
    assert (answer.status, answer.body) == (200, {"messageIds": [first]})
    assert _ids(api) == [second]
    assert len(aws.messages("SYNC_QUEUE")) == 1


def test_a_dead_letter_is_dropped_with_a_record(api: Api) -> None:
    """Who, when and why are kept."""
    first, second = _ids(api)
    body = {"messageIds": [first], "queue": "sync", "why": "a test"}
    assert api.send("POST", "/dead-letters/drop", body=body).body == {"messageIds": [first]}
    listed = api.send("GET", "/dead-letters").body
    assert [letter["messageId"] for letter in listed["letters"]] == [second]
    (dropped,) = listed["dropped"]
    assert (dropped["messageId"], dropped["drop"]["why"]) == (first, "a test")
    assert "ann" in dropped["drop"]["by"]


@pytest.mark.parametrize("action", ["redrive", "drop"])
def test_only_with_the_role_is_a_dead_letter_handled(api: Api, action: str) -> None:
    """A viewer sees them."""
    (first, second) = _ids(api)
    body = {"messageIds": [first]} | ({"why": "a test"} if action == "drop" else {})
    answer = api.send("POST", f"/dead-letters/{action}", body=body, roles="[codat-sync/view]")
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert len(_ids(api)) == 2, second


@pytest.mark.parametrize(
    ("action", "body", "parameter"),
    [
        ("redrive", {}, "messageIds"),
        ("redrive", {"messageIds": []}, "messageIds"),
        ("redrive", {"messageIds": ["m"], "queue": "publish"}, "queue"),
        ("drop", {"messageIds": ["m"]}, "why"),
        ("drop", {"messageIds": ["m"], "why": "  "}, "why"),
        ("drop", {"messageIds": ["m"], "why": "w", "all": True}, "all"),
    ],
)
def test_an_invalid_body_is_rejected_by_its_fields(
    api: Api, action: str, body: dict[str, object], parameter: str
) -> None:
    """Nothing is selected by omission."""
    answer = api.send("POST", f"/dead-letters/{action}", body=body)
    assert (answer.status, [error["parameter"] for error in answer.body["errors"]]) == (400, [parameter])
