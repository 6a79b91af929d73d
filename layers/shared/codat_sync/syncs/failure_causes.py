"""Name the cause of a failure: messages that differ only in ids, numbers and names are one cause. Rules only."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from codat_sync.syncs.items import Item
from codat_sync.syncs.status_codes import status_code

# How many causes of a large sync are kept with its record, each with an example. Real syncs have a handful.
MAX_KEPT = 50
_MAX_EXAMPLE_LENGTH = 500
_ID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{24,}\b", re.ASCII)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*", re.ASCII)
# Words with letters and digits are treated as ids; quoted text as names.
_MIXED = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{5,}", re.ASCII)
_QUOTED = re.compile(r"(?<!\w)(['\"])[^'\"]{1,100}\1(?!\w)")
_SPACES = re.compile(r"\s+")
# A message can be 16,000 characters long: its beginning identifies the problem. Longer ones are not examined to their
# end, as `_MIXED` takes quadratic time for a word with many hyphens.
_MAX_EXAMINED = 2_000
_MAX_LENGTH = 300


@dataclass(frozen=True, slots=True)
class SyncCause:
    """A cause within one sync: the number of its failed items, and the first of them as an example."""

    text: str
    failures: int
    transaction_id: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class CauseSummary:
    """The causes of a sync's failed items, most frequent first; ``other_failures`` have further ones, not included."""

    causes: tuple[SyncCause, ...]
    other_failures: int = 0


def normalize_message(message: str | None, code: int | None) -> str:
    """Remove the variable parts of a message. Without a message, return the meaning of the sync's status code."""
    if not message or not message.strip():
        return status_code(code).meaning if code is not None else "Codat does not say why"
    return _normalize(message[:_MAX_EXAMINED])


@lru_cache(maxsize=1024)
def _normalize(message: str) -> str:
    without_ids = _MIXED.sub("…", _ID.sub("…", _QUOTED.sub(r"\1…\1", message)))
    without_ids = _NUMBER.sub("#", without_ids)
    return _SPACES.sub(" ", without_ids).strip()[:_MAX_LENGTH].rstrip()


def cause_id(text: str) -> str:
    """Return the stable id of a cause, by its normalised message.

    A sync's status code is not part of it: whether all or only some items of a sync failed changes the code, but not
    why they did.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def summarize_causes(items: Iterable[Item], code: int | None, most: int | None = None) -> CauseSummary:
    """Count the failed ``items`` of a sync with this status code by cause; return the ``most`` frequent (None: all).

    Equally frequent causes are in the order of their first items.
    """
    numbers: Counter[str] = Counter()
    examples: dict[str, Item] = {}
    for item in items:
        if item.has_failed:
            text = normalize_message(item.message, code)
            numbers[text] += 1
            examples.setdefault(text, item)
    causes = tuple(_cause(text, number, examples[text]) for text, number in numbers.most_common(most))
    return CauseSummary(causes, numbers.total() - sum(each.failures for each in causes))


def _cause(text: str, failures: int, example: Item) -> SyncCause:
    return SyncCause(text, failures, example.transaction_id, example.message)


def write_causes(summary: CauseSummary) -> dict[str, Any]:
    """Return the attributes of a summary."""
    return {
        "otherFailures": summary.other_failures,
        "counts": [
            {
                "text": each.text,
                "failures": each.failures,
                "transactionId": each.transaction_id,
                "message": each.message and each.message[:_MAX_EXAMPLE_LENGTH],
            }
            for each in summary.causes
        ],
    }


def read_causes(values: Mapping[str, Any]) -> CauseSummary:
    """Read a summary from its attributes. A text written by an older version is normalised by today's rules."""
    causes = (
        SyncCause(
            normalize_message(each["text"], None), int(each["failures"]), each.get("transactionId"), each.get("message")
        )
        for each in values["counts"]
    )
    return CauseSummary(tuple(causes), int(values["otherFailures"]))
