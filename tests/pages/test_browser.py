"""Use each feature of the pages once in a real browser."""

import csv
import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from codat_sync.syncs.failure_causes import cause_id
from dev.stored_events import COMPANY_ID
from tests.pages.world import HTML, MERCHANT, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]


ARCHIVED = cause_id("Account # is archived.")


def _paths(world: World) -> list[str]:
    sync = f"syncs/{world.failed_sync.sync_id}"
    own = f"syncs/{world.submitted_sync_id}"
    return [
        *(
            "",
            "syncs",
            "company",
            "causes",
            "worklist",
            "dead-letters",
            "audit",
            "unknown-outcomes",
            "nothing",
            "search",
            "search?q=noir",
            "search?q=xyz",
        ),
        f"search?q={world.failed_sync.sync_id[:2]}",
        *(f"causes/{ARCHIVED}", "causes/0123456789abcdef", "failed-items", "bulk-retries", "bulk-retries/new"),
        *(sync, f"{sync}/items", f"{sync}/timeline", f"{sync}/config", f"{sync}/retry", f"{own}/retry"),
        *(f"company/{COMPANY_ID}", f"company/{COMPANY_ID}/transactions/{world.submitted_ids[0]}"),
    ]


def test_the_dashboard_leads_to_the_syncs_of_a_day_and_of_an_outcome(page: Page) -> None:
    """Follow the links of the chart and of the totals."""
    page.goto("./")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"\?from="))
    page.locator("figure svg a").last.click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page.go_back()
    page.get_by_text("Show the numbers as a table").click()
    expect(page.locator("figure tbody th").first).to_contain_text(re.compile(r"\d{4}"))
    page.locator(".tiles a").nth(2).click()
    expect(page).to_have_url(re.compile("outcome=failed"))
    expect(page.locator("td.c-outcome .pill").first).to_be_visible()
    assert set(page.locator("td.c-outcome .pill").all_inner_texts()) <= {"Failed", "Resolved"}


def test_failures_are_grouped_by_cause(page: Page) -> None:
    """The dashboard shows the top causes, their own page shows all."""
    page.goto("./")
    page.get_by_role("link", name="All causes").click()
    row = page.get_by_role("row").filter(has_text="Account # is archived.")
    expect(row.locator("td").nth(1)).to_have_text("20")
    expect(page.get_by_role("row").filter(has_text=HTML)).to_have_count(1)


def test_the_history_is_searched_filtered_sorted_and_paged_all_in_the_url(page: Page, world: World) -> None:
    """Users can share what they see by its URL."""
    page.goto("syncs")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("Rows 26 to")).to_be_visible()
    page.get_by_role("link", name="Newer").click()
    expect(page.get_by_text("Rows 1 to 25")).to_be_visible()
    page.get_by_role("checkbox", name="Failed").check()
    expect(page).to_have_url(re.compile("outcome=failed"))
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page).to_have_url(re.compile("sort=failed.*order=desc"))
    counts = [int(text) for text in page.locator("td.c-failed").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("First seen").check()
    page.locator("details[open]").get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()
    assert "outcome=failed" in page.url
    page.locator("summary", has_text="Status code").click()
    page.get_by_label("4000").check()
    page.locator("details[open]").get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Sync or company id").fill(world.failed_sync.sync_id)
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert world.failed_sync.sync_id in download.value.path().read_text()


def test_companies_are_listed_by_name_filtered_sorted_and_exported_for_people(page: Page, world: World) -> None:
    """All in the URL. The file has the companies' names, and titles that state the time zone."""
    page.goto("./")
    page.get_by_role("link", name="Companies").click()
    name = world.simulated.company(COMPANY_ID).name
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").first).to_contain_text(name)
    page.get_by_role("link", name="Latest sync").click()
    expect(page).to_have_url(re.compile("sort=lastSync.*order=desc"))
    page.get_by_role("checkbox", name="Unlinked").check()
    expect(page.get_by_text("No company matches.")).to_be_visible()
    page.get_by_role("link", name="Show all companies").click()
    page.get_by_label("Name, platform or id").fill(COMPANY_ID)
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["Company id"], row["Company"]) == (COMPANY_ID, name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["Latest sync (UTC)"])
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_a_sync_has_four_tabs(page: Page, world: World) -> None:
    """Times with their source, the customer note, ids to copy, and the configuration to download."""
    page.goto("syncs")
    page.locator(f'a[href$="{world.failed_sync.sync_id}"]').click()
    expect(page.get_by_text("Codat gives one time per sync")).to_be_visible()
    expect(page.get_by_text("We are checking whether your expenses have arrived")).to_be_visible()
    expect(page.get_by_text("Xero")).to_be_visible()
    page.get_by_role("button", name="Copy webhook-id").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("msg_")
    page.get_by_role("link", name="Timeline").click()
    expect(page.get_by_text("Webhook received: expenses.sync.unsuccessful")).to_be_visible()
    page.get_by_role("link", name="Config").click()
    expect(page.get_by_role("region", name="Current configuration as JSON")).to_contain_text("bankAccount")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").last.click()
    assert "bankAccount" in download.value.path().read_text()


