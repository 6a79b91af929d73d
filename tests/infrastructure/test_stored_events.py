"""The stored payloads."""

from dev.stored_events import EVENTS, PAYLOADS


def test_every_stored_payload_is_used() -> None:
    """By the tests of its function and by `sam local`, which both go by these names."""
    stored = {(path.parent.name, path.stem) for path in EVENTS.rglob("*.*")}
    assert stored == {(function, name) for function, names in PAYLOADS.items() for name in names}
