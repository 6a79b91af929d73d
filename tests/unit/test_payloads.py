"""The stored payloads."""

from tests.payloads import EVENTS, RECEIVER_ANSWERS, WORKER_REASONS


def test_every_stored_payload_is_used() -> None:
    """By the tests of its function and by `sam local`, which both go by these names."""
    stored = {(path.parent.name, path.stem) for path in EVENTS.rglob("*.*")}
    assert stored == {("receiver", name) for name in RECEIVER_ANSWERS} | {("worker", name) for name in WORKER_REASONS}
