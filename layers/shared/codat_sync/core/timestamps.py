"""Parse Codat's timestamps and format ours."""

from datetime import UTC, datetime, timedelta

# Codat was founded in 2017. .NET writes a time that is not set as 0001-01-01T00:00:00.
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
# Allowance for other clocks, and for bare dates in another time zone.
MAX_AHEAD = timedelta(days=1)


def parse_timestamp(text: object) -> datetime | None:
    """Parse a timestamp of Codat's, in UTC. Returns None if it is invalid.

    Codat's timestamps have up to seven fractional digits, with or without an offset (then they are UTC), or are bare
    dates; its own examples contain invalid ones (``2024-09-01T23:59:99Z``).
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_plausible(moment: datetime, now: datetime) -> bool:
    """Return whether something that has happened may have happened at ``moment``, by any clock near ours."""
    return EARLIEST <= moment <= now + MAX_AHEAD


def parse_external_timestamp(text: object, now: datetime) -> datetime | None:
    """Parse the time of something that has happened, as another system reports it.

    An implausible time counts as absent: Codat's ``0001-01-01T00:00:00`` means that it is not set.
    """
    moment = parse_timestamp(text)
    return moment if moment and is_plausible(moment, now) else None


def has_elapsed(since: datetime, duration: timedelta, now: datetime) -> bool:
    """Return whether ``duration`` has passed; also if ``since`` is implausible, as a clock must have been wrong."""
    return now - since >= duration or not is_plausible(since, now)


def format_timestamp(moment: datetime) -> str:
    """Format ``moment`` in UTC with milliseconds and a fixed length, so that texts sort chronologically."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_optional_timestamp(moment: datetime | None) -> str | None:
    """Format ``moment`` like ``format_timestamp``; None stays None."""
    return format_timestamp(moment) if moment else None
