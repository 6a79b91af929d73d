"""Visits to the dashboard and the sync list. Syncs are new if they came after the previous visit ended."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# A visit ends when no page was viewed for this long.
_PAUSE = timedelta(minutes=30)
_COOKIE = re.compile(r"(\d{1,11})\.(\d{1,11})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit whose latest page was viewed at ``seen``. ``since`` is the end of the previous one, if any."""

    since: datetime | None
    seen: datetime

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        return f"{int(self.since.timestamp()) if self.since else 0}.{int(self.seen.timestamp())}"


def current_visit(cookie: str, now: datetime) -> Visit:
    """Return the visit that a page view at ``now`` is part of. An invalid cookie is ignored."""
    found = _COOKIE.fullmatch(cookie)
    since, seen = (datetime.fromtimestamp(int(each), UTC) for each in found.groups()) if found else (None, None)
    if not seen or not since or not since < seen <= now:
        return Visit(None, now)
    if now - seen > _PAUSE:
        return Visit(seen, now)
    return Visit(since if since.timestamp() else None, now)
