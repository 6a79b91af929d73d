"""The receiver: what Codat sends, and what else may come."""

import base64
import json

import pytest

from codat_sync.core.errors import SettingsError
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, RECEIVER_ANSWERS, SYNC_ID, UNSIGNED, Payload, load, signed
from tests.support.aws import SIGNING_SECRET, Aws
from tests.support.handlers import StartFunction

_NEW_SECRET = "whsec_" + base64.b64encode(b"the secret that comes next").decode()


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET_ARN", "SYNC_QUEUE_URL"])
def test_the_error_names_a_missing_variable(start: StartFunction, aws: Aws, name: str) -> None:
    """When the function starts, not when the first webhook arrives."""
    aws.environment[name] = ""
    with pytest.raises(SettingsError, match=name):
        start("receiver")


def _payload(body: bytes, headers: dict[str, str]) -> Payload:
    """Return the payload that API Gateway makes of a request."""
    return load("receiver", UNSIGNED) | {"body": body.decode(), "headers": headers}


@pytest.mark.parametrize("name", [name for name in RECEIVER_ANSWERS if name != UNSIGNED])
def test_what_codat_signed_is_on_the_queue(start: StartFunction, aws: Aws, name: str) -> None:
    """Byte for byte, with the company as message group, and answered 202."""
    payload = signed(load("receiver", name), SIGNING_SECRET)
    assert start("receiver")(payload)["statusCode"] == RECEIVER_ANSWERS[name]
    (sent,) = aws.messages("SYNC_QUEUE")
    message = json.loads(sent["Body"])
    body = payload["body"]
    assert message["raw"] == (body if payload["isBase64Encoded"] else base64.b64encode(body.encode()).decode())
    assert (message["v"], message["kind"], message["webhookId"]) == (1, "webhook", "msg_2pLxVrYw9bQk")
    assert message["correlationId"] == payload["requestContext"]["requestId"]
    of_a_sync = name.startswith("sync-")
    assert (message["companyId"], message["syncId"]) == ((COMPANY_ID, SYNC_ID) if of_a_sync else (None, None))
    assert sent["Attributes"].get("MessageGroupId") == (COMPANY_ID if of_a_sync else None)


def test_what_nobody_signed_is_refused_and_nothing_else_is_known(
    start: StartFunction, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """401, nothing on the queue, nothing of the body in the log."""
    answer = start("receiver")(load("receiver", UNSIGNED))
    assert answer["statusCode"] == RECEIVER_ANSWERS[UNSIGNED]
    assert json.loads(answer["body"]) == {"message": "Unauthorized"}
    assert aws.messages("SYNC_QUEUE") == []
    assert SYNC_ID not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["svix", "WEBHOOK", "Svix"])
def test_headers_may_have_either_name_in_any_case(start: StartFunction, name: str) -> None:
    """API Gateway lowers them, `sam local` does not."""
    assert start("receiver")(signed(load("receiver", UNSIGNED), SIGNING_SECRET, prefix=name))["statusCode"] == 202


def test_a_body_changed_by_one_byte_is_refused(start: StartFunction, aws: Aws) -> None:
    """Even where JSON would not care."""
    payload = signed(load("receiver", UNSIGNED), SIGNING_SECRET)
    assert start("receiver")(payload | {"body": payload["body"] + " "})["statusCode"] == 401
    assert aws.messages("SYNC_QUEUE") == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[1, 2]", b'{"eventType": 7}'])
def test_what_is_signed_is_taken_in_whatever_it_is(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, body: bytes
) -> None:
    """It is authentic, so it is enqueued: the worker interprets it."""
    assert start("receiver")(_payload(body, simulated.sign(body).headers))["statusCode"] == 202
    (sent,) = aws.messages("SYNC_QUEUE")
    assert base64.b64decode(json.loads(sent["Body"])["raw"]) == body


