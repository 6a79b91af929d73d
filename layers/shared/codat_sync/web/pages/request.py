"""The current page request, and relative links from it: the path prefix of the deployment is not known."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode

from codat_sync.web.pages.visitor import Visitor

THEME_COOKIE = "theme"
VISIT_COOKIE = "visit"


class Theme(StrEnum):
    """Colour theme. AUTO follows the visitor's system setting."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page. ``path`` starts with a slash and excludes any deployment prefix.

    ``visit`` is the cookie of the current visit, or empty.
    """

    # The parameters of a page within a list: a changed question starts at the first one.
    PAGING: ClassVar = ("cursor", "row", "back")

    path: str
    query: tuple[tuple[str, str], ...]
    theme: Theme
    visitor: Visitor
    visit: str = ""

    @property
    def root(self) -> str:
        """The relative link to the home page, ending with a slash."""
        return "../" * (self.path.count("/") - 1) or "./"

    @property
    def here(self) -> str:
        """The path and query, without the leading slash."""
        return self.path[1:] + (f"?{urlencode(self.query)}" if self.query else "")

    def to(self, *path: str, **query: object) -> str:
        """Return the relative link to a page. None values are omitted from the query, lists are repeated."""
        return self.root + "/".join(quote(part, safe="") for part in path) + _query(_pairs(query))

    def again(self, **changes: object) -> str:
        """Return the relative link to this page with a changed query, starting from the first result page."""
        kept = [(name, value) for name, value in self.query if name not in {*changes, *self.PAGING}]
        return self.root + self.path[1:] + _query([*kept, *_pairs(changes)])

    def values(self, name: str) -> list[str]:
        """Return all values of the query parameter ``name``."""
        return [value for each, value in self.query if each == name]


def page_request(event: Mapping[str, Any], path: str, cookies: Mapping[str, str], visitor: Visitor) -> PageRequest:
    """Parse an API Gateway event (payload 2.0). Empty query parameters are ignored."""
    query = tuple((name, value) for name, value in parse_qsl(event.get("rawQueryString", "")) if value)
    theme = cookies.get(THEME_COOKIE, "")
    chosen = Theme(theme) if theme in set(Theme) else Theme.AUTO
    return PageRequest(path, query, chosen, visitor, cookies.get(VISIT_COOKIE, ""))


def _pairs(query: Mapping[str, object]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(each)) for each in values if each is not None]
    return pairs


def _query(pairs: list[tuple[str, str]]) -> str:
    return f"?{urlencode(pairs)}" if pairs else ""
