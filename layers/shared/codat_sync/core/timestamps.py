"""Moments, as Codat writes them and as we keep them."""

from datetime import UTC, datetime


def parse_timestamp(text: object) -> datetime | None:
    """Return the moment that Codat wrote, in UTC, or None if it is none.

    Codat's times come with up to seven fractional digits, with an offset, without one (then they are UTC) or as a bare
    date; its own examples hold impossible ones (``2024-09-01T23:59:99Z``).
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_timestamp(moment: datetime) -> str:
    """Return ``moment`` in UTC to the millisecond, always equally long: such texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_optional_timestamp(moment: datetime | None) -> str | None:
    """Return ``moment`` as ``format_timestamp`` does, None if there is none."""
    return format_timestamp(moment) if moment else None
