"""Compare SyncTable with Codat."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from codat_sync.syncs.status_codes import STATUS_CODES, status_code
from dev.demo.verification.records import Key, Kind, Records, codes


class Verdict(StrEnum):
    """The kind of difference."""

    LOST = "lost"
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True)
class Difference:
    """A record that differs. ``code`` is the status code of its sync, None if it has none."""

    verdict: Verdict
    key: Key
    code: object
    detail: str = ""

    def __str__(self) -> str:
        """Describe the difference."""
        what = f"{self.key.kind} {self.key.name}".rstrip()
        if self.key.sync_id and self.key.kind is not Kind.SYNC:
            what += " of sync"
        return " ".join(filter(None, [f"{self.verdict}:", what, self.key.sync_id, self.detail]))


@dataclass(frozen=True)
class StatusTally:
    """The numbers of one status code at Codat and in the table."""

    code: int
    meaning: str
    syncs: tuple[int, int]
    transactions: tuple[int, int]
    differences: int


def compare(expected: Records, found: Records) -> list[Difference]:
    """Return every record that differs."""
    return list(_differences(expected, found))


def _differences(expected: Records, found: Records) -> Iterator[Difference]:
    code_of = codes(found) | codes(expected)
    for key in sorted(expected.keys() | found.keys(), key=str):
        code = code_of.get(key.sync_id)
        if key not in found:
            yield Difference(Verdict.LOST, key, code)
        elif key not in expected:
            yield Difference(Verdict.UNEXPECTED, key, code)
        elif expected[key] != found[key]:
            yield Difference(Verdict.DIFFERENT, key, code, _detail(key, expected, found))


def _detail(key: Key, expected: Records, found: Records) -> str:
    parts = [
        f"{name} is {found[key].get(name)!r}, should be {value!r}"
        for name, value in expected[key].items()
        if found[key].get(name) != value
    ]
    return "- " + "; ".join(parts)


def tally(expected: Records, found: Records, differences: list[Difference]) -> list[StatusTally]:
    """Count by status code: all documented ones, and unexpected ones."""
    here, there = codes(expected), codes(found)
    syncs, kept_syncs = Counter(here.values()), Counter(there.values())
    rows, kept_rows = _rows_by_code(expected), _rows_by_code(found)
    wrong = Counter(difference.code for difference in differences)
    unexpected_codes = {code for code in (*syncs, *kept_syncs) if isinstance(code, int)}
    return [
        StatusTally(
            code,
            status_code(code).meaning,
            (syncs[code], kept_syncs[code]),
            (rows[code], kept_rows[code]),
            wrong[code],
        )
        for code in sorted(STATUS_CODES.keys() | unexpected_codes)
    ]


def _rows_by_code(records: Records) -> Counter[object]:
    code_of = codes(records)
    return Counter(code_of.get(key.sync_id) for key in records if key.kind is Kind.TRANSACTION)
