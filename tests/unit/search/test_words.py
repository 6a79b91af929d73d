"""What is searched for and what is stored meet in one form."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codat_sync.search.words import (
    MAX_PHRASE,
    MAX_WORDS,
    format_amount,
    is_same_amount,
    join_words,
    list_phrases,
    normalize_id,
    read_amounts,
    split_words,
)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Café de Paris", ["cafe-de-paris", "de-paris", "paris"]),
        ("UBER *EATS", ["uber-eats", "eats"]),
        ("7-Eleven", ["7-eleven", "eleven"]),
        ("Straße 12", ["strasse-12", "12"]),
        ("\uff21\uff22 \ufb01ne", ["ab-fine", "fine"]),  # full width, and a ligature
        ("שלום עולם", ["שלום-עולם", "עולם"]),
        ("a a", ["a-a", "a"]),
        ("🍕 ~ #", []),
        ("", []),
        (None, []),
    ],
)
def test_a_text_is_found_by_its_words(text: str | None, phrases: list[str]) -> None:
    """From each of them on, without accents, case and signs."""
    assert list_phrases(text) == phrases


def test_a_text_has_so_many_phrases_of_such_length() -> None:
    """Each costs a write, and is part of a key."""
    assert len(list_phrases(" ".join(f"word{number}" for number in range(100)))) == MAX_WORDS
    assert {len(each) for each in list_phrases("x" * 10_000)} == {MAX_PHRASE}


@given(st.text(max_size=80), st.data())
def test_whatever_begins_at_a_word_finds_the_text(text: str, data: st.DataObject) -> None:
    """However it is cut: after normalization it is the beginning of a phrase."""
    words = split_words(text)
    assume(words)
    start = data.draw(st.integers(0, min(len(words), MAX_WORDS) - 1))
    typed = join_words(words[start:])
    beginning = typed[: data.draw(st.integers(1, len(typed)))]
    again = join_words(split_words(beginning))
    assert any(phrase.startswith(again) for phrase in list_phrases(text))


@given(st.text())
def test_no_word_can_break_a_key(text: str) -> None:
    """Keys separate their parts by `#`, and DynamoDB's are valid UTF-8 of limited length."""
    for phrase in list_phrases(text.encode(errors="replace").decode()):
        assert "#" not in phrase
        assert len(phrase.encode()) <= 4 * MAX_PHRASE


@pytest.mark.parametrize(
    ("typed", "beginnings"),
    [
        *((each, ["12.50"]) for each in ("12.50", "12,50", "€12.50", "12,50 €", "EUR 12.50", "12.50 kr.", "-12.50")),
        *((each, ["12.50"]) for each in ("(12.50)", "US$12.50", "012.50", " 12.50\u00a0", "12.5000")),
        *((each, ["1234.50"]) for each in ("1,234.50", "1.234,50", "1 234,50", "1'234.50", "1\u202f234,50")),
        ("12.5", ["12.5"]),
        ("12", ["12"]),
        ("7", ["7."]),
        (".5", ["0.5"]),
        ("1,234", ["1234", "1.234"]),
        ("1.234", ["1.234", "1234"]),
        ("1,234,567", ["1234567"]),
        *(
            (each, [])
            for each in ("", ".", ",", "INV-2024", "ref12", "Uber 12", "١٢", "9" * 1000, "1e9", "12/11/2026", "\0")
        ),
    ],
)
def test_an_amount_is_read_however_it_is_written(typed: str, beginnings: list[str]) -> None:
    """With a decimal point or comma, a currency, a sign; and what is no amount is none."""
    assert read_amounts(typed) == beginnings


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.5", "12.50"),
        ("-100", "100.00"),
        ("0", "0.00"),
        ("12.34567", "12.3457"),
        ("1E+2", "100.00"),
        ("79228162514264337593543950335", "79228162514264337593543950335.00"),
        ("1e29", None),
        ("NaN", None),
        ("1E-300", "0.00"),
    ],
)
def test_an_amount_has_one_form(amount: str, text: str | None) -> None:
    """Without a sign, with two to four decimals; or none, if it can't be an amount."""
    assert format_amount(Decimal(amount)) == text


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_an_amount_is_found_by_all_of_its_beginnings(amount: Decimal) -> None:
    """From its first two digits on, and exactly as a whole."""
    stored = format_amount(amount)
    assert stored
    for end in range(2, len(stored) + 1):
        assert any(stored.startswith(each) for each in read_amounts(stored[:end])), stored[:end]
    assert is_same_amount(read_amounts(stored)[0], stored)


@pytest.mark.parametrize(("typed", "word"), [('"6FB4-0D"', "6fb4-0d"), (" exp_1. ", "exp_1"), ("(a)", "a")])
def test_an_id_is_found_without_what_is_around_it(typed: str, word: str) -> None:
    """As it is copied from a mail."""
    assert normalize_id(typed) == word
