"""What becomes of each request to submit: recorded, forwarded or rejected."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from codat_sync.codat.response import CodatResponse
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import (
    CodatUnavailableError,
    CompanyErasedError,
    SecretUnavailableError,
    SubmissionInFlightError,
)
from codat_sync.submissions.proxy import SubmitProxy

if TYPE_CHECKING:
    from codat_sync.submissions.codat_writer import CodatWriter, ForwardedRequest
    from codat_sync.submissions.service import SubmissionService, WriteRequest

_COMPANY = "8a210b68-6988-11ed-a1eb-0242ac120002"
_EXPENSES = f"/companies/{_COMPANY}/sync/expenses/expense-transactions"
_KEY = "1c2a9a5e-6b3e-4b52-9a39-1f7ad3a3c0f1"
_BODY = {"id": "e1", "currency": "GBP"}


@dataclass
class Codat:
    """Receives what submit would send, in the place of the submission service and of the writer."""

    stored: list["WriteRequest"] = field(default_factory=list)
    submitted: list["WriteRequest"] = field(default_factory=list)
    forwarded: list["ForwardedRequest"] = field(default_factory=list)
    error: Exception | None = None

    def store_body(self, write: "WriteRequest") -> None:
        self.stored.append(write)

    def submit(self, write: "WriteRequest") -> CodatResponse:
        self.submitted.append(write)
        return self._respond()

    def forward(self, request: "ForwardedRequest") -> CodatResponse:
        self.forwarded.append(request)
        return self._respond()

    def _respond(self) -> CodatResponse:
        if self.error:
            raise self.error
        return CodatResponse(202, "Accepted", {"content-type": "application/json"}, b'{"syncId": "s"}', utc_now())

    @property
    def is_untouched(self) -> bool:
        return not (self.stored or self.submitted or self.forwarded)


def _no_secret() -> str:
    raise SecretUnavailableError("not set")


def _refuse(company_id: str) -> None:
    raise CompanyErasedError(company_id)


def _answer(  # noqa: PLR0913 - what a request is made of
    codat: Codat,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str = "secret",
    api_key: Callable[[], str] = lambda: "secret",
    require_not_erased: Callable[[str], None] = lambda _: None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    proxy = SubmitProxy(
        cast("SubmissionService", codat), cast("CodatWriter", codat), api_key, require_not_erased, utc_now
    )
    return proxy.answer(
        {
            "rawPath": path,
            "rawQueryString": "page=2",
            "headers": {"authorization": f"Basic {b64encode(key.encode()).decode()}"} | (headers or {}),
            "requestContext": {"requestId": "r", "http": {"method": method}},
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
    )


def test_a_creation_is_submitted_with_its_body_and_key() -> None:
    """Codat's response is returned as it is."""
    codat = Codat()
    answer = _answer(codat, "POST", _EXPENSES, "\ufeff" + json.dumps([_BODY]), headers={"idempotency-key": _KEY})
    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"syncId": "s"})
    (write,) = codat.submitted
    assert (write.company_id, write.method, write.idempotency_key) == (_COMPANY, "POST", _KEY)
    assert json.loads(write.text) == [_BODY]
    assert [body.transaction_id for body in write.bodies] == ["e1"]
    assert not codat.forwarded


def test_an_update_is_submitted_without_a_key() -> None:
    """Codat ignores the key of an update, so it must not be relied on."""
    codat = Codat()
    _answer(codat, "PUT", f"{_EXPENSES}/e1", {"currency": "GBP"}, headers={"idempotency-key": _KEY})
    (write,) = codat.submitted
    assert (write.method, write.idempotency_key) == ("PUT", None)


def test_a_recorded_body_is_stored_and_not_sent() -> None:
    """The product sends it to Codat itself."""
    codat = Codat()
    answer = _answer(codat, "PUT", f"/recorded/{_COMPANY}/expense-transactions/e1", _BODY)
    assert (answer["statusCode"], len(codat.stored)) == (204, 1)
    assert not codat.submitted
    assert not codat.forwarded


def test_another_request_is_forwarded_once_with_its_query() -> None:
    """Nothing is recorded."""
    codat = Codat()
    _answer(codat, "GET", f"/companies/{_COMPANY}/connections", headers={"accept": "application/json"})
    (request,) = codat.forwarded
    assert (request.method, request.query, request.company_id) == ("GET", "page=2", _COMPANY)
    assert request.headers["accept"] == "application/json"
    assert "authorization" not in request.headers
    assert not codat.submitted


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_codats_api_key_nothing_happens(method: str) -> None:
    """The API key is the only authentication of these routes."""
    codat = Codat()
    assert _answer(codat, method, _EXPENSES, [_BODY], key="wrong")["statusCode"] == 401
    assert codat.is_untouched


def test_while_the_api_key_is_not_set_nothing_happens() -> None:
    """The caller may try again later, as with Codat's own 503."""
    codat = Codat()
    assert _answer(codat, "POST", _EXPENSES, [_BODY], api_key=_no_secret)["statusCode"] == 503
    assert codat.is_untouched


def test_nothing_is_forwarded_for_an_erased_company() -> None:
    """The rate limiter would store the company's id again."""
    codat = Codat()
    answer = _answer(codat, "GET", f"/companies/{_COMPANY}/connections", require_not_erased=_refuse)
    assert answer["statusCode"] == 410
    assert codat.is_untouched


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", _EXPENSES, "{", 400),
        ("POST", _EXPENSES, [{"currency": "GBP"}], 400),
        ("PATCH", _EXPENSES, [_BODY], 400),
        ("GET", "/companies/../companies", None, 400),
    ],
)
def test_what_cannot_be_recorded_is_rejected(method: str, path: str, body: object, status: int) -> None:
    """It might write an expense that nobody could trace."""
    codat = Codat()
    assert _answer(codat, method, path, body)["statusCode"] == status
    assert codat.is_untouched


@pytest.mark.parametrize(
    ("error", "status"),
    [(SubmissionInFlightError("e1", "It is being sent."), 409), (CodatUnavailableError("timed out"), 504)],
)
def test_an_error_is_returned_in_codats_shape(error: Exception, status: int) -> None:
    """The product's Codat client has to understand it."""
    answer = _answer(Codat(error=error), "POST", _EXPENSES, [_BODY])
    assert (answer["statusCode"], json.loads(answer["body"])["statusCode"]) == (status, status)


def test_an_unexpected_error_is_not_hidden() -> None:
    """Lambda reports it, and an alarm counts it."""
    with pytest.raises(ZeroDivisionError):
        _answer(Codat(error=ZeroDivisionError()), "POST", _EXPENSES, [_BODY])
