"""The functions with secrets as operators paste them: the whole way from Secrets Manager to the answer."""

import base64
import json

import pytest

from codat_sync.syncs.repository import SyncRepository
from dev.stored_events import SYNC_ID, UNSIGNED, load, signed
from tests.support.aws import API_KEY, SIGNING_SECRET, Aws
from tests.support.handlers import StartFunction
from tests.support.submit_requests import EXPENSES, ask, expense

_ENCODED = base64.b64encode(API_KEY.encode()).decode()


def _reasons(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line["reason"] for line in lines if line.get("message") == "secret unavailable"]


@pytest.mark.parametrize(
    "key", [f"{API_KEY}\n", f'"{API_KEY}"', _ENCODED, f"Basic {_ENCODED}", f"Authorization: Basic {_ENCODED}\r\n"]
)
def test_a_pasted_api_key_is_the_key(start: StartFunction, aws: Aws, store: SyncRepository, key: str) -> None:
    """For the worker, which sends it to Codat, and for submit, which also receives it from products."""
    aws.put_secret("CODAT_SECRET", {"apiKey": key})
    start("worker")(load("worker", "sync-successful"))
    assert store.load_sync(SYNC_ID)
    assert ask(start("submit"), "POST", EXPENSES, [expense()]).status == 200


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"apiKey": f"{API_KEY}\nand {API_KEY}"}, "line break"),
        ({"apiKey": "<your API key>"}, "placeholder"),
        ({"apiKey": SIGNING_SECRET}, "signing secret"),
        ("{apiKey: an API key}", "not valid JSON"),
    ],
)
def test_an_unusable_api_key_answers_503_and_is_logged(
    start: StartFunction, aws: Aws, capsys: pytest.CaptureFixture[str], stored: object, reason: str
) -> None:
    """With the reason, but not with the key."""
    aws.put_secret("CODAT_SECRET", stored)
    assert ask(start("submit"), "POST", EXPENSES, [expense()]).status == 503
    (said,) = set(_reasons(capsys))
    assert reason in said
    assert API_KEY not in said
    assert start("worker")(load("worker", "sync-successful")) == {"batchItemFailures": []}
    assert set(_reasons(capsys)) == {said}


@pytest.mark.parametrize(
    "stored",
    [
        SIGNING_SECRET,
        f"v1,{SIGNING_SECRET}\n",
        {"signingSecrets": f"'{SIGNING_SECRET}'"},
        {"signingSecrets": [SIGNING_SECRET.replace("_", "_ ")], "authorization": ""},
        {"signingSecrets": [SIGNING_SECRET, "whsec_…"]},
    ],
)
def test_a_pasted_signing_secret_verifies(start: StartFunction, aws: Aws, stored: object) -> None:
    """One beside it that is malformed does not keep it from it."""
    aws.put_secret("WEBHOOK_SECRET", stored)
    assert start("receiver")(signed(load("receiver", UNSIGNED), SIGNING_SECRET))["statusCode"] == 202


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"signingSecrets": ["whsec_eA=="]}, "too short"),
        ({"signingSecrets": [SIGNING_SECRET[:-1]]}, "too short"),
        ({"signingSecrets": [f"Basic {_ENCODED}"]}, "Authorization header"),
        (SIGNING_SECRET.removeprefix("whsec_"), "does not begin with whsec_"),
    ],
)
def test_an_unusable_signing_secret_answers_503_and_is_logged(
    start: StartFunction, aws: Aws, capsys: pytest.CaptureFixture[str], stored: object, reason: str
) -> None:
    """Codat sends the webhook again, for long enough to fix it."""
    aws.put_secret("WEBHOOK_SECRET", stored)
    assert start("receiver")(signed(load("receiver", UNSIGNED), SIGNING_SECRET))["statusCode"] == 503
    (said,) = _reasons(capsys)
    assert reason in said
    assert SIGNING_SECRET.removeprefix("whsec_")[:-1] not in said


def test_what_the_secret_may_not_hold_yet_is_sent_again(start: StartFunction, aws: Aws) -> None:
    """During a rotation, a webhook that none of the secrets signed gets a 503, and a malformed one a 401."""
    receiver, other = start("receiver"), f"whsec_{base64.b64encode(b'another secret of Codat.').decode()}"
    webhook = load("receiver", UNSIGNED)
    assert receiver(signed(webhook, other))["statusCode"] == 401
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [SIGNING_SECRET], "authorization": None, "rotating": True})
    assert receiver(signed(webhook, other))["statusCode"] == 503
    assert receiver(signed(webhook, SIGNING_SECRET))["statusCode"] == 202
    assert receiver(webhook)["statusCode"] == 401
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [other, SIGNING_SECRET], "authorization": None})
    assert receiver(signed(webhook, other))["statusCode"] == 202
    assert receiver(signed(webhook, SIGNING_SECRET))["statusCode"] == 202
