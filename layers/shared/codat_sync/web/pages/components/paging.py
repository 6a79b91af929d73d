"""Where a page is in its list: the numbers of its rows, and the links to the pages before and after it.

The links contain the way back, so it needs neither JavaScript nor state on the server. ``row`` is the number of
the page's first row; ``back`` has the first row and the cursor of each page before it, the latest last.
"""

from dataclasses import dataclass

from codat_sync.web.pages.request import PageRequest

# 30 cursors are 3 KB of a URL, of which API Gateway takes 10 KB.
_MOST_BACK = 30


@dataclass(frozen=True, slots=True)
class Paging:
    """A page of ``count`` rows. ``next_cursor`` leads to the next page."""

    request: PageRequest
    count: int
    next_cursor: str | None

    @property
    def first(self) -> int | None:
        """The number of its first row, from 1; None if the page was not reached by paging."""
        if not self._cursor:
            return 1
        return _number(next(iter(self.request.values("row")), ""))

    @property
    def rows(self) -> str:
        """The range of these rows, such as ``26 to 50``; empty if it is unknown."""
        if self.first is None or not self.count:
            return ""
        return f"{self.first:,} to {self.first + self.count - 1:,}" if self.count > 1 else f"{self.first:,}"

    @property
    def next(self) -> str | None:
        """The link to the next page."""
        if not self.next_cursor:
            return None
        if self.first is None:
            return self.request.again(cursor=self.next_cursor)
        back = [*self._back, f"{self.first}~{self._cursor}"][-_MOST_BACK:]
        return self.request.again(cursor=self.next_cursor, row=self.first + self.count, back=back)

    @property
    def previous(self) -> str | None:
        """The link to the previous page."""
        if not self._back:
            return None
        row, _, cursor = self._back[-1].partition("~")
        if not cursor:
            return self.request.again()
        return self.request.again(cursor=cursor, row=row, back=self._back[:-1])

    @property
    def start(self) -> str | None:
        """The link to the first page, unless this is it or the one after it."""
        return self.request.again() if self._cursor and (not self._back or self._back[-1].partition("~")[2]) else None

    @property
    def _cursor(self) -> str:
        return next(iter(self.request.values("cursor")), "")

    @property
    def _back(self) -> list[str]:
        return self.request.values("back") if self._cursor else []


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None  # noqa: PLR2004 - digits
