"""What makes the pages pleasant: the way back, whole messages, copying, narrow windows, paper, the keyboard alone."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from dev.codat_simulator.books.models import Item
from tests.pages.world import World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_LONG = "The account code 4711 is not valid for this tax rate. " * 140
_LINES = "\n".join(f"Line {number} is not valid." for number in range(300))


def test_a_list_is_paged_forth_and_back_without_javascript(plain: Page, world: World) -> None:
    """Each page says which rows it has."""
    plain.goto(f"syncs/{world.failed_sync.sync_id}/items?status=Completed&limit=50")
    for rows in ("Rows 1 to 50", "Rows 51 to 100"):
        expect(plain.get_by_text(rows)).to_be_visible()
        plain.get_by_role("link", name="Next").click()
    expect(plain.get_by_text("Rows 101 to 120, the last")).to_be_visible()
    plain.get_by_role("link", name="Previous").click()
    expect(plain.get_by_text("Rows 51 to 100")).to_be_visible()
    plain.get_by_role("link", name="Previous").click()
    expect(plain.get_by_text("Rows 1 to 50")).to_be_visible()
    expect(plain.get_by_role("link", name="Previous")).to_have_count(0)
    plain.goto(f"syncs/{world.failed_sync.sync_id}/items?status=PushError")
    expect(plain.get_by_text("1 item", exact=True)).to_be_visible()


def test_a_message_is_shown_in_full_on_request_and_never_fills_the_page(page: Page, world: World) -> None:
    """Whether it has many characters or many lines."""
    rows = [Item("long", "PushError", "expense", _LONG), Item("lines", "PushError", "expense", _LINES)]
    page.goto(f"syncs/{world.adds(5130, rows).sync_id}/items")
    closed = [row.bounding_box() for row in page.locator("tbody tr").all()]
    assert all(box and box["height"] < 200 for box in closed)
    for text, row in zip((_LONG, _LINES), page.locator("tbody tr").all(), strict=True):
        row.locator("summary").click()
        expect(row.get_by_role("group", name="Full message")).to_have_text(text.strip())
        box = row.bounding_box()
        assert box
        assert box["height"] < 480


def test_copying_says_that_it_has(page: Page, world: World) -> None:
    """On the button, and to screen readers."""
    page.goto(f"syncs/{world.failed_sync.sync_id}")
    note = page.get_by_role("region", name="Note for the customer")
    note.get_by_role("button", name="Copy").click()
    expect(page.locator("#said")).to_have_text("Copied")
    expect(note.locator(".copies")).to_have_class(re.compile("done"))
    assert page.evaluate("getComputedStyle(document.querySelector('.copies'), '::before').content") == '"✓"'
    assert page.evaluate("navigator.clipboard.readText()") == note.locator("blockquote").inner_text()


def test_a_small_window_shows_the_status_of_a_sync_without_scrolling(browser: Browser, world: World) -> None:
    """At 768 pixels, tables fit: ids are shortened, and times and statuses wrap."""
    world.submit_what_fails()
    with browser.new_context(base_url=world.url, viewport={"width": 768, "height": 900}) as context:
        page = context.new_page()
        page.goto("syncs")
        for name in ("Status", "Failed"):
            box = page.get_by_role("columnheader", name=name, exact=True).bounding_box()
            assert box
            assert box["x"] + box["width"] <= 768, name


def test_paper_has_what_is_read_and_nothing_to_press(page: Page, world: World) -> None:
    """Black on white, with whole ids, whatever the theme."""
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(f"syncs/{world.failed_sync.sync_id}/items")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    for selector in (".top", ".tabs", ".filters", ".copy", "button"):
        for each in page.locator(selector).all():
            expect(each).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _press_until(page: Page, name: str, role: str = "link") -> None:
    """Press Tab until the element of a role and name has the focus, and that is seen."""
    wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type] # a role
    wanted.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            assert wanted.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
            return
    pytest.fail(f"{name} is out of the keyboard's reach")


def test_the_keyboard_alone_retries_what_has_failed(page: Page, world: World) -> None:
    """From the dashboard to the failed sync, its items, the plan, and its confirmation."""
    world.submit_what_fails()
    before = len(world.simulated.submissions)
    page.goto("./")
    _press_until(page, "Skip to content")
    page.keyboard.press("Enter")
    _press_until(page, world.submitted_sync_id)
    page.keyboard.press("Enter")
    _press_until(page, "Push items")
    page.keyboard.press("Enter")
    _press_until(page, "Check what can be retried")
    page.keyboard.press("Enter")
    _press_until(page, "Retry 1 item", "button")
    assert len(world.simulated.submissions) == before
    page.keyboard.press("Enter")
    expect(page.get_by_text("Syncs created by retries")).to_be_visible()
    assert len(world.simulated.submissions) == before + 1
