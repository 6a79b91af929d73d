"""What support agents are asked most, each answered within three clicks. Submitting the search counts as one."""

import csv
import io
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from dev.codat_simulator.books.models import Item
from tests.pages.world import MERCHANT, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]
_MOST_CLICKS = 3


@dataclass
class Agent:
    """A support agent who starts on a page, and whose clicks are counted."""

    page: Page
    clicks: int = 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        assert self.clicks <= _MOST_CLICKS
        target.click()

    def search(self, text: str) -> None:
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        self.clicks += 1
        self.page.keyboard.press("Enter")


@pytest.fixture
def agent(page: Page) -> Agent:
    """Return an agent who has opened the dashboard."""
    page.goto("./")
    return Agent(page)


def test_this_expense_is_not_in_their_books(page: Page, world: World) -> None:
    """From its merchant and amount to the answer, the reason and what to tell the customer."""
    world.submit_what_fails()
    world.indexing.catch_up()
    page.goto("./")
    agent = Agent(page)
    agent.search(f"{MERCHANT} 120.10")
    agent.click(page.locator(f'a[href*="{world.submitted_ids[0]}"]').first)
    expect(page.locator("main")).to_contain_text("In the books?")
    expect(page.locator("main")).to_contain_text("The accounting software is busy.")
    expect(page.get_by_role("region", name=re.compile("customer"))).to_be_visible()


def test_who_is_affected_by_this_error_today(agent: Agent, world: World) -> None:
    """From the dashboard to the companies."""
    world.adds(5130, [Item("affected", "PushError", "expense", "The ledger is locked.")])
    agent.page.goto("./")
    agent.click(agent.page.get_by_role("link", name="Causes", exact=True))
    agent.click(agent.page.get_by_role("link", name="Today"))
    agent.click(agent.page.get_by_role("link", name="The ledger is locked.").first)
    expect(agent.page.get_by_role("region", name="Affected companies")).to_contain_text("Bäckerei Toft")


def test_retry_just_these_two(page: Page, world: World) -> None:
    """From a sync's push items."""
    rows = [Item(f"of-three-{number}", "PushError", "expense", "Busy.") for number in range(3)]
    sync = world.adds(5130, rows)
    page.goto(f"./syncs/{sync.sync_id}/items")
    agent = Agent(page)
    for each in rows[:2]:
        agent.click(page.get_by_role("checkbox", name=f"Item {each.transaction_id}"))
    agent.click(page.get_by_role("button", name="Retry selected", exact=True))
    expect(page).to_have_url(re.compile("items\\?retried="))


def test_last_months_failures_as_a_table(agent: Agent) -> None:
    """From the dashboard to a file that a spreadsheet opens."""
    agent.click(agent.page.get_by_role("link", name="Last month"))
    agent.click(agent.page.locator(".tiles a[href*='outcome=failed']").first)
    with agent.page.expect_download() as download:
        agent.click(agent.page.get_by_role("link", name="Export as CSV"))
    text = download.value.path().read_bytes().decode("utf-8-sig")
    assert {"Time (UTC)", "Company", "Message"} <= set(next(csv.reader(io.StringIO(text))))


def test_is_anything_missing(agent: Agent) -> None:
    """The dashboard says so without a click, or that it is not known yet."""
    comparison = agent.page.get_by_role("region", name="Comparison with Codat’s list")
    expect(comparison).to_contain_text(re.compile("Complete as of|Not compared yet"))
