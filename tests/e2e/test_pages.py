"""The pages on the deployed stack: below its prefix, with no more permissions than the template gives."""

import re
from collections.abc import Iterator

import httpx
import pytest

from dev.codat_simulator.books.models import Item
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.codat_simulator.faults import Fault
from dev.waiting import PATIENCE_SECONDS
from ops.local_stack import Outputs
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them


@pytest.fixture
def client(stack: Outputs) -> Iterator[httpx.Client]:
    """Return a browser that shows nothing, and sends forms from the pages' own site."""
    url = httpx.URL(f"{stack.api_url}/")
    origin = f"{url.scheme}://{url.netloc.decode()}"
    with httpx.Client(base_url=url, headers={"origin": origin}, timeout=PATIENCE_SECONDS, trust_env=False) as made:
        yield made


def test_the_pages_find_their_files_and_each_other_and_have_what_failed_retried(
    stack: Outputs, client: httpx.Client
) -> None:
    """Retry is another function's, which health may invoke."""
    with SimulatorControl(stack.codat_url) as codat:
        company = codat.add_company()
        sync = codat.add_sync(
            company_id=company.company_id, code=5130, items=(Item("a", "PushError", message="Busy."),)
        )
        codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
        page = _page(client, f"syncs/{sync.sync_id}/items")
        (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
        assert client.get(page.url.join(style)).headers["content-type"].startswith("text/css")
        assert "Busy." in page.text
        asked = client.post(f"syncs/{sync.sync_id}/retry", data={"token": "authentication-is-off"})
        assert asked.status_code == 303, asked.text
        shown = client.get(asked.url.join(asked.headers["location"]))
        assert re.search("Retry (finished|in progress)", shown.text)
        assert "We don’t have a copy to resubmit" in shown.text
        assert client.post(f"syncs/{sync.sync_id}/refresh", data={"token": "authentication-is-off"}).status_code == 200
        assert client.get(f"company/{company.company_id}").status_code == 200
        assert client.get("").status_code == 200


def test_one_dead_letter_is_redriven_and_another_dropped(stack: Outputs, client: httpx.Client) -> None:
    """The queues, and the record of what was dropped, are all that health may change of them."""
    with SimulatorControl(stack.codat_url) as codat:
        for _ in range(2):
            sync = codat.add_sync(company_id=codat.add_company().company_id, code=2000, items=(Item("a"),))
            codat.add_fault(Fault("wrong_shape", times=3, sync_id=sync.sync_id, path="status$"))
            codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
        first, second = _letters(client, 2)
    for how, letter, shown in (
        ("redrive", first, "sent for reprocessing"),
        ("drop", second, "dropped and recorded below"),
    ):
        form = {"token": "authentication-is-off", "letter": letter, "why": "a test message"}
        asked = client.post(f"dead-letters/{how}", data=form)
        assert asked.status_code == 303, asked.text
        assert f"1 dead letter {shown}" in client.get(asked.url.join(asked.headers["location"])).text
    page = client.get("dead-letters").text
    assert not re.findall('name="letter"', page)
    assert "a test message" in page


def _letters(client: httpx.Client, number: int) -> list[str]:
    """Return the ids of the dead letters once there are so many."""

    def look() -> list[str] | None:
        found = re.findall('name="letter" value="([^"]+)"', client.get("dead-letters").text)
        return found if len(found) == number else None

    return eventually(look)


def _page(client: httpx.Client, path: str) -> httpx.Response:
    """Return a page once it is there: the webhook is still on its way."""

    def look() -> httpx.Response | None:
        found = client.get(path)
        return None if found.status_code == 404 else found

    found = eventually(look)
    assert found.status_code == 200, found.text
    return found
