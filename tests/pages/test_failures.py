"""From a cause to its companies and items, and to a retry of all that match, in the background."""

import csv
import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no types
from playwright.sync_api import Browser, Page, expect

from codat_sync.syncs.failure_causes import cause_id
from dev.stored_events import COMPANY_ID
from dev.waiting import PATIENCE_SECONDS
from tests.pages.world import TOKEN, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_ARCHIVED, _BUSY = cause_id("Account # is archived."), cause_id("The accounting software is busy.")


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """Return a page in its own window."""
    with browser.new_context(base_url=world.url) as context:
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        yield context.new_page()


def test_a_cause_leads_to_its_companies_and_their_items(page: Page) -> None:
    """In three clicks from the dashboard."""
    page.goto("./")
    page.get_by_role("link", name="Account # is archived.").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Account # is archived.")
    rows = page.get_by_role("row").filter(has=page.locator("td"))
    expect(rows).to_have_count(1)
    failures = sum(int(each) for each in rows.locator("td:nth-child(2)").all_inner_texts())
    assert failures == 20
    rows.first.get_by_role("link", name="Items").click()
    expect(page).to_have_url(re.compile(rf"failed-items\?cause={_ARCHIVED}"))
    expect(rows.first).to_contain_text("is archived.")
    expect(page.get_by_role("link", name="Export as CSV")).to_have_attribute("href", re.compile("format=csv"))


def test_all_items_with_a_cause_are_retried_after_a_plan_and_can_be_stopped(page: Page, world: World) -> None:
    """The plan says what would be resubmitted; the progress is shown until it is stopped."""
    world.submit_what_fails()
    page.goto(f"causes/{_BUSY}")
    page.get_by_role("link", name="Retry these items…").click()
    expect(page.get_by_text("would be resubmitted under the same ids")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"Retry \d+ item")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bulk retry Running")
    assert not Axe().run(page, options={"resultTypes": ["violations"]}).violations_count
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bulk retry Stopped")
    page.get_by_role("link", name="Bulk retries").click()
    expect(page.get_by_role("row").filter(has_text="Stopped").first).to_contain_text("everybody")


def test_a_double_click_starts_one_bulk_retry(client: httpx.Client) -> None:
    """The form has a key of its own."""
    form = TOKEN | {"key": "of-this-form"}
    answers = [client.post("bulk-retries", params={"companyId": COMPANY_ID}, data=form) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1


def test_the_items_of_a_company_with_a_cause_are_exported(client: httpx.Client) -> None:
    """Completely, with the filters of the list."""

    def exported(**query: str) -> list[list[str]]:
        return list(csv.reader(client.get("failed-items", params={"format": "csv", **query}).text.splitlines()))

    header, first, *_ = exported(cause=_ARCHIVED)
    assert header[:4] == ["\ufeffCompany id", "Company", "Sync id", "Time (UTC)"]
    assert len(exported(cause=_ARCHIVED, companyId=first[0])) == 1 + 20
    assert exported(cause=_ARCHIVED, companyId=COMPANY_ID) == [header]
