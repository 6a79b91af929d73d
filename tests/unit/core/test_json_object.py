"""JSON from outside."""

import pytest

from codat_sync.core.json_object import parse_object


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"null", b"\xff", b"[" * 200_000, b'{"a":' * 200_000])
def test_a_body_that_is_no_json_object_is_none(body: bytes) -> None:
    """Nested so deep that the parser gives up, too."""
    assert parse_object(body) is None


@pytest.mark.parametrize("text", [b'{"a": [1]}', '{"a": [1]}'])
def test_an_object_is_parsed(text: bytes | str) -> None:
    """From bytes and from text."""
    assert parse_object(text) == {"a": [1]}
