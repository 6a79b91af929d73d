"""What changes while it is read: syncs in progress, times in the reader's zone, and what is new since the last visit.

Time is the browser's, and moved by the tests: nothing waits.
"""

import re
import time
from datetime import datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser, Page, Response, ViewportSize, expect

from codat_sync.core.timestamps import parse_timestamp
from codat_sync.web.pages.components.wording import moment
from codat_sync.web.pages.request import VISIT_COOKIE
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Verdict
from tests.pages.world import World
from tests.support.botocore_calls import count_requests

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_INDIA = timedelta(hours=5, minutes=30)
_ASKED = re.compile(r"/live\?")
_HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
_SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
    for (const each of list.getEntries()) shifts.push(each.sources.map(({ node }) => node?.textContent));
}).observe({ type: "layout-shift", buffered: true });"""


def _after(page: Page, seconds: int) -> Response:
    """Return the response to the request for what has changed, that the page makes after some time."""
    with page.expect_response(_ASKED) as asked:
        page.clock.fast_forward(seconds * 1000)
    return asked.value


def test_a_list_shows_how_syncs_end_in_their_rows_and_says_that_there_are_new_ones(page: Page, world: World) -> None:
    """Nothing moves; the new ones are shown on request."""
    sync_id = world.submits()
    page.clock.install()
    page.goto("syncs")
    rows = page.locator("tbody tr")
    first = rows.first.get_attribute("data-sync")
    row = page.locator(f'tr[data-sync="{sync_id}"]')
    expect(row.locator(".pill")).to_have_text("Submitted")
    world.settle(sync_id)
    added = [world.adds(2000, []), world.adds(5130, [Item("x", "PushError", "expense", "No.")])]
    assert _after(page, 4).status == 200
    expect(row.locator(".pill")).to_have_text("Succeeded")
    expect(page.locator("#said")).to_have_text(f"Sync {sync_id}: Succeeded")
    news = page.locator("#news").get_by_role("status")
    expect(news).to_have_text("2 new syncs, 1 failed: show")
    assert rows.first.get_attribute("data-sync") == first
    news.get_by_role("link").click()
    expect(rows.first).to_have_attribute("data-sync", added[1].sync_id)
    expect(news).to_be_hidden()


def test_a_sync_is_followed_to_its_end_and_no_longer(page: Page, world: World) -> None:
    """Its state is replaced in place; the rest of the page is loaded on request."""
    sync_id = world.submits()
    page.clock.install()
    page.goto(f"syncs/{sync_id}/timeline")
    world.settle(sync_id, {})
    _after(page, 4)
    expect(page.locator("h1 + p .pill")).to_have_text("Succeeded")
    expect(page.locator("#news")).to_contain_text("This sync has changed: show")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(120_000)
    assert not asked
    page.locator("#news a").click()
    expect(page.get_by_text("This sync is complete.")).to_be_visible()


def test_what_does_not_change_is_asked_less_and_less_often_and_costs_nothing_but_the_question(
    page: Page, world: World
) -> None:
    """The second answer is 304 Not Modified, and each pause is half as long again, up to a minute."""
    page.clock.install()
    page.goto(f"syncs/{world.submits()}")
    assert _after(page, 4).status == 200
    assert _after(page, 4).status == 304
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(4_000)
    assert not asked
    assert _after(page, 2).status == 304
    for _ in range(6):
        assert _after(page, 60).status == 304


def test_a_hidden_tab_asks_nothing(page: Page, world: World) -> None:
    """Until it is shown again."""
    page.clock.install()
    page.goto(f"syncs/{world.submits()}")
    page.evaluate(_HIDE, arg=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(300_000)
    # The browser itself may fetch the icon at any time.
    assert [url for url in asked if "/assets/icon.svg" not in url] == []
    with page.expect_response(_ASKED):
        page.evaluate(_HIDE, arg=False)


def test_a_page_whose_session_has_ended_says_so(page: Page, world: World) -> None:
    """It does not follow the redirect to the issuer, which the content security policy forbids."""
    page.clock.install()
    page.route(_ASKED, lambda route: route.fulfill(status=303, headers={"location": "https://issuer.example/"}))
    page.goto(f"syncs/{world.submits()}")
    page.clock.fast_forward(4_000)
    expect(page.locator("#news")).to_contain_text("You are signed out: sign in")


def test_an_element_in_use_is_not_replaced_until_it_is_left(page: Page, world: World) -> None:
    """Or the keyboard would lose its place."""
    sync_id = world.submits()
    page.clock.install()
    page.goto("syncs")
    row = page.locator(f'tr[data-sync="{sync_id}"]')
    row.get_by_role("link").first.focus()
    world.settle(sync_id, {})
    _after(page, 4)
    expect(row.locator(".pill")).to_have_text("Submitted")
    page.locator("main").focus()
    _after(page, 6)
    expect(row.locator(".pill")).to_have_text("Succeeded")


def test_a_question_costs_three_reads(world: World, client: httpx.Client) -> None:
    """However many syncs there are, and nothing else is rendered."""
    sync_id = world.submits()
    position = f"{time.strftime('%Y-%m-%d', time.gmtime())}T00:00:00.000Z#z"
    with count_requests() as requests:
        answer = client.get("live", params={"sync": sync_id, "after": position})
    assert requests.total() == 3
    assert len(answer.content) < 10_000
    known = {"if-none-match": answer.headers["etag"]}
    assert client.get("live", params={"sync": sync_id, "after": position}, headers=known).status_code == 304
    assert client.get("live", params={"sync": [sync_id] * 51}).status_code == 400
    assert client.get("live", params={"sync": "a b"}).status_code == 400
    assert "data-sync" not in client.get("live").text


def _clock(page: Page) -> tuple[str, str, datetime]:
    """Return the first time of a list: its text, title and value."""
    shown = page.locator("td time").first
    at = parse_timestamp(shown.get_attribute("datetime"))
    assert at
    return shown.inner_text(), shown.get_attribute("title") or "", at


def test_times_are_in_the_readers_zone_or_in_utc_as_chosen(browser: Browser, world: World) -> None:
    """The other one is the title. The choice is kept."""
    with browser.new_context(base_url=world.url, timezone_id="Asia/Kolkata") as context:
        page = context.new_page()
        page.goto("syncs")
        expect(page.get_by_text("Times are in your time zone, Asia/")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Time")).to_contain_text("(local)")
        text, title, at = _clock(page)
        assert (text, title) == (moment(at + _INDIA), f"{moment(at)} UTC")
        page.get_by_role("button", name="Show UTC").click()
        assert _clock(page)[:2] == (moment(at), f"{moment(at)} UTC")
        page.reload()
        expect(page.get_by_text("All times are UTC.")).to_be_visible()
        assert _clock(page)[0] == moment(at)
        page.get_by_role("button", name="Show local times").click()
        page.goto("./")
        recent = page.locator(".brief time").first
        expect(recent).to_have_text(re.compile(r"^\d+ (seconds?|minutes?) ago$"))
        assert re.search(r", .*Asia/.*, .* UTC$", recent.get_attribute("title") or "")


def test_without_javascript_times_are_utc(plain: Page) -> None:
    """And the heading says so."""
    plain.goto("syncs")
    expect(plain.get_by_role("columnheader", name="Time")).to_contain_text("(UTC)")
    expect(plain.get_by_text("All times are UTC.")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_once_a_page_is_shown(browser: Browser, world: World, width: int) -> None:
    """The scripts that change times and buttons run before it is painted."""
    size = ViewportSize(width=width, height=900)
    with browser.new_context(base_url=world.url, timezone_id="Asia/Kolkata", viewport=size) as context:
        page = context.new_page()
        page.add_init_script(_SHIFTS)
        for path in ("./", "syncs", "causes", f"syncs/{world.failed_sync.sync_id}/items"):
            page.goto(path)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert page.evaluate("shifts") == [], path


@pytest.mark.usefixtures("world")
def test_what_is_new_since_the_last_visit_is_counted_and_marked(client: httpx.Client) -> None:
    """The dashboard counts it, the list has a line where it ends. A first visit has neither."""
    text = client.get("").text
    assert "last visit" not in text
    assert client.cookies[VISIT_COOKIE].startswith("0.")
    now = int(time.time())
    client.cookies.clear()
    old = {"cookie": f"{VISIT_COOKIE}=1.{now - 86_400}"}
    text = client.get("", headers=old).text
    assert re.search(r"Since your last visit, <time [^>]+>.*new syncs, \d+ failed</a>", text)
    text = client.get("syncs?limit=50", headers=old).text
    assert text.count("Your last visit") == 1
    newer, older = text.split('class="seen"')
    assert newer.count("data-sync") > 2
    assert older.count("data-sync") > 2
    assert "Your last visit" not in client.get("syncs?limit=50&order=asc", headers=old).text
    recent = {"cookie": f"{VISIT_COOKIE}={now - 3_000}.{now - 60}"}
    assert "Since your last visit" in client.get("", headers=recent).text


def test_a_retry_is_followed_as_a_sync_is(page: Page, world: World) -> None:
    """The panel of push items is replaced as a whole."""
    world.submit_what_fails()
    page.clock.install()
    page.goto(f"syncs/{world.submitted_sync_id}/retry")
    page.get_by_role("button", name="Retry 1 item").click()
    expect(page.get_by_text("Syncs created by retries")).to_be_visible()
    world.settle(world.simulated.submissions[-1].sync_id, {world.submitted_ids[0]: Verdict("Completed", "")})
    with page.expect_response(re.compile("/items")):
        page.clock.fast_forward(4_000)
    expect(page.locator(".retry .pill")).to_have_text("Succeeded")
