"""The message of SyncQueue, and what fits into it."""

import base64
import json
from datetime import UTC, datetime

import pytest

from codat_sync.core.errors import MessageTooLargeError
from codat_sync.messaging.messages import MAX_MESSAGE_BYTES, WebhookMessage, encode_message
from codat_sync.webhooks.events import parse_webhook
from codat_sync.webhooks.message import webhook_message

_RECEIVED_AT = datetime(2026, 11, 23, 22, 33, 32, tzinfo=UTC)


def _message(body: bytes) -> WebhookMessage:
    return webhook_message(body, webhook_id="msg_1", received_at=_RECEIVED_AT, correlation_id="request-1")


def _sync_event(**more: object) -> dict[str, object]:
    payload = {"referenceCompany": {"id": "c"}, "syncId": "s", **more}
    return {"eventType": "expenses.sync.successful", "payload": payload}


def test_a_message_holds_the_body_as_it_came() -> None:
    """Byte for byte, with the ids beside it."""
    body = json.dumps(_sync_event(), indent=3).encode()
    assert _message(body) == {
        "v": 1,
        "kind": "webhook",
        "companyId": "c",
        "syncId": "s",
        "webhookId": "msg_1",
        "receivedAt": "2026-11-23T22:33:32.000Z",
        "correlationId": "request-1",
        "raw": base64.b64encode(body).decode(),
    }


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"eventType":"x","payload":{"syncId":"../up"}}'])
def test_a_body_that_makes_no_sense_is_still_a_message(body: bytes) -> None:
    """It was signed, so it is not lost; what is no id is not passed on as one."""
    message = _message(body)
    assert (message["companyId"], message["syncId"]) == (None, None)
    assert base64.b64decode(message["raw"]) == body


def test_a_large_event_of_a_sync_goes_without_its_transactions() -> None:
    """2 MB of them: the worker asks Codat for those anyway. The same with whatever else makes it so large."""
    for more in (
        {"transactions": [{"id": "t" * 90, "status": "Completed"}] * 20_000},
        {f"field{n}": "x" * 1000 for n in range(2000)},
    ):
        body = json.dumps(_sync_event(**more)).encode()
        assert len(body) > 2_000_000
        message = _message(body)
        assert parse_webhook(json.loads(base64.b64decode(message["raw"])), _RECEIVED_AT) == parse_webhook(
            _sync_event(), _RECEIVED_AT
        )
        assert (message["companyId"], message["syncId"]) == ("c", "s")


@pytest.mark.parametrize(
    "event",
    [
        {"eventType": "bills.write.successful", "payload": {"records": ["x" * 1000] * 2000}},
        {"text": "x" * 2_000_000},
    ],
)
def test_what_does_not_fit_even_so_is_refused(event: dict[str, object]) -> None:
    """An event of another kind, and one of none."""
    with pytest.raises(MessageTooLargeError):
        _message(json.dumps(event).encode())


def test_the_largest_message_fits_and_one_byte_more_does_not() -> None:
    """The limit is SQS's, minus the size of a dead letter's attributes."""
    room = MAX_MESSAGE_BYTES - len(encode_message(_message(b"")))
    largest = b"x" * (room // 4 * 3)
    assert len(encode_message(_message(largest))) <= MAX_MESSAGE_BYTES
    with pytest.raises(MessageTooLargeError):
        _message(largest + b"xxx")
