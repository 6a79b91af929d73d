"""Moments, as Codat writes them."""

from datetime import UTC, datetime

import pytest

from codat_sync.core.timestamps import format_timestamp, parse_external_timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2022-08-03T01:30:09.0797213Z", "2022-08-03T01:30:09.079Z"),
        ("2022-08-03T01:30:09+02:00", "2022-08-02T23:30:09.000Z"),
        ("2022-08-03T01:30:09", "2022-08-03T01:30:09.000Z"),
        ("2022-08-03", "2022-08-03T00:00:00.000Z"),
    ],
)
def test_every_way_that_codat_writes_a_time_is_read(text: str, kept: str) -> None:
    """Seven digits, an offset, no offset, a bare date: all are kept in UTC and equally long."""
    moment = parse_timestamp(text)
    assert moment is not None
    assert format_timestamp(moment) == kept


@pytest.mark.parametrize("text", ["2024-09-01T23:59:99Z", "soon", "", None, 1614265330, "0001-01-01T00:00:00+14:00"])
def test_an_impossible_time_is_no_time(text: object) -> None:
    """Codat's own example is one of them: it must not stop an event."""
    assert parse_timestamp(text) is None


def test_texts_sort_as_moments_do() -> None:
    """Index keys are such texts."""
    moments = [datetime(2026, 1, 1, 0, 0, 0, us, tzinfo=UTC) for us in (0, 1000, 999_000)]
    assert sorted(map(format_timestamp, reversed(moments))) == list(map(format_timestamp, moments))


@pytest.mark.parametrize(
    ("text", "is_believed"),
    [
        ("2015-01-01T00:00:00Z", True),
        ("2026-11-25T18:00:00Z", True),
        ("2026-11-25T18:00:00.001Z", False),
        ("2014-12-31T23:59:59.999Z", False),
        ("0001-01-01T00:00:00", False),
        ("9999-12-31T23:59:59.9999999Z", False),
        ("soon", False),
    ],
)
def test_an_implausible_time_from_outside_is_absent(text: str, *, is_believed: bool) -> None:
    """Before Codat was founded, or more than a day ahead."""
    assert (parse_external_timestamp(text, datetime(2026, 11, 24, 18, tzinfo=UTC)) is not None) is is_believed
