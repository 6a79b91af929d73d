"""Derive the search entries of an item of SyncTable.

An entry depends on one item only, so deriving it again always gives the same entry. It contains the company's id, by
which an erasure finds it. An entry of a body contains the body's time, by which a purge finds it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from codat_sync.aws.table_schema import COMPANY, INDEX_ENTRY_PREFIX, SYNC, Key, find_key, is_body, parse_transaction_key
from codat_sync.companies.repository import read_company
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.search.kinds import SearchKind
from codat_sync.search.words import format_amount, list_phrases, normalize_id
from codat_sync.submissions.expense_content import ExpenseContent, read_content

# Newer entries of a word sort first: by the milliseconds until then.
_LAST_MOMENT = datetime(2200, 1, 1, tzinfo=UTC)
_MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A search entry: ``word`` leads to ``reference``, which is unique to the item that it belongs to.

    Two are equal if they have the same key, whatever their attributes.
    """

    kind: SearchKind
    word: str
    reference: str
    company_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> Key:
        """Return its key in SyncTable."""
        return find_key(self.kind.value, self.word, self.reference)


def derive_entries(item: Mapping[str, Any]) -> frozenset[Entry]:
    """Return the entries of an item; none if it is of another type."""
    return frozenset(entry for entry in _derive(item) if entry.word)


def _derive(item: Mapping[str, Any]) -> Iterator[Entry]:
    key = {name: str(item[name]) for name in ("pk", "sk")}
    transaction = parse_transaction_key(key)
    if key["sk"] == SYNC and "syncId" in item:
        company_id = item.get("companyId") or (item.get("summary") or {}).get("companyId")
        if company_id:
            yield _of_id(SearchKind.SYNC, company_id, item["syncId"])
    elif key["sk"] == COMPANY:
        yield from _of_company(item)
    elif transaction and (is_body(key) or key["sk"].startswith(INDEX_ENTRY_PREFIX)):
        yield _of_id(SearchKind.TRANSACTION, *transaction)
        yield from _of_body(*transaction, item)


def _of_id(kind: SearchKind, company_id: str, subject_id: str) -> Entry:
    return Entry(kind, normalize_id(subject_id), f"{company_id}#{subject_id}", company_id, {"subjectId": subject_id})


def _of_company(item: Mapping[str, Any]) -> Iterator[Entry]:
    company = read_company(item)
    if company:
        yield _of_id(SearchKind.COMPANY, company.company_id, company.company_id)
        more = {"subjectId": company.company_id, "name": (company.name or "")[:_MAX_SHOWN]}
        for phrase in list_phrases(company.name):
            yield Entry(SearchKind.COMPANY, phrase, company.company_id, company.company_id, more)


def _of_body(company_id: str, transaction_id: str, item: Mapping[str, Any]) -> Iterator[Entry]:
    recorded_at = parse_timestamp(item.get("recordedAt"))
    if not recorded_at or not isinstance(item.get("body"), str):
        return  # The body was purged.
    content = read_content(item["body"])
    submission_id = str(item["sk"]).partition("#")[2]
    age = int((_LAST_MOMENT - recorded_at).total_seconds() * 1000)
    reference = f"{age:013}#{company_id}#{transaction_id}#{submission_id}"
    shown = {
        "subjectId": transaction_id,
        "submissionId": submission_id,
        "recordedAt": item["recordedAt"],
        **_show(content),
    }
    for kind, words in (
        (SearchKind.MERCHANT, list_phrases(content.merchant)),
        (SearchKind.REFERENCE, list_phrases(content.reference)),
        (SearchKind.AMOUNT, filter(None, map(format_amount, content.amounts))),
    ):
        for word in words:
            yield Entry(kind, word, reference, company_id, shown)


def _show(content: ExpenseContent) -> dict[str, str]:
    """Return the fields of an expense that a result shows, so that no body has to be read for it."""
    amount = next(filter(None, map(format_amount, content.amounts)), None)
    texts = {
        "merchant": content.merchant,
        "reference": content.reference,
        "amount": amount,
        "currency": content.currency,
        "date": content.date,
    }
    return {name: text[:_MAX_SHOWN] for name, text in texts.items() if text}
