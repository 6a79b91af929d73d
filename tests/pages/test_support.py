"""Pages that help to find out why a sync failed and who did what: configuration then and now, bundle, audit."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from dev.codat_simulator.books.models import Item
from dev.stored_events import COMPANY_ID
from dev.waiting import PATIENCE_SECONDS
from tests.pages.world import TOKEN, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """Return a page in its own window."""
    with browser.new_context(base_url=world.url, accept_downloads=True) as context:
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        yield context.new_page()


def test_the_config_tab_shows_then_and_now_and_both_are_downloaded(world: World, page: Page) -> None:
    """With what differs, by field."""
    then = world.simulated.company(COMPANY_ID).configuration
    try:
        world.simulated.configure(COMPANY_ID, {"bankAccount": {"id": "of-now"}})
        page.goto(f"syncs/{world.failed_sync.sync_id}/config")
        expect(page.get_by_text("The configuration has changed since this sync failed")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="$.bankAccount.id")
        expect(row).to_contain_text("of-now")
        for section, is_now in (("When this sync failed", False), ("Configuration now", True)):
            with page.expect_download() as download:
                page.get_by_role("region", name=section).get_by_role("link", name="Download as JSON").click()
            configuration = json.loads(download.value.path().read_text())
            assert ("of-now" in json.dumps(configuration)) is is_now
    finally:
        world.simulated.configure(COMPANY_ID, then or {})


def test_a_sync_that_has_not_failed_says_why_there_is_no_earlier_configuration(
    world: World, client: httpx.Client
) -> None:
    """The current one is shown all the same."""
    text = client.get(f"syncs/{world.good_sync.sync_id}/config").text
    assert "This sync has not failed." in text
    assert "Configuration now" in text


def test_one_button_downloads_the_support_bundle(world: World, page: Page) -> None:
    """On every tab of a sync, readable as it is."""
    page.goto(f"syncs/{world.failed_sync.sync_id}/timeline")
    with page.expect_download() as download:
        page.get_by_role("link", name="Support bundle").click()
    assert download.value.suggested_filename == f"support-{world.failed_sync.sync_id}.json"
    text = download.value.path().read_text()
    assert json.loads(text)["sync"]["syncId"] == world.failed_sync.sync_id
    assert text.startswith('{\n  "about": ')


def test_what_was_done_by_hand_is_listed_and_shown_with_its_sync(world: World, client: httpx.Client) -> None:
    """Here a refresh; the filters are in the URL, and the list is exported."""
    sync_id = world.adds(2000, [Item("by-hand")]).sync_id
    assert "No user or operator has acted on this sync." in client.get(f"syncs/{sync_id}/timeline").text
    assert client.post(f"syncs/{sync_id}/refresh", data=TOKEN).status_code == 200
    assert "Refreshed from Codat" in client.get(f"syncs/{sync_id}/timeline").text
    for query, is_listed in (
        ("", True),
        ("action=refresh", True),
        ("action=erase", False),
        ("actor=nobody-else", False),
    ):
        text = client.get(f"audit?{query}").text
        assert (f'title="{sync_id}"' in text) is is_listed, query
    assert sync_id in client.get("audit?format=csv").text
    assert client.get("audit?action=splendid").status_code == 400
