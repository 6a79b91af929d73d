"""Page components before rendering."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.queries.sync_query import DayTotals
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.pages.components.chart import HEIGHT, WIDTH, chart
from codat_sync.web.pages.components.wording import percent
from codat_sync.web.pages.request import PageRequest, Theme, page_request
from codat_sync.web.pages.visitor import ANONYMOUS

FIRST = date(2026, 10, 26)
COUNTS = st.lists(st.dictionaries(st.sampled_from(list(Outcome)), st.integers(0, 100_000)), min_size=1, max_size=92)


@given(COUNTS)
def test_a_picture_holds_every_day_to_one_scale(counts: list[dict[Outcome, int]]) -> None:
    """Bars are proportional to their syncs and stay within the chart; each segment starts where the last ends."""
    days = [DayTotals(FIRST + timedelta(days=n), Counter(each)) for n, each in enumerate(counts)]
    made = chart(days)
    most = made.lines[-1].number
    unit = (made.base - made.lines[-1].y) / most
    assert len(made.bars) == len(days)
    assert 1 <= len(made.lines) <= 5 or most == 0
    for bar in made.bars:
        assert bar.totals.syncs <= most
        assert sum(segment.height for segment in bar.segments) == pytest.approx(bar.totals.syncs * unit)
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        floor = float(made.base)
        for segment in bar.segments:
            assert segment.y + segment.height == pytest.approx(floor)
            floor = segment.y
        assert 0 <= floor <= HEIGHT


def _request(path: str, query: str = "") -> PageRequest:
    return page_request({"rawQueryString": query}, path, {}, ANONYMOUS)


@pytest.mark.parametrize(
    ("path", "root"),
    [("/", "./"), ("/syncs", "./"), ("/syncs/a", "../"), ("/company/a/transactions/b", "../../../")],
)
def test_links_lead_from_any_page_to_where_the_pages_begin(path: str, root: str) -> None:
    """Links work below any path prefix."""
    assert _request(path).root == root
    assert _request(path).to("syncs", "a/b", status=["x", "y"], no=None) == f"{root}syncs/a%2Fb?status=x&status=y"


def test_a_changed_question_begins_at_its_first_page_and_keeps_the_rest() -> None:
    """Empty form fields are dropped."""
    request = _request("/syncs", "search=&outcome=failed&code=5130&code=4000&cursor=x")
    assert request.here == "syncs?outcome=failed&code=5130&code=4000&cursor=x"
    assert request.again(outcome=None, sort="failed") == "./syncs?code=5130&code=4000&sort=failed"


@pytest.mark.parametrize(("cookie", "theme"), [("dark", Theme.DARK), ("", Theme.AUTO), ('"><script>', Theme.AUTO)])
def test_a_theme_is_one_that_there_is(cookie: str, theme: Theme) -> None:
    """Ignore cookies with unknown values."""
    assert page_request({}, "/", {"theme": cookie}, ANONYMOUS).theme is theme


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (0, 5, "0 %"), (1, 1000, "< 1 %"), (999, 1000, "99 %"), (5, 5, "100 %"), (1, 4, "25 %")],
)
def test_a_share_is_all_or_nothing_only_if_it_is(part: int, whole: int, text: str) -> None:
    """One failure in thousands is not 0 %."""
    assert percent(part, whole) == text
