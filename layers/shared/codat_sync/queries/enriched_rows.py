"""Add data from other items to the rows of a list, for several rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from codat_sync.core.iterables import batched
from codat_sync.queries.listing import Listing

T = TypeVar("T")


class EnrichedRows(Listing[T]):
    """The rows of a list, each replaced by ``enrich``, which is called with up to ``size`` of them at a time.

    It ends early, with a cursor, once ``has_time`` is False. Raises what the list and ``enrich`` do.
    """

    def __init__(
        self,
        listing: Listing[T],
        enrich: Callable[[Sequence[T]], Sequence[T]],
        size: int,
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        self._listing = listing
        self._enrich = enrich
        self._size = size
        self._has_time = has_time
        self._cursor = listing.cursor

    @property
    def cursor(self) -> str | None:
        """The cursor after the rows yielded so far, although the list was read further."""
        return self._cursor

    def rows(self) -> Iterator[T]:
        """Yield the rows."""
        for some in batched(((row, self._listing.cursor) for row in self._listing.rows()), self._size):
            if not self._has_time():
                return
            enriched = self._enrich([row for row, _ in some])
            for row, (_, cursor) in zip(enriched, some, strict=True):
                self._cursor = cursor
                yield row
        self._cursor = self._listing.cursor
