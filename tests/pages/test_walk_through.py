"""A support agent's day: each feature used once, in a real browser, as far as no other module does."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from codat_sync.syncs.failure_causes import cause_id
from dev.codat_simulator.books.models import Item
from dev.stored_events import COMPANY_ID
from tests.pages.world import MERCHANT, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]


def _downloaded(page: Page, name: str) -> bytes:
    """Click a link, and return the file that it downloads."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).first.click()
    return download.value.path().read_bytes()


def test_is_this_expense_in_their_books(page: Page, world: World) -> None:
    """From a merchant to the expense, what to tell the customer, and its syncs."""
    world.submit_what_fails()
    world.indexing.catch_up()
    page.goto("./")
    page.get_by_role("searchbox").first.fill(f"{MERCHANT} 120.10")
    page.keyboard.press("Enter")
    page.locator(f'a[href*="{world.submitted_ids[0]}"]').first.click()
    expect(page.get_by_role("region", name="Syncs")).to_contain_text("The accounting software is busy.")
    note = page.get_by_role("region", name=re.compile("customer"))
    note.get_by_role("button", name="Copy").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == note.locator("blockquote").inner_text()


def test_who_is_affected_by_this_error(page: Page, world: World) -> None:
    """From the dashboard to a cause, its companies, their items, and a retry of all, whose progress is shown."""
    world.submit_what_fails()
    page.goto("./")
    page.get_by_role("link", name="All causes").click()
    page.get_by_role("link", name="The accounting software is busy.").first.click()
    companies = page.get_by_role("region", name="Affected companies")
    expect(companies).to_contain_text("Bäckerei Toft")
    companies.get_by_role("link", name="Items").first.click()
    expect(page).to_have_url(re.compile(f"cause={cause_id('The accounting software is busy.')}"))
    file = _downloaded(page, "Export as CSV")
    assert file.startswith(b"\xef\xbb\xbf")
    assert "The accounting software is busy." in file.decode("utf-8-sig")
    page.go_back()
    page.get_by_role("link", name="Retry these items…").click()
    page.get_by_role("button", name=re.compile("Retry")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bulk retry")
    expect(page.locator("#bulk")).to_have_attribute("data-refresh", "")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Stopped")
    expect(page.locator("[data-refresh]")).to_have_count(0)


def test_a_failure_is_noted_dismissed_and_reopened_and_the_audit_says_by_whom(page: Page, world: World) -> None:
    """From the dashboard's counts to the worklist, and back to open."""
    sync_id = world.adds(5130, [Item("x", "PushError", "expense", "Refused.")]).sync_id
    page.goto("./")
    page.get_by_role("link", name="Worklist").first.click()
    row = page.get_by_role("row").filter(has=page.locator(f'a[href$="{sync_id}"]'))

    def decide(what: str, why: str) -> None:
        row.locator("summary").click()
        row.get_by_label("Reason or note").fill(why)
        row.get_by_role("button", name=what).click()

    decide("Add note", "Asked the customer.")
    expect(row).to_contain_text("Asked the customer.")
    decide("Dismiss", "Entered by hand.")
    expect(row).to_have_count(0)
    page.get_by_role("link", name=re.compile("^Dismissed")).click()
    expect(row).to_contain_text("Entered by hand.")
    decide("Reopen", "It was not.")
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Audit").first.click()
    done = page.get_by_role("row").filter(has=page.locator(f'a[href$="{sync_id}"]'))
    expect(done).to_have_count(3)
    expect(done.filter(has_text="Entered by hand.")).to_contain_text("everybody")


def test_why_did_it_fail(page: Page, world: World) -> None:
    """Configuration then and now, and all that Codat's support asks for in one file."""
    page.goto(f"syncs/{world.failed_sync.sync_id}")
    bundle = json.loads(_downloaded(page, "Support bundle"))
    assert world.failed_sync.sync_id in json.dumps(bundle)
    assert "msg_" in json.dumps(bundle)
    page.get_by_role("link", name="Config").click()
    expect(page.locator("pre").first).to_contain_text("bankAccount")
    assert "bankAccount" in _downloaded(page, "Download").decode()


def test_last_months_failures_as_a_table_and_whether_anything_is_missing(page: Page, world: World) -> None:
    """For a spreadsheet: with a byte order mark, names, messages, and the time zone in the heading."""
    page.goto("syncs")
    page.get_by_role("checkbox", name="Failed").check()
    expect(page).to_have_url(re.compile("outcome=failed"))
    text = _downloaded(page, "Export as CSV").decode("utf-8-sig")
    heading, *rows = text.splitlines()
    assert "UTC" in heading
    assert any(world.failed_sync.sync_id in row and "Bäckerei Toft" in row for row in rows)
    page.get_by_role("link", name="Companies").first.click()
    page.locator(f'a[href$="company/{COMPANY_ID}"]').first.click()
    expect(page.get_by_text("Complete as of")).to_be_visible()
