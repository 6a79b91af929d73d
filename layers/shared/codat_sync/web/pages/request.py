"""What was asked for, and how a page leads to others: relative links only, as nobody knows below which prefix it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from codat_sync.web.pages.visitor import Visitor

THEME_COOKIE = "theme"


class Theme(StrEnum):
    """How light a page is. AUTO: as the visitor's system has it."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page. ``path`` begins with a slash, as this application sees it."""

    path: str
    query: tuple[tuple[str, str], ...]
    theme: Theme
    visitor: Visitor

    @property
    def root(self) -> str:
        """The relative link to where the pages begin: it ends with a slash."""
        return "../" * (self.path.count("/") - 1) or "./"

    @property
    def here(self) -> str:
        """The path and query, without the slash at the beginning."""
        return self.path[1:] + (f"?{urlencode(self.query)}" if self.query else "")

    def to(self, *path: str, **query: object) -> str:
        """Return the relative link to a page. What is None in the query is left out; what is a list is repeated."""
        return self.root + "/".join(quote(part, safe="") for part in path) + _query(_pairs(query))

    def again(self, **changes: object) -> str:
        """Return the relative link to this page with some of the query changed. It begins at its first page anew."""
        kept = [(name, value) for name, value in self.query if name not in {*changes, "cursor"}]
        return self.root + self.path[1:] + _query([*kept, *_pairs(changes)])

    def values(self, name: str) -> list[str]:
        """Return what the query says of ``name``."""
        return [value for each, value in self.query if each == name]


def page_request(event: Mapping[str, Any], path: str, cookies: Mapping[str, str], visitor: Visitor) -> PageRequest:
    """Return what an event of API Gateway's (payload 2.0) asks for. What a form has left empty is left out."""
    query = tuple((name, value) for name, value in parse_qsl(event.get("rawQueryString", "")) if value)
    theme = cookies.get(THEME_COOKIE, "")
    return PageRequest(path, query, Theme(theme) if theme in set(Theme) else Theme.AUTO, visitor)


def _pairs(query: Mapping[str, object]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(each)) for each in values if each is not None]
    return pairs


def _query(pairs: list[tuple[str, str]]) -> str:
    return f"?{urlencode(pairs)}" if pairs else ""