def test_push_items_are_searched_and_filtered_and_html_in_a_message_is_text(page: Page, world: World) -> None:
    """Search by id or data type, and filter by status."""
    page.goto(f"syncs/{world.failed_sync.sync_id}/items")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr").first).to_contain_text("t50")
    page.get_by_role("checkbox", name="PushError").check()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Item id or data type").fill("BANKFEED")
    page.keyboard.press("Enter")
    expect(page.locator("td .message")).to_have_text(HTML)
    assert "broken" not in page.title()


def test_retry_is_offered_only_where_it_would_do_something(page: Page, world: World) -> None:
    """These items were not submitted through this application, so there is no body to resubmit."""
    page.goto(f"syncs/{world.failed_sync.sync_id}/items")
    page.get_by_role("link", name="Check what can be retried…").click()
    expect(page.get_by_text("We don’t have a copy to resubmit")).to_be_visible()
    expect(page.get_by_text("No items can be resubmitted right now.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    world.retry({"syncId": world.failed_sync.sync_id})
    page.goto(f"syncs/{world.failed_sync.sync_id}/items")
    expect(page.get_by_role("button", name="Retry failed items")).to_be_disabled()
    page.get_by_role("link", name="see why").click()
    expect(page.get_by_text("No items can be resubmitted right now.")).to_be_visible()


def test_what_failed_is_retried_after_what_it_would_do_was_shown_and_its_progress_is_seen(
    page: Page, world: World
) -> None:
    """The panel refreshes itself."""
    world.submit_what_fails()
    before = len(world.simulated.submissions)
    page.goto(f"syncs/{world.submitted_sync_id}/items")
    page.get_by_role("link", name="Check what can be retried…").click()
    expect(page.locator("ul.ids").get_by_text(world.submitted_ids[0])).to_be_visible()
    assert len(world.simulated.submissions) == before
    page.get_by_role("button", name="Retry 1 item").click()
    expect(page.get_by_text("Syncs created by retries")).to_be_visible()
    assert len(world.simulated.submissions) == before + 1
    world.settle(world.simulated.submissions[-1].sync_id)
    expect(page.locator(".retry .pill")).to_have_text("Succeeded")
    page.locator(".retry .brief a").click()
    expect(page.get_by_text("Retry of")).to_be_visible()


def test_selected_items_are_retried_after_what_it_would_do_was_shown(page: Page, world: World) -> None:
    """By the keyboard alone."""
    world.submit_what_fails()
    before = len(world.simulated.submissions)
    page.goto(f"syncs/{world.submitted_sync_id}/items")
    expect(page.locator("tbody").get_by_role("checkbox")).to_have_count(1)
    page.get_by_role("checkbox", name=world.submitted_ids[0]).focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Review selected…").press("Enter")
    expect(page.get_by_text("1 item will be resubmitted")).to_be_visible()
    assert len(world.simulated.submissions) == before
    page.get_by_role("button", name="Retry 1 item").press("Enter")
    expect(page.get_by_text("Syncs created by retries")).to_be_visible()
    assert len(world.simulated.submissions) == before + 1


def test_an_expense_is_looked_up_and_retried_alone(page: Page, world: World) -> None:
    """Its page answers whether it is in the books, from the failure to the success."""
    world.submit_what_fails()
    before = len(world.simulated.submissions)
    page.goto(f"company/{COMPANY_ID}/transactions/{world.submitted_ids[0]}")
    books = page.get_by_role("region", name="In the books?")
    expect(books.locator(".pill")).to_have_text("No")
    expect(page.get_by_role("region", name="As submitted")).to_contain_text("120.10 GBP")
    page.get_by_role("button", name="Retry just this one").click()
    expect(page.get_by_text("Retry finished")).to_be_visible()
    expect(books.locator(".pill")).to_have_text("Unknown")
    expect(page.get_by_role("button", name="Retry just this one")).to_have_count(0)
    assert len(world.simulated.submissions) == before + 1
    world.settle(world.simulated.submissions[-1].sync_id)
    page.get_by_role("link", name="Reload").click()
    expect(books.locator(".pill")).to_have_text("Yes")
    first = page.get_by_role("region", name="Submissions and syncs").locator("tbody tr").first
    expect(first).to_contain_text("Submitted: POST expense-transactions")


def test_codat_is_asked_at_once(page: Page, world: World) -> None:
    """The current status in Codat is shown."""
    page.goto(f"syncs/{world.good_sync.sync_id}/timeline")
    page.get_by_role("button", name="Refresh from Codat").click()
    expect(page.get_by_role("status").filter(has_text="Codat’s current status: 2000")).to_be_visible()


def test_a_company_and_a_transaction_have_pages_of_their_own(page: Page, world: World) -> None:
    """Show the latest and last successful sync, totals, and a transaction with all its syncs."""
    world.submit_what_fails()
    page.goto(f"syncs/{world.submitted_sync_id}/items")
    page.get_by_role("link", name=world.submitted_ids[0]).click()
    expect(page.get_by_text("It failed, and can be resubmitted.")).to_be_visible()
    page.locator(".crumbs a").click()
    expect(page.get_by_text("Last successful sync")).to_be_visible()
    expect(page.get_by_text("Linked")).to_be_visible()


def test_slash_leads_to_whatever_is_searched_for(page: Page, world: World) -> None:
    """With the keyboard alone: a merchant and an amount, then the expense."""
    world.submit_what_fails()
    world.indexing.catch_up()
    page.goto("causes")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("cafe 120.10")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Expenses by merchant")).to_be_visible()
    expect(page.locator("#find")).to_have_value("cafe 120.10")
    row = page.locator(f'section[aria-labelledby="merchant"] a[href*="{world.submitted_ids[0]}"]')
    expect(row).to_contain_text(MERCHANT)
    expect(row).to_contain_text("120.10 GBP")
    row.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=world.submitted_ids[0])).to_be_visible()


