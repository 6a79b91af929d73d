"""Whether Codat signed a request."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from standardwebhooks import Webhook

from codat_sync.core.errors import SecretUnavailableError, WebhookAuthenticationError
from codat_sync.webhooks.signature import parse_signing_secrets, verify

_SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four.").decode()
_OTHER = "whsec_" + base64.b64encode(b"another one, just as long").decode()
_BODY = '{"test": "ä"}'.encode()


def _headers(
    body: bytes = _BODY, secret: str = _SECRET, at: timedelta = timedelta(), prefix: str = "webhook-"
) -> dict[str, str]:
    moment = datetime.now(UTC) + at
    return {
        prefix + "id": "msg_1",
        prefix + "timestamp": str(int(moment.timestamp())),
        prefix + "signature": Webhook(secret).sign("msg_1", moment, body.decode()),
    }


def _secrets(*secrets: str, authorization: str | None = None) -> str:
    return json.dumps({"signingSecrets": secrets, "authorization": authorization})


def _verify(headers: dict[str, str], body: bytes = _BODY, secret: str = _secrets(_SECRET)) -> str:
    return verify(parse_signing_secrets(secret), headers, body)


@pytest.mark.parametrize("prefix", ["webhook-", "svix-", "Webhook-", "SVIX-"])
def test_a_signed_request_is_known_by_its_id(prefix: str) -> None:
    """Under both names of the headers, in any letter case."""
    assert _verify(_headers(prefix=prefix)) == "msg_1"


def test_the_signature_is_the_one_of_codats_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codat's own example, on its own day."""

    class ThatDay(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "ThatDay":
            return cls.fromtimestamp(1614265330, tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", ThatDay)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = _secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert _verify(headers, b'{"test": 2432232314}', secret) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_any_of_several_secrets_may_have_signed() -> None:
    """While a secret is exchanged, both are good; and so are several signatures on one request."""
    assert _verify(_headers(), secret=_secrets(_OTHER, _SECRET)) == "msg_1"
    twice = _headers()
    twice["webhook-signature"] = f"{_headers(secret=_OTHER)['webhook-signature']} {twice['webhook-signature']}"
    assert _verify(twice) == "msg_1"


@pytest.mark.parametrize("at", [timedelta(minutes=-4), timedelta(minutes=4)])
def test_a_clock_may_be_off_by_minutes(at: timedelta) -> None:
    """Standard Webhooks allows five."""
    assert _verify(_headers(at=at)) == "msg_1"


@pytest.mark.parametrize(
    "neighbour", ["v1", ",", "v1,", "v1,a,b", "v1,not base64!", "v1a,eA==", "v2,\u00c4", "x" * 999]
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_malformed_signature_does_not_spoil_a_valid_one(neighbour: str, is_first: bool) -> None:  # noqa: FBT001
    """Codat sends several while a secret is rotated."""
    headers = _headers()
    pair = (neighbour, headers["webhook-signature"])
    assert _verify(headers | {"webhook-signature": " ".join(pair if is_first else reversed(pair))}) == "msg_1"


def test_an_invalid_family_of_headers_does_not_spoil_the_other() -> None:
    """The id is that of the family that is signed."""
    invalid = {"webhook-id": "msg_2", "webhook-timestamp": "soon", "webhook-signature": "v1,?"}
    assert _verify(invalid | _headers(prefix="svix-")) == "msg_1"


# Each is signed when its test runs: a signature that was made earlier could be too old, or no longer too new.
@pytest.mark.parametrize(
    "headers",
    [
        dict,
        lambda: {"webhook-id": "msg_1"},
        lambda: _headers() | {"webhook-signature": ""},
        lambda: _headers() | {"webhook-signature": "v1"},
        lambda: _headers() | {"webhook-signature": "v1,"},
        lambda: _headers() | {"webhook-signature": "v1,not base64!"},
        lambda: _headers() | {"webhook-signature": "v1,ÄÖÜ"},
        lambda: _headers() | {"webhook-signature": _headers()["webhook-signature"].replace("v1,", "v2,")},
        lambda: _headers() | {"webhook-signature": _headers()["webhook-signature"][:-5]},
        lambda: _headers() | {"webhook-timestamp": "yesterday"},
        lambda: _headers() | {"webhook-timestamp": "nan"},
        lambda: _headers() | {"webhook-timestamp": "9" * 400},
        lambda: _headers() | {"webhook-id": "msg_2"},
        lambda: _headers() | {"webhook-id": "", "svix-id": "msg_1"},
        lambda: _headers(at=timedelta(minutes=-6)),
        lambda: _headers(at=timedelta(minutes=6)),
        lambda: _headers(secret=_OTHER),
        lambda: _headers(b'{"test": "b"}'),
    ],
)
def test_anything_else_is_unauthentic(headers: Callable[[], dict[str, str]]) -> None:
    """Missing, short, garbled, of another version, id, time, secret or body."""
    with pytest.raises(WebhookAuthenticationError):
        _verify(headers())


@pytest.mark.parametrize("body", [b"", _BODY + b" ", _BODY[:-1], b"\xff\xfe"])
def test_a_body_that_was_changed_is_unauthentic(body: bytes) -> None:
    """By a byte, to nothing, or to what is no text."""
    with pytest.raises(WebhookAuthenticationError):
        _verify(_headers(), body)


def test_an_agreed_authorization_is_asked_for_too() -> None:
    """It comes on top of the signature, and instead of nothing."""
    agreed = _secrets(_SECRET, authorization="Bearer ä")
    assert _verify(_headers() | {"Authorization": "Bearer ä"}, secret=agreed) == "msg_1"
    for wrong in ({}, {"Authorization": "Bearer b"}, {"authorization": ""}):
        with pytest.raises(WebhookAuthenticationError):
            _verify(_headers() | wrong, secret=agreed)
    with pytest.raises(WebhookAuthenticationError):
        _verify({"Authorization": "Bearer ä"}, secret=agreed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"signingSecrets": []}',
        '{"signingSecrets": "whsec_abc"}',
        '{"signingSecrets": [7]}',
        '{"signingSecrets": ["whsec_"]}',
        '{"signingSecrets": ["whsec_…"]}',
        '{"signingSecrets": ["whsec_abcd"], "authorization": 7}',
    ],
)
def test_a_secret_that_is_none_is_said_to_be_so_without_quoting_it(text: str) -> None:
    """Answer 503: Codat redelivers the events after an operator has fixed it."""
    with pytest.raises(SecretUnavailableError) as raised:
        parse_signing_secrets(text)
    assert raised.value.__cause__ is None
    assert "abc" not in str(raised.value)
