"""When a visit to the lists begins, and what the previous one saw last."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.web.pages.components.visits import Visit, current_visit

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_a_visit_lasts_until_no_page_was_viewed_for_half_an_hour() -> None:
    """Viewing pages does not make what is new old."""
    first = current_visit("", NOW)
    assert first == Visit(None, NOW)
    assert current_visit(first.cookie, NOW + timedelta(minutes=30)).since is None
    second = current_visit(first.cookie, NOW + timedelta(hours=8))
    assert second.since == NOW
    third = current_visit(second.cookie, NOW + timedelta(hours=8, minutes=20))
    assert third.since == NOW
    assert current_visit(third.cookie, NOW + timedelta(hours=9)).since == third.seen


@pytest.mark.parametrize(
    "cookie", ["x", "1", "1.2.3", "-1.5", "2.1", "1.99999999999", "\u0660.\u0661", "1." + "9" * 40]
)
def test_a_cookie_that_cannot_be_ours_is_ignored(cookie: str) -> None:
    """Times that are reversed, in the future, or not numbers."""
    assert current_visit(cookie, NOW) == Visit(None, NOW)