def test_a_slash_in_a_text_is_a_slash(page: Page) -> None:
    """Where one is typed."""
    page.goto("syncs")
    page.get_by_label("Sync or company id").fill("a")
    page.keyboard.press("/")
    expect(page.get_by_label("Sync or company id")).to_have_value("a/")


def test_a_dead_letter_is_dropped_with_a_reason(page: Page, world: World) -> None:
    """The form requires a selection and a reason."""
    world.hears_what_it_does_not_know("expenses.sync.seen", 2)
    page.goto("./")
    page.get_by_role("link", name="Dead letters").click()
    form = page.locator("form.letters").filter(has_text="unknown-event-type")
    before = form.locator("tbody tr").count()
    form.get_by_text("Message").first.click()
    expect(form.locator("pre").first).to_contain_text("expenses.sync.seen")
    form.get_by_role("checkbox", name="Dead letter").first.check()
    form.get_by_role("button", name="Drop").click()
    expect(form.get_by_label("Reason for dropping")).to_be_focused()
    form.get_by_label("Reason for dropping").fill("Test message")
    form.get_by_role("button", name="Drop").click()
    expect(page.get_by_role("status").filter(has_text="1 dead letter dropped")).to_be_visible()
    expect(page.get_by_role("region", name="Recently dropped")).to_contain_text("Test message")
    expect(form.locator("tbody tr")).to_have_count(before - 1)


