"""Parse the text of a search. Any text is valid; without a match, the result is empty."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.search.words import (
    MAX_CHARACTERS,
    has_words,
    is_same_amount,
    join_words,
    normalize_id,
    read_amounts,
    split_words,
)

# Shorter texts find only words that are not longer: they do not name a partition of the index.
MIN_CHARACTERS = 2


@dataclass(frozen=True)
class SearchQuery:
    """A text to search for. ``is_cut`` means that only its beginning is searched for, because it is too long."""

    text: str
    is_cut: bool = False

    @cached_property
    def exact_id(self) -> str | None:
        """The text as a whole id; None if no id has this form."""
        unquoted = self.text.strip("\"'`<>()[] ")
        return canonicalize(unquoted) if is_identifier(unquoted) else None

    @cached_property
    def id_beginning(self) -> str:
        """The text as the beginning of an id, in its searchable form; empty if no id begins like this."""
        found = normalize_id(self.text)
        return found if is_identifier(found) else ""

    @cached_property
    def phrase(self) -> str:
        """Its words in their order."""
        return join_words(split_words(self.text))

    @cached_property
    def amounts(self) -> list[str]:
        """The beginnings of amounts that the text may mean, the likeliest first."""
        return read_amounts(self.text)

    @cached_property
    def parts(self) -> list[str]:
        """Its parts between spaces. An expense has to contain each of them, in any order."""
        return [part for part in self.text.split() if split_words(part)]

    @cached_property
    def longest_word(self) -> str:
        """The longest word of the parts that are not amounts; empty if there is none or only one part."""
        words = [word for part in self.parts if not read_amounts(part) for word in split_words(part)]
        return max(words, key=len, default="") if len(self.parts) > 1 else ""

    @cached_property
    def part_amounts(self) -> list[str]:
        """The beginnings of amounts for the first part that is an amount, if there are other parts."""
        amounts = (read_amounts(part) for part in self.parts) if len(self.parts) > 1 else iter(())
        return next(filter(None, amounts), [])

    @cached_property
    def _readings(self) -> list[tuple[list[str], list[str]]]:
        """The words and the amounts that each part may stand for: read once, as they take time for odd texts."""
        return [(split_words(part), read_amounts(part)) for part in self.parts]

    def is_match(self, shown: Mapping[str, Any]) -> bool:
        """Return whether an entry contains every part, in its texts or as the beginning of its amount."""
        text = " ".join(shown.get(name, "") for name in ("name", "merchant", "reference"))
        amount = shown.get("amount", "")
        return all(has_words(text, words) or any(map(amount.startswith, amounts)) for words, amounts in self._readings)

    def is_exact_amount(self, amount: str) -> bool:
        """Return whether the text or one of its parts is exactly this amount."""
        return any(is_same_amount(each, amount) for each in (*self.amounts, *self.part_amounts))


def read_query(text: str) -> SearchQuery:
    """Parse a text of any length and content."""
    # Half characters, as a broken client may send them, can be neither searched for nor shown.
    whole = " ".join(text.encode(errors="replace").decode().split())
    return SearchQuery(
        "".join(each for each in whole if each.isprintable())[:MAX_CHARACTERS], len(whole) > MAX_CHARACTERS
    )
