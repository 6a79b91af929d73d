"""The events of `make sam-local`."""

from datetime import datetime, timedelta, tzinfo

import pytest

from dev.sam_local.events import receiver_events
from dev.stored_events import UNSIGNED
from tests.support.aws import SIGNING_SECRET


class _Later(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Later":
        return cls.fromtimestamp((datetime.now(tz) + timedelta(minutes=10)).timestamp(), tz)


def test_a_webhook_is_signed_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the events are listed: on a slow machine that is more than five minutes before."""
    webhooks = [event for event in receiver_events(SIGNING_SECRET) if event.name != UNSIGNED]
    before = [int(event.payload["headers"]["webhook-timestamp"]) for event in webhooks]
    monkeypatch.setattr("dev.stored_events.datetime", _Later)
    after = [int(event.payload["headers"]["webhook-timestamp"]) for event in webhooks]
    assert min(after) - max(before) >= 600 - 1
