"""Format times in the variants that Codat uses."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def format_seven_fraction_digits(moment: datetime) -> str:
    """`2022-08-03T01:30:09.0797210Z`: .NET's ticks, one digit more than Python's microseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def format_milliseconds(moment: datetime) -> str:
    """`2022-10-23T00:00:00.000Z`, as in the envelope of an event."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_with_offset(moment: datetime) -> str:
    """`2022-08-03T01:30:09+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def format_without_offset(moment: datetime) -> str:
    """`2022-08-03T01:30:09`: meant as UTC, but nothing says so."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def format_date(moment: datetime) -> str:
    """`2022-08-03`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
