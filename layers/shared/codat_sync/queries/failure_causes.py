"""Group failures by cause: messages that differ only in ids, numbers and names are one cause. Rules only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from codat_sync.syncs.status_codes import status_code

_ID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{24,}\b", re.ASCII)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*", re.ASCII)
# Words with letters and digits are treated as ids; quoted text as names.
_MIXED = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{5,}", re.ASCII)
_QUOTED = re.compile(r"(?<!\w)(['\"])[^'\"]{1,100}\1(?!\w)")
_SPACES = re.compile(r"\s+")
# A message can be 16,000 characters long: its beginning identifies the problem.
_MAX_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed transaction or sync. ``transaction_id`` is None for a whole sync, or if Codat names none."""

    company_id: str
    sync_id: str
    at: str
    code: int | None
    transaction_id: str | None
    message: str | None
    company_name: str | None = None


@dataclass(slots=True)
class FailureCause:
    """A cause, and the numbers of failures, syncs and companies affected. The example is the newest."""

    text: str
    code: int | None
    example: Failure
    failures: int = 0
    syncs: set[str] = field(default_factory=set)
    companies: set[str] = field(default_factory=set)

    def add(self, failure: Failure) -> None:
        """Count a failure."""
        self.failures += 1
        self.syncs.add(failure.sync_id)
        self.companies.add(failure.company_id)
        if failure.at > self.example.at:
            self.example = failure


def normalize_message(message: str | None, code: int | None) -> str:
    """Remove the variable parts of a message. Without a message, return the meaning of the sync's status code."""
    if not message or not message.strip():
        return status_code(code).meaning if code is not None else "Codat does not say why"
    without_ids = _MIXED.sub("…", _ID.sub("…", _QUOTED.sub(r"\1…\1", message)))
    without_ids = _NUMBER.sub("#", without_ids)
    return _SPACES.sub(" ", without_ids).strip()[:_MAX_LENGTH]


class CauseGroups:
    """Failures grouped by cause."""

    def __init__(self) -> None:
        self._found: dict[str, FailureCause] = {}

    def add_all(self, failures: Iterable[Failure]) -> None:
        """Count failures."""
        for failure in failures:
            text = normalize_message(failure.message, failure.code)
            self._found.setdefault(text, FailureCause(text, failure.code, failure)).add(failure)

    def causes(self) -> list[FailureCause]:
        """Return the causes, the most frequent first."""
        return sorted(self._found.values(), key=lambda cause: (-cause.failures, cause.text))
