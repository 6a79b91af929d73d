"""Parse Codat's timestamps and format ours."""

from datetime import UTC, datetime


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


def format_timestamp(moment: datetime) -> str:
    """Format ``moment`` in UTC with milliseconds and a fixed length, so that texts sort chronologically."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_optional_timestamp(moment: datetime | None) -> str | None:
    """Format ``moment`` like ``format_timestamp``; None stays None."""
    return format_timestamp(moment) if moment else None
