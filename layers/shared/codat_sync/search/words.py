"""Normalize texts and amounts, so that searched and stored values have the same form.

A text becomes phrases: the words from each of its words onwards, joined by hyphens. "Café de Paris" becomes
`cafe-de-paris`, `de-paris` and `paris`, so any consecutive words of it are the beginning of a phrase. The hyphen sorts
after the `#` that ends a phrase in a key, and before digits and letters: the whole text comes first, then texts with
more words.
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
    """Return a text's phrases, one from each of its first words onwards, without duplicates."""
    words = split_words(text or "")
    return list(dict.fromkeys(join_words(words[start:]) for start in range(min(len(words), MAX_WORDS))))


def has_words(text: str | None, wanted: list[str]) -> bool:
    """Return whether each wanted word is the beginning of a word in the text, in any order."""
    words = split_words(text or "")
    return all(any(word.startswith(each) for word in words) for each in wanted)


def normalize_id(text: str) -> str:
    """Return an id in its searchable form: in lower case, without quotes and similar characters around it."""
    return _AROUND_ID.sub("", unicodedata.normalize("NFKC", text)).casefold()


def format_amount(amount: Decimal) -> str | None:
    """Return an amount in its searchable form: without its sign, with two to four decimals. None if out of range."""
    if not amount.is_finite() or (amount and amount.adjusted() > _MAX_EXPONENT):
        return None
    text = f"{amount.copy_abs().quantize(_FINEST, ROUND_HALF_UP, _EXACT):f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def read_amounts(text: str) -> list[str]:
    """Return the beginnings of amounts that a text may mean, the likeliest first; none if it is not an amount.

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
    """Return the beginnings of amounts that are written like ``reading``. A single digit is a whole number."""
    whole, point, decimals = reading.partition(".")
    whole = whole.lstrip("0") or "0"
    if not point:
        return f"{whole}." if len(whole) == 1 else whole
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def is_same_amount(text: str, amount: str) -> bool:
    """Return whether a text in the form of ``read_amounts`` is exactly this amount."""
    try:
        return Decimal(text.rstrip(".")) == Decimal(amount)
    except InvalidOperation:
        return False
