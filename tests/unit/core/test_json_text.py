"""JSON with text that UTF-8 can't hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.core.json_text import repair_text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb'"cut \ud83d"', "cut \ufffd"),
        (rb'"cut \uD83D and on"', "cut \ufffd and on"),
        (rb'"\ude00 first"', "\ufffd first"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"whole \ud83d\ude00"', "whole \U0001f600"),
        (rb'"a path: C:\\ud83d"', r"a path: C:\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (rb'"\u0041\n\"\/"', 'A\n"/'),
        (b'"cut \xf0\x9f"', "cut \ufffd"),
        (b'"Latin-1 \xe9"', "Latin-1 \ufffd"),
        (b'\xef\xbb\xbf"after a byte order mark"', "after a byte order mark"),
    ],
)
def test_what_is_not_text_is_replaced(content: bytes, text: str) -> None:
    """And nothing else is."""
    assert json.loads(repair_text(content)) == text


@given(st.text(st.characters(exclude_categories=())), st.booleans())
def test_any_string_becomes_valid_text_and_valid_text_stays(text: str, as_ascii: bool) -> None:  # noqa: FBT001
    """Surrogates included, escaped or not."""
    content = json.dumps(text, ensure_ascii=as_ascii).encode(errors="surrogatepass")
    repaired = json.loads(repair_text(content))
    repaired.encode()  # Valid: it raises no error.
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert repaired == text