def test_light_or_dark_is_chosen_and_kept(page: Page) -> None:
    """The user's choice overrides the system setting."""
    page.emulate_media(color_scheme="dark")
    page.goto("syncs?outcome=failed")
    body = page.locator("body")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light", exact=True).click()
    expect(body).not_to_have_css("background-color", dark)
    assert page.url.endswith("syncs?outcome=failed")
    page.get_by_role("link", name="Causes").click()
    expect(page.get_by_role("heading", name="Why syncs failed")).to_be_visible()
    expect(body).not_to_have_css("background-color", dark)


def test_without_javascript_all_is_there_but_copying(plain: Page, world: World) -> None:
    """Filters have buttons, and the theme and retry are plain forms."""
    world.indexing.catch_up()
    plain.goto("causes")
    plain.locator("#find").fill(world.failed_sync.sync_id[:8])
    plain.keyboard.press("Enter")
    expect(plain.get_by_role("heading", name="Syncs")).to_be_visible()
    plain.goto("syncs")
    plain.get_by_role("checkbox", name="Failed").check()
    plain.get_by_role("button", name="Search").click()
    expect(plain).to_have_url(re.compile("outcome=failed"))
    plain.get_by_role("button", name="Dark", exact=True).click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    assert plain.get_by_role("button", name="Copy").count() == 0
    world.submit_what_fails()
    plain.goto(f"syncs/{world.submitted_sync_id}/retry")
    plain.get_by_role("button", name="Retry 1 item").click()
    expect(plain.get_by_text("Syncs created by retries")).to_be_visible()
    world.hears_what_it_does_not_know("expenses.sync.seen")
    plain.goto("dead-letters")
    plain.get_by_role("checkbox", name="Dead letter").first.check()
    plain.get_by_role("button", name="Reprocess").first.click()
    expect(plain.get_by_text("1 dead letter sent for reprocessing")).to_be_visible()


def test_the_keyboard_reaches_the_content_at_once_and_leaves_what_it_opened(page: Page) -> None:
    """Tab reaches the skip link first, and Escape closes an open menu."""
    page.goto("syncs")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.locator("summary", has_text="Columns").click()
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text="Columns")).to_be_focused()
    expect(page.get_by_label("First seen")).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_to_object_to(
    browser: Browser, world: World, scheme: Literal["light", "dark"], width: int
) -> None:
    """Check contrast, names, order and roles. The theme changes colours, and the width the layout."""
    world.hears_what_it_does_not_know("expenses.sync.seen", 2)
    world.submit_what_fails()
    world.indexing.catch_up()
    size = ViewportSize(width=width, height=900)
    with browser.new_context(base_url=world.url, color_scheme=scheme, viewport=size) as context:
        objections = {path: _objections(context, path) for path in _paths(world)}
    assert not {path: found for path, found in objections.items() if found}


def _objections(context: BrowserContext, path: str) -> str:
    """Return axe's report of a page with all details expanded."""
    page = context.new_page()
    page.goto(path or "./")
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    page.close()
    return found.generate_report() if found.violations_count else ""


def test_no_page_scrolls_sideways_on_a_phone(browser: Browser, world: World) -> None:
    """At 360 pixels, tables scroll inside their container or stack their rows."""
    world.hears_what_it_does_not_know("expenses.sync.seen", 2)
    world.submit_what_fails()
    world.indexing.catch_up()
    with browser.new_context(base_url=world.url, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        for path in _paths(world):
            page.goto(path or "./")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
