"""Webhooks are delivered on Codat's schedule until they are taken."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest
from standardwebhooks import Webhook

from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.delivery import SCHEDULE, Deliverer, Message
from dev.waiting import PATIENCE_SECONDS, poll

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Answer = Callable[[int], int]


class Receiver:
    """Receives webhooks with scripted responses."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one."""
        self.requests.append(request)
        return httpx.Response(self._answer(len(self.requests)))

    def headers(self, name: str) -> list[str]:
        """Give a header of each."""
        return [request.headers[name] for request in self.requests]


def ticking() -> Callable[[], datetime]:
    """Return a clock that advances by a second per reading."""
    start, seconds = datetime.now(UTC), count()
    return lambda: start + timedelta(seconds=next(seconds))


def deliverer(receiver: Receiver, *, time_scale: float = 0.0) -> Deliverer:
    """Make a deliverer whose receiver is in this process; by default its whole schedule is now."""
    codat = SimulatedCodat("key", SECRET, now=ticking())
    return Deliverer(
        codat,
        "http://receiver/webhooks/codat",
        time_scale=time_scale,
        workers=2,
        transport=httpx.MockTransport(receiver),
    )


def test_any_2xx_ends_it() -> None:
    """A 202 is as good as a 200: one attempt, with a signature that verifies."""
    receiver = Receiver(lambda _: 202)
    with deliverer(receiver) as sending:
        sending.send(Message(b'{"a": 1}', method="PUT"))
        assert sending.wait(PATIENCE_SECONDS)
        assert [(each.delivered, each.pending, len(each.attempts)) for each in sending.deliveries()] == [
            (True, False, 1)
        ]
    (request,) = receiver.requests
    assert request.method == "PUT"
    Webhook(SECRET).verify(request.content, dict(request.headers))


def test_attempts_share_the_id_and_are_signed_anew() -> None:
    """A rejected message is redelivered with the same id and body, a new time and a new signature."""
    receiver = Receiver(lambda attempt: 503 if attempt < 4 else 200)
    with deliverer(receiver) as sending:
        webhook_id = sending.send(Message(b"{}"))
        assert sending.wait(PATIENCE_SECONDS)
    assert receiver.headers("webhook-id") == [webhook_id] * 4
    assert len(set(receiver.headers("webhook-timestamp"))) == 4
    assert len(set(receiver.headers("webhook-signature"))) == 4
    assert {request.content for request in receiver.requests} == {b"{}"}


def test_codat_gives_up_after_eight_attempts() -> None:
    """What is never taken is tried as often as the schedule has it, and each failure is on record."""
    receiver = Receiver(lambda _: 500)
    with deliverer(receiver) as sending:
        sending.send(Message(b"{}"))
        assert sending.wait(PATIENCE_SECONDS)
        (delivery,) = sending.deliveries()
    assert [attempt.status for attempt in delivery.attempts] == [500] * 8
    assert not delivery.delivered


def test_schedule_is_codats() -> None:
    """The attempts are spread over 28 hours."""
    assert len(SCHEDULE) == 8
    assert timedelta(seconds=sum(SCHEDULE)) == timedelta(hours=27, minutes=35, seconds=5)


def test_next_attempt_waits_for_its_time() -> None:
    """On a schedule that is slow enough, the second attempt does not follow at once; stopping does not wait for it."""
    receiver = Receiver(lambda _: 503)
    with deliverer(receiver, time_scale=1000) as sending:
        sending.send(Message(b"{}"))
        assert poll(lambda: sending.deliveries()[0].attempts)
        assert [(each.pending, len(each.attempts)) for each in sending.deliveries()] == [(True, 1)]


@pytest.mark.parametrize(("status", "attempts"), [(500, 1), (401, 1), (503, 8), (429, 8)])
def test_service_of_before_gives_up_on_a_500(status: int, attempts: int) -> None:
    """For events of before, only what says `later` is tried again."""
    receiver = Receiver(lambda _: status)
    with deliverer(receiver) as sending:
        sending.send(Message(b"{}", generation="old"))
        assert sending.wait(PATIENCE_SECONDS)
    assert len(receiver.requests) == attempts


def test_lost_connection_is_tried_again() -> None:
    """An error in place of an answer is on record, and no reason to give up."""

    def answer(attempt: int) -> int:
        if attempt == 1:
            raise httpx.ConnectError("refused")
        return 200

    with deliverer(Receiver(answer)) as sending:
        sending.send(Message(b"{}"))
        assert sending.wait(PATIENCE_SECONDS)
        (delivery,) = sending.deliveries()
    assert [attempt.status for attempt in delivery.attempts] == [None, 200]
    assert "refused" in str(delivery.attempts[0].error)


def test_without_a_url_the_message_waits_for_one() -> None:
    """A message that there is nowhere to send to is not lost."""
    receiver = Receiver(lambda _: 200)
    with deliverer(receiver, time_scale=0.001) as sending:
        url, sending.url = sending.url, None
        sending.send(Message(b"{}"))
        assert poll(lambda: sending.deliveries()[0].attempts)
        sending.url = url
        assert sending.wait(PATIENCE_SECONDS)
    assert len(receiver.requests) == 1


def test_replay_is_a_new_message_and_redelivery_the_same() -> None:
    """A replay has a new id and the same body; a redelivery is a duplicate."""
    receiver = Receiver(lambda _: 200)
    with deliverer(receiver) as sending:
        first = sending.send(Message(b'{"a": 1}'))
        assert sending.wait(PATIENCE_SECONDS)
        replayed = sending.replay(first)
        assert sending.wait(PATIENCE_SECONDS)
        assert sending.redeliver(first) == first
        assert sending.wait(PATIENCE_SECONDS)
    assert receiver.headers("webhook-id") == [first, replayed, first]
    assert replayed != first
    assert {request.content for request in receiver.requests} == {b'{"a": 1}'}
