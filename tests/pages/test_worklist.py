"""The worklist: the dashboard counts failed syncs by who has to act, and their page takes decisions."""

import re

import httpx
import pytest

from dev.codat_simulator.books.models import Item
from tests.pages.world import TOKEN, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_HOSTILE = "<b>called</b> the customer"


def test_the_dashboard_leads_to_what_waits_for_each(client: httpx.Client) -> None:
    """Every category has its number, even 0."""
    page = client.get("").text
    assert len(re.findall(r'href="[./]*worklist\?category=\w+">\d+</a>', page)) == 5


def test_a_sync_is_dismissed_and_reopened_with_a_reason(world: World, client: httpx.Client) -> None:
    """From the list, which the user returns to with its filters; lists and the sync's page say so."""
    # The newest failure is on the first page, however many there are.
    sync_id = world.adds(5130, [Item("to-dismiss", "PushError", "expense", "Busy.")]).sync_id
    listed = "worklist?category=scheduled"
    assert sync_id in client.get(listed).text
    answer = client.post(f"worklist/{sync_id}", data=TOKEN | {"kind": "dismiss", "reason": _HOSTILE, "back": listed})
    assert answer.status_code == 303, answer.text
    back = answer.url.join(answer.headers["location"])
    assert str(back).endswith(listed)
    assert sync_id not in client.get(back).text
    assert sync_id in client.get("worklist?category=dismissed").text
    for path in (f"syncs/{sync_id}", "worklist?category=dismissed"):
        page = client.get(path).text
        assert "Dismissed by everybody" in page
        assert "&lt;b&gt;called&lt;/b&gt; the customer" in page
        assert _HOSTILE not in page
    assert "Nothing: the sync was dismissed." in client.get(f"syncs/{sync_id}").text
    answer = client.post(f"worklist/{sync_id}", data=TOKEN | {"kind": "reopen", "reason": "not yet", "back": "?"})
    assert str(answer.url.join(answer.headers["location"])).endswith(f"syncs/{sync_id}")
    assert sync_id in client.get(listed).text


def test_the_filter_is_in_the_url_and_the_list_is_exported(world: World, client: httpx.Client) -> None:
    """By category and company, in either order."""
    company_id = world.failed_sync.company_id
    page = client.get(f"worklist?companyId={company_id}&order=asc&limit=50").text
    assert world.failed_sync.sync_id in page
    answer = client.get(f"worklist?companyId={company_id}&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert {line.split(",")[2] for line in answer.text.splitlines()[1:]} == {company_id}
    assert "Nothing here." in client.get("worklist?companyId=another").text


@pytest.mark.parametrize(
    ("path", "status"),
    [("worklist?category=nobody", 400), ("worklist?cursor=made%20up", 400), ("worklist?companyId=a%23b", 400)],
)
def test_an_invalid_query_is_a_page_that_says_so(client: httpx.Client, path: str, status: int) -> None:
    """With a link to the dashboard."""
    answer = client.get(path)
    assert answer.status_code == status
    assert "Go to the dashboard" in answer.text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": " "}, 400),
        ({"reason": "x" * 501}, 400),
        ({"kind": "delete"}, 400),
        ({"token": "another"}, 403),
    ],
)
def test_an_incomplete_decision_is_not_recorded(
    world: World, client: httpx.Client, changes: dict[str, str], status: int
) -> None:
    """A reason is what others read."""
    sync_id = world.failed_sync.sync_id
    form = TOKEN | {"kind": "dismiss", "reason": "why"} | changes
    assert client.post(f"worklist/{sync_id}", data=form).status_code == status
    assert sync_id not in client.get("worklist?category=dismissed").text


def test_only_a_failed_sync_is_decided_about(world: World, client: httpx.Client) -> None:
    """The page says that there is none."""
    form = TOKEN | {"kind": "dismiss", "reason": "why"}
    assert client.post(f"worklist/{world.good_sync.sync_id}", data=form).status_code == 404
