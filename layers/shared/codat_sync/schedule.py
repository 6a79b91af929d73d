"""When a sync is looked at again: rules only, the moments are committed with its document."""

from datetime import datetime, timedelta

# Codat sends no event while a sync is in progress, and may lose the one at its end. Most syncs end within minutes.
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15, 30, 60))
# What is in progress for so long is reported, and still looked at, at the longest delay times six.
STUCK_AFTER = timedelta(days=1)
_STUCK_DELAY = timedelta(hours=6)
# A sync that a webhook named and Codat does not know may have to get around there. Then it is believed.
MISSING_AFTER = timedelta(hours=1)


def next_look(looks: int, waiting_since: datetime, now: datetime) -> datetime:
    """Return when to look again after the ``looks``-th look (from 0) at a sync that is not final."""
    if is_stuck(waiting_since, now):
        return now + _STUCK_DELAY
    return now + _DELAYS[min(looks, len(_DELAYS) - 1)]


def is_stuck(waiting_since: datetime, now: datetime) -> bool:
    """Return whether a sync has been in progress for longer than any should."""
    return now - waiting_since >= STUCK_AFTER
