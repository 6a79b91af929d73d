"""Search by an id, a company's name, a merchant, a reference or an amount."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from codat_sync.search.entries import Entry
from codat_sync.search.kinds import EXPENSE_KINDS, SearchIndexScope, SearchKind
from codat_sync.search.query import MIN_CHARACTERS, SearchQuery, read_query
from codat_sync.search.repository import Found
from codat_sync.search.words import has_words, join_words, normalize_id, split_words

if TYPE_CHECKING:
    from codat_sync.companies.repository import CompanyRepository
    from codat_sync.queries.sync_details import SyncReader
    from codat_sync.queries.sync_query import ListedSync
    from codat_sync.search.repository import SearchRepository

MAX_RESULTS = 10
# Several submissions of one transaction are one result.
_READ = 40
# Of the newest expenses with one of several words, those that have the others are shown.
_READ_FOR_SEVERAL = 200


@dataclass(frozen=True, slots=True)
class FoundExpense:
    """The fields of a submitted or recorded expense by which users recognise it."""

    merchant: str | None
    reference: str | None
    amount: str | None
    currency: str | None
    date: str | None
    recorded_at: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A result: ``subject_id`` is the id of a sync, company or transaction.

    ``sync`` is set for syncs, ``expense`` for results found by submitted data. ``is_exact`` means that the text matches
    the whole id, name, merchant, reference or amount, not only its beginning.
    """

    kind: SearchKind
    company_id: str
    company_name: str | None
    subject_id: str
    is_exact: bool
    sync: "ListedSync | None" = None
    expense: FoundExpense | None = None


