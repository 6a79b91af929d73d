"""Normalize texts and amounts, so that what is searched for and what is stored meet in the same form.

A text becomes phrases: its words from each word on, joined by hyphens. So "Café de Paris" is `cafe-de-paris`,
`de-paris` and `paris`, and whatever a user types of it is the beginning of one of them. The hyphen sorts after the `#`
that ends a phrase in a key, and before digits and letters: the whole text comes first, then texts with more words.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

# A longer text is normalized up to here: no name or reference is findable by what comes later.
MAX_CHARACTERS = 200
# Each word of a text costs a write. Agents know the beginning of a name.
MAX_WORDS = 6
MAX_PHRASE = 64

# Codat's amounts are .NET decimals: 28 digits. Four decimals are more than any currency has.
_EXACT = Context(prec=60)
_MAX_EXPONENT = 28
_FINEST = Decimal("0.0001")

_WORD = re.compile(r"[^\W_]+")
_AROUND_ID = re.compile(r"^[^\w]+|[^\w]+$")
# A sign, and a currency as a symbol or as up to three letters: `-€`, `EUR `, `US$`, `kr. `. In `ref12`, `ref` is none.
_BEFORE_AMOUNT = re.compile(r"^[^\w.,]*(?:[^\W\d_]{1,3}\.?(?=\W)\s*)?[^\w.,\s-]*\s*")
_AFTER_AMOUNT = re.compile(r"\s*[^\w.,\s-]*\s*(?:[^\W\d_]{1,3}\.?)?[^\w.,]*$")
# Spaces, apostrophes and underscores group digits; so do dots or commas, if there is another separator or two of them.
_GROUPING = re.compile(r"[\s'’_]")
_AMOUNT = re.compile(r"(?:\d+(?:[.,]\d*)*|[.,]\d+)", re.ASCII)
_THOUSANDS = 3


def split_words(text: str) -> list[str]:
    """Return a text's words: letters and digits only, in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_CHARACTERS].casefold())
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return _WORD.findall(unicodedata.normalize("NFKC", plain).casefold())


def join_words(words: list[str]) -> str:
    """Return the phrase of these words."""
    return "-".join(words)[:MAX_PHRASE]


def list_phrases(text: str | None) -> list[str]:
    """Return a text's phrases, from each of its first words on, without duplicates."""
    words = split_words(text or "")
    return list(dict.fromkeys(join_words(words[start:]) for start in range(min(len(words), MAX_WORDS))))


def has_words(text: str | None, wanted: list[str]) -> bool:
    """Return whether each wanted word begins one of the words of a text, in whatever order."""
    words = split_words(text or "")
    return all(any(word.startswith(each) for word in words) for each in wanted)


def normalize_id(text: str) -> str:
    """Return an id as it is searched by: in lower case, without quotes and the like around it."""
    return _AROUND_ID.sub("", unicodedata.normalize("NFKC", text)).casefold()


def format_amount(amount: Decimal) -> str | None:
    """Return an amount as it is searched by: without its sign, with two to four decimals. None if out of range."""
    if not amount.is_finite() or (amount and amount.adjusted() > _MAX_EXPONENT):
        return None
    text = f"{amount.copy_abs().quantize(_FINEST, ROUND_HALF_UP, _EXACT):f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def read_amounts(text: str) -> list[str]:
    """Return the beginnings of amounts that a text may stand for, the likeliest first; none if it is no amount.

    `12,50`, `12.50`, `€12.50` and `EUR 12.50` are the same. `1,234` may have a decimal or a thousands separator.
    """
    number = _BEFORE_AMOUNT.sub("", unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]))
    compact = _GROUPING.sub("", _AFTER_AMOUNT.sub("", number))
    if len(compact) > MAX_PHRASE or not _AMOUNT.fullmatch(compact):
        return []
    readings = (reading for reading in _read_separators(compact) if reading)
    return list(dict.fromkeys(map(_begin_amount, readings)))


def _read_separators(text: str) -> Iterator[str]:
    """Yield the readings of a number with separators, each with a decimal point or none."""
    separators = re.findall(r"[.,]", text)
    last = separators[-1] if separators else ""
    whole, _, decimals = text.rpartition(last) if last else (text, "", "")
    grouped = re.sub(r"[.,]", "", text)
    is_grouping = (
        separators.count(last) > 1
    )  # As in 1.234.567; with another separator before it, it is the decimal one.
    if not is_grouping and last:
        is_ambiguous = len(separators) == 1 and len(decimals) == _THOUSANDS and bool(whole)
        with_point = f"{re.sub(r'[.,]', '', whole)}.{decimals}"
        # Only a comma is more often a thousands separator.
        yield from ((grouped, with_point) if last == "," else (with_point, grouped)) if is_ambiguous else (with_point,)
    else:
        yield grouped


def _begin_amount(reading: str) -> str:
    """Return how amounts begin that are written like ``reading``. A single digit is a whole number."""
    whole, point, decimals = reading.partition(".")
    whole = whole.lstrip("0") or "0"
    if not point:
        return f"{whole}." if len(whole) == 1 else whole
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def is_same_amount(text: str, amount: str) -> bool:
    """Return whether what was typed, in the form of ``read_amounts``, is this amount to the cent."""
    try:
        return Decimal(text.rstrip(".")) == Decimal(amount)
    except InvalidOperation:
        return False