def test_a_request_without_a_body_is_an_empty_one(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """API Gateway leaves it out."""
    payload = _payload(b"", simulated.sign(b"").headers)
    del payload["body"]
    assert start("receiver")(payload)["statusCode"] == 202
    assert len(aws.messages("SYNC_QUEUE")) == 1


def test_two_megabytes_of_transactions_are_left_to_the_worker(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat
) -> None:
    """The event goes without them; a smaller message would not have held it."""
    event = json.loads(load("receiver", "sync-successful")["body"])
    event["payload"]["transactions"] *= 12_000
    body = json.dumps(event).encode()
    assert len(body) > 2_000_000
    assert start("receiver")(_payload(body, simulated.sign(body).headers))["statusCode"] == 202
    (sent,) = aws.messages("SYNC_QUEUE")
    message = json.loads(sent["Body"])
    assert (message["companyId"], message["syncId"]) == (COMPANY_ID, SYNC_ID)
    assert len(message["raw"]) < 2000


def test_two_megabytes_of_something_else_are_refused_with_their_id(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answer 413, count it and log its id, so that it can be requested from Codat."""
    body = json.dumps({"eventType": "bills.write.successful", "payload": "x" * 2_000_000}).encode()
    headers = simulated.sign(body, webhook_id="msg_large").headers
    assert start("receiver")(_payload(body, headers))["statusCode"] == 413
    assert aws.messages("SYNC_QUEUE") == []
    log = capsys.readouterr().out
    assert '"webhook_id":"msg_large"' in log
    assert '"WebhookTooLarge":[1.0]' in log
    assert "xxxx" not in log


def test_a_secret_is_exchanged_without_a_lost_event(
    start: StartFunction, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is added, both are good, the old one goes: the running function notices by itself."""
    monkeypatch.setattr("codat_sync.aws.secrets._MIN_INTERVAL", 0)
    payload = load("receiver", UNSIGNED)
    receiver = start("receiver")
    assert receiver(signed(payload, SIGNING_SECRET))["statusCode"] == 202
    assert receiver(signed(payload, _NEW_SECRET))["statusCode"] == 401
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [SIGNING_SECRET, _NEW_SECRET], "authorization": None})
    assert receiver(signed(payload, _NEW_SECRET))["statusCode"] == 202
    assert receiver(signed(payload, SIGNING_SECRET))["statusCode"] == 202
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [_NEW_SECRET], "authorization": None})
    monkeypatch.setattr("codat_sync.aws.secrets._MAX_AGE", 0)
    assert receiver(signed(payload, SIGNING_SECRET))["statusCode"] == 401
    assert receiver(signed(payload, _NEW_SECRET))["statusCode"] == 202


def test_an_agreed_authorization_is_asked_for(start: StartFunction, aws: Aws) -> None:
    """On top of the signature."""
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [SIGNING_SECRET], "authorization": "Bearer agreed"})
    receiver = start("receiver")
    payload = signed(load("receiver", UNSIGNED), SIGNING_SECRET)
    assert receiver(payload)["statusCode"] == 401
    payload["headers"]["authorization"] = "Bearer agreed"
    assert receiver(payload)["statusCode"] == 202


@pytest.mark.parametrize("secret", ["", "no JSON", {"signingSecrets": []}])
def test_a_missing_secret_answers_503(start: StartFunction, aws: Aws, secret: object) -> None:
    """503, never 401: a 401 would count against the endpoint for what is our own omission."""
    if secret == "":
        aws.environment["WEBHOOK_SECRET_ARN"] = aws.secretsmanager.create_secret(Name="unset")["ARN"]
    else:
        aws.put_secret("WEBHOOK_SECRET", secret)
    assert start("receiver")(signed(load("receiver", UNSIGNED), SIGNING_SECRET))["statusCode"] == 503
    assert aws.messages("SYNC_QUEUE") == []


def test_an_unavailable_queue_answers_503(start: StartFunction, aws: Aws) -> None:
    """503: the event is not ours yet."""
    receiver = start("receiver")
    aws.sqs.delete_queue(QueueUrl=aws.environment["SYNC_QUEUE_URL"])
    assert receiver(signed(load("receiver", UNSIGNED), SIGNING_SECRET))["statusCode"] == 503


def test_the_log_holds_no_secret_and_nothing_of_the_body(
    start: StartFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only ids, the outcome and our own words."""
    payload = signed(load("receiver", "sync-unsuccessful"), SIGNING_SECRET)
    start("receiver")(payload)
    log = capsys.readouterr().out
    assert f'"sync_id":"{SYNC_ID}"' in log
    assert '"WebhookAccepted":[1.0]' in log
    for private in ("archived", "Toft", SIGNING_SECRET, payload["headers"]["webhook-signature"]):
        assert private not in log


def test_signing_and_verifying_agree_on_text_beyond_ascii(start: StartFunction, simulated: SimulatedCodat) -> None:
    """The signature is over bytes."""
    body = '{"eventType": "expenses.sync.successful", "payload": {"note": "Bäckerei — 5 €"}}'.encode()
    assert start("receiver")(_payload(body, simulated.sign(body).headers))["statusCode"] == 202
