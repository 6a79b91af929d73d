"""The kinds of search entries, and the scopes of the index. Every function's settings import this module."""

from enum import StrEnum


class SearchKind(StrEnum):
    """What is searched for, in the order in which groups of results are shown."""

    SYNC = "sync"
    COMPANY = "company"
    TRANSACTION = "transaction"
    MERCHANT = "merchant"
    REFERENCE = "reference"
    AMOUNT = "amount"

    @property
    def has_words(self) -> bool:
        """Whether entries of this kind are found by words."""
        return self in {SearchKind.COMPANY, SearchKind.MERCHANT, SearchKind.REFERENCE}


# Submitted data: personal, and shown only to viewers with the role EXPENSES.
EXPENSE_KINDS = frozenset({SearchKind.MERCHANT, SearchKind.REFERENCE, SearchKind.AMOUNT})


class SearchIndexScope(StrEnum):
    """What is indexed: everything, ids and the names of companies, or nothing."""

    ALL = "all"
    IDS = "ids"
    OFF = "off"

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """The kinds of entries."""
        if self is SearchIndexScope.OFF:
            return frozenset()
        return frozenset(SearchKind) - (frozenset() if self is SearchIndexScope.ALL else EXPENSE_KINDS)