@dataclass(frozen=True, slots=True)
class SearchGroup:
    """The results of one kind, best first. ``has_more`` means that there are, or may be, more matches."""

    kind: SearchKind
    results: Sequence[SearchResult]
    has_more: bool


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The groups with results; those with an exact result come first.

    ``hidden_kinds`` were not searched because the viewer lacks the role for them, ``unindexed_kinds`` because this
    deployment does not index them.
    """

    query: SearchQuery
    groups: Sequence[SearchGroup]
    hidden_kinds: Sequence[SearchKind] = ()
    unindexed_kinds: Sequence[SearchKind] = ()

    @property
    def only_subject(self) -> SearchResult | None:
        """The only result, if the text is its whole id: then it is opened directly."""
        results = [each for group in self.groups for each in group.results]
        return results[0] if [each.subject_id for each in results] == [self.query.exact_id] else None

    @property
    def is_too_short(self) -> bool:
        """Whether the text is too short to be the beginning of something."""
        return 0 < len(self.query.text) < MIN_CHARACTERS


@dataclass(slots=True)
class _Matches:
    """The entries of one kind that match, best first and one per subject; whether there may be more."""

    entries: list[Entry] = field(default_factory=list)
    has_more: bool = False

    def add(self, found: Found, is_match: Callable[[Entry], bool] = lambda _: True) -> None:
        known = {_subject(entry) for entry in self.entries}
        for entry in found.entries:
            if _subject(entry) not in known and is_match(entry):
                known.add(_subject(entry))
                self.entries.append(entry)
        self.has_more |= found.has_more

    def cut(self) -> None:
        self.has_more |= len(self.entries) > MAX_RESULTS
        del self.entries[MAX_RESULTS:]


@dataclass(frozen=True)
class SearchService:
    """Search the index: at most 20 requests to the table, six of them at once."""

    entries: "SearchRepository"
    companies: "CompanyRepository"
    syncs: "SyncReader"
    scope: SearchIndexScope

    def search(self, text: str, *, may_see_expenses: bool) -> SearchResults:
        """Search for any text. Kinds that the viewer may not see are not even read. Raises UnprocessedItemsError."""
        query = read_query(text)
        hidden = frozenset() if may_see_expenses else EXPENSE_KINDS
        return SearchResults(
            query=query,
            groups=self._find_groups(query, self.scope.kinds - hidden) if query.text else [],
            hidden_kinds=[kind for kind in SearchKind if kind in self.scope.kinds & hidden],
            unindexed_kinds=[kind for kind in SearchKind if kind not in self.scope.kinds],
        )

    def _find_groups(self, query: SearchQuery, kinds: Collection[SearchKind]) -> list[SearchGroup]:
        with ThreadPoolExecutor(len(SearchKind)) as pool:
            matches = dict(zip(kinds, pool.map(partial(self._match, query), kinds), strict=True))
        syncs = self._load_syncs(query, matches.get(SearchKind.SYNC, _Matches()))
        entries = [entry for each in matches.values() for entry in each.entries]
        company_ids = {entry.company_id for entry in entries} | {each.company_id for each in syncs}
        names = self.companies.load_names([*company_ids, *filter(None, [query.exact_id])])
        found = {
            **{kind: [_build(entry, names, query) for entry in each.entries] for kind, each in matches.items()},
            SearchKind.COMPANY: _list_companies(query, matches.get(SearchKind.COMPANY, _Matches()), names),
            SearchKind.SYNC: [_build_sync(each, names, query) for each in syncs],
        }
        groups = (
            SearchGroup(kind, found[kind], matches[kind].has_more if kind in matches else False)
            for kind in SearchKind
            if kind in found
        )
        return sorted((each for each in groups if each.results or each.has_more), key=_has_no_exact_result)

    def _match(self, query: SearchQuery, kind: SearchKind) -> _Matches:
        matches = _Matches()
        for beginning in _list_beginnings(query, kind):
            matches.add(self.entries.find(kind, beginning, _READ))
        for beginning in _list_beginnings_of_parts(query, kind):
            found = self.entries.find(kind, beginning, _READ_FOR_SEVERAL)
            matches.add(found, lambda entry: query.is_match(entry.attributes))
        matches.cut()
        if kind in EXPENSE_KINDS:
            matches.entries = self._drop_refused(matches.entries)
        return matches

    def _drop_refused(self, entries: Sequence[Entry]) -> list[Entry]:
        """Drop bodies of requests that were refused because of another claim: they were not submitted."""
        ids = dict.fromkeys(entry.attributes["submissionId"] for entry in entries)
        recorded = self.entries.load_recorded(ids) if ids else set()
        return [entry for entry in entries if entry.attributes["submissionId"] in recorded]

    def _load_syncs(self, query: SearchQuery, matches: _Matches) -> "list[ListedSync]":
        """Load the syncs that match. A whole id is found even if it is not indexed."""
        ids = [*filter(None, [query.exact_id]), *(entry.attributes["subjectId"] for entry in matches.entries)]
        found = {each.sync_id: each for each in self.syncs.load_listed(ids)} if ids else {}
        return [found[each] for each in dict.fromkeys(ids) if each in found]


def _list_beginnings(query: SearchQuery, kind: SearchKind) -> list[str]:
    """Return the beginnings of words to read, the likeliest first."""
    match kind:
        case SearchKind.SYNC | SearchKind.TRANSACTION:
            found = [query.id_beginning]
        case SearchKind.COMPANY:
            found = [query.id_beginning, query.phrase]
        case SearchKind.MERCHANT | SearchKind.REFERENCE:
            found = [query.phrase]
        case SearchKind.AMOUNT:
            found = query.amounts
    return list(dict.fromkeys(filter(None, found)))


def _list_beginnings_of_parts(query: SearchQuery, kind: SearchKind) -> list[str]:
    """Return the beginnings of words to read if only some parts of the text can be of this kind."""
    if kind is SearchKind.AMOUNT:
        return query.part_amounts
    return [query.longest_word] if kind.has_words and query.longest_word else []


def _list_companies(query: SearchQuery, matches: _Matches, names: Mapping[str, str]) -> list[SearchResult]:
    """Return the companies whose current name matches. A whole id is found without an index."""
    exact = [query.exact_id] if query.exact_id in names else []
    ids = dict.fromkeys([*filter(None, exact), *(entry.company_id for entry in matches.entries)])
    found = [
        SearchResult(SearchKind.COMPANY, each, names.get(each), each, is_exact=_is_exact_company(query, each, names))
        for each in ids
        if _is_company(query, each, names)
    ]
    return sorted(found, key=lambda each: not each.is_exact)


def _is_company(query: SearchQuery, company_id: str, names: Mapping[str, str]) -> bool:
    is_named_so = bool(query.phrase) and has_words(names.get(company_id), split_words(query.text))
    return is_named_so or (bool(query.id_beginning) and normalize_id(company_id).startswith(query.id_beginning))


def _is_exact_company(query: SearchQuery, company_id: str, names: Mapping[str, str]) -> bool:
    return company_id == query.exact_id or query.phrase == join_words(split_words(names.get(company_id, "")))


def _build_sync(sync: "ListedSync", names: Mapping[str, str], query: SearchQuery) -> SearchResult:
    is_exact = sync.sync_id == query.exact_id
    name = names.get(sync.company_id)
    return SearchResult(SearchKind.SYNC, sync.company_id, name, sync.sync_id, is_exact=is_exact, sync=sync)


def _build(entry: Entry, names: Mapping[str, str], query: SearchQuery) -> SearchResult:
    shown = entry.attributes
    is_exact = entry.word in {query.phrase, query.id_beginning} or query.is_exact_amount(shown.get("amount", ""))
    expense = _read_expense(shown) if entry.kind in EXPENSE_KINDS else None
    name, subject_id = names.get(entry.company_id), shown["subjectId"]
    return SearchResult(entry.kind, entry.company_id, name, subject_id, is_exact=is_exact, expense=expense)


def _read_expense(shown: Mapping[str, Any]) -> FoundExpense:
    return FoundExpense(
        merchant=shown.get("merchant"),
        reference=shown.get("reference"),
        amount=shown.get("amount"),
        currency=shown.get("currency"),
        date=shown.get("date"),
        recorded_at=shown["recordedAt"],
    )


def _subject(entry: Entry) -> tuple[str, str]:
    return entry.company_id, entry.attributes["subjectId"]


def _has_no_exact_result(group: SearchGroup) -> bool:
    return not any(each.is_exact for each in group.results)
