"""Responses that Lambda can return, and those that it would lose."""

import json

import pytest

from codat_sync.core.http_response import MAX_RESPONSE_BYTES, is_too_large


@pytest.mark.parametrize("character", ["x", "\u00e4", "\U0001f600", "\\", "\x00"])
def test_the_size_is_that_of_the_encoded_body(character: str) -> None:
    """A character takes up to twelve bytes."""
    encoded = len(json.dumps(character)) - 2
    largest = character * ((MAX_RESPONSE_BYTES - 2) // encoded)
    assert not is_too_large({"body": largest})
    assert is_too_large({"body": largest + character * encoded})


def test_a_response_may_have_no_body() -> None:
    """A redirect has none."""
    assert not is_too_large({"statusCode": 303})
