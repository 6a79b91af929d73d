"""Request pages without a browser."""

import codecs
import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor

import boto3
import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import COMPLETENESS
from codat_sync.web.pages.assets import ASSETS
from dev.codat_simulator.faults import Fault
from dev.stored_events import COMPANY_ID, load
from tests.pages.world import HTML, TOKEN, World
from tests.support.botocore_calls import count_requests

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]


def test_every_page_says_that_authentication_is_off(world: World, client: httpx.Client) -> None:
    """Authentication is only off in the local environment."""
    sync = f"syncs/{world.failed_sync.sync_id}"
    for path in (
        "",
        "syncs",
        "company",
        "causes",
        sync,
        f"{sync}/items",
        f"company/{COMPANY_ID}",
        "dead-letters",
        "nothing",
    ):
        assert "Authentication is off" in client.get(path).text, path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("syncs?from=2026-11-02&to=2026-11-01", 400),
        ("syncs?from=2016-01-01&to=2026-01-01", 400),
        ("syncs?limit=0", 400),
        ("syncs?limit=1000000", 400),
        ("syncs?cursor=made%20up", 400),
        ("syncs?outcome=splendid", 400),
        ("?from=yesterday", 400),
        ("syncs/unknown", 404),
        ("syncs/unknown/items", 404),
        ("syncs/unknown/timeline", 404),
        ("syncs/unknown/config", 404),
        ("syncs/unknown/retry", 404),
        ("syncs/.a", 400),
        ("company/unknown", 404),
        ("company?connection=splendid", 400),
        ("company?cursor=x", 400),
        ("company?sort=splendid", 400),
        (f"company/{COMPANY_ID}/transactions/unknown", 404),
        ("causes/unknown", 400),
        ("causes/0123456789abcdef", 404),
        ("failed-items?cause=unknown", 400),
        ("failed-items?cursor=made%20up", 400),
        ("bulk-retries/new?from=yesterday", 400),
        ("bulk-retries/unknown", 404),
        ("dead-letters?done=splendid", 400),
        ("dead-letters?count=-1", 400),
        ("assets/secrets.txt", 404),
        ("nothing", 404),
    ],
)
def test_what_makes_no_sense_is_a_page_that_says_so(client: httpx.Client, path: str, status: int) -> None:
    """Respond with navigation links, and never with a server error."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "Go to the dashboard" in answer.text


def test_what_a_form_leaves_empty_is_not_asked(client: httpx.Client) -> None:
    """Browsers send empty fields."""
    assert client.get("syncs?search=&from=&to=&companyId=").status_code == 200


def test_what_is_said_of_codat_and_by_it_is_escaped(world: World, client: httpx.Client) -> None:
    """Codat's messages may contain any customer input."""
    for path in (f"syncs/{world.failed_sync.sync_id}/items?status=PushError", "causes", ""):
        text = client.get(path).text
        assert "&lt;script&gt;" in text, path
        assert HTML not in text
    odd = '"><script>alert(1)</script>'
    assert odd not in client.get("syncs", params={"search": odd}).text
    assert odd not in client.get("syncs", params={"column": odd, "x": odd}).text


@pytest.mark.parametrize(
    "path", ["syncs/{}/retry", "syncs/{}/refresh", "worklist/{}", "dead-letters/redrive", "dead-letters/drop"]
)
def test_a_form_not_sent_from_our_own_pages_is_refused(world: World, client: httpx.Client, path: str) -> None:
    """Another site can make a browser submit a form, but cannot know the token."""
    before = len(world.simulated.submissions)
    own = {"origin": client.headers["origin"]}
    for form, headers in (
        ({}, own),
        ({"token": "guessed"}, own),
        ({"token": "é"}, own),
        (TOKEN, {"origin": "https://evil.example"}),
        (TOKEN, {"origin": "null"}),
        (TOKEN, own | {"sec-fetch-site": "cross-site"}),
    ):
        answer = client.post(path.format(world.failed_sync.sync_id), data=form, headers=headers)
        assert (answer.status_code, "Permission denied" in answer.text) == (403, True)
    assert len(world.simulated.submissions) == before


def test_a_double_click_writes_once(world: World, client: httpx.Client) -> None:
    """Even if both requests arrive at the same time."""
    world.submit_what_fails()
    before = len(world.simulated.submissions)
    path = f"syncs/{world.submitted_sync_id}/retry"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: client.post(path, data=TOKEN), range(2)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(world.simulated.submissions) == before + 1


def test_a_retry_of_a_sync_that_has_not_failed_says_so(world: World, client: httpx.Client) -> None:
    """Before it is confirmed, and if it was requested nevertheless."""
    path = f"syncs/{world.good_sync.sync_id}"
    assert "No items of this sync have failed, so there is nothing to retry." in client.get(f"{path}/retry").text
    answer = client.post(f"{path}/retry", data=TOKEN)
    assert answer.headers["location"].endswith("/items?retried=notFailed")
    text = client.get(f"{path}/items?retried=notFailed").text
    assert "Nothing was resubmitted: there are no failed items to retry." in text
    assert "Needs manual action" not in text


def test_codat_failing_is_a_page_that_says_so_and_the_rest_is_shown(world: World, client: httpx.Client) -> None:
    """Only the configuration is fetched from Codat; the rest of the page is stored."""
    sync_id = world.good_sync.sync_id
    for _ in range(3):
        world.simulated.faults.add(Fault("status", status=503))
    answer = client.post(f"syncs/{sync_id}/refresh", data=TOKEN)
    assert (answer.status_code, "Codat is unavailable" in answer.text) == (504, True)
    for _ in range(3):
        world.simulated.faults.add(Fault("status", status=503))
    answer = client.get(f"syncs/{sync_id}/config")
    assert (answer.status_code, "Codat is unavailable" in answer.text) == (200, True)
    assert "good-one" in client.get(f"syncs/{sync_id}/items").text


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/\\evil.example", "\\evil", "x\r\nset-cookie: a=b", "é"]
)
def test_the_choice_of_a_theme_leads_to_no_other_site(world: World, client: httpx.Client, back: str) -> None:
    """Whatever return path the form contains."""
    answer = client.post("theme", data=TOKEN | {"theme": "dark", "back": back})
    assert answer.status_code == 303
    assert str(answer.url.join(answer.headers["location"])).startswith(world.url)
    assert "a=b" not in str(answer.headers)


def test_the_dashboard_says_as_of_when_the_table_is_complete_once_that_is_known(
    world: World, client: httpx.Client
) -> None:
    """Nothing is shown before the first reconciliation run."""
    assert not re.search("fully checked|complete as of", client.get("").text)
    world.reconcile(load("reconcile", "each-five-minutes"))
    assert "3 of 3 companies not fully checked yet" in client.get("").text
    at = "2026-11-24T10:00:00.000Z"
    known = {"completeAsOf": at, "asOf": at, "companies": 3, "never": 0, "incomplete": 1, "reasons": {"missing": 2}}
    Table(boto3.client("dynamodb"), "syncs").update(COMPLETENESS, known, {})
    text = client.get("").text
    assert "complete as of" in text
    assert "of 3 companies, 1 has missing or outdated syncs" in text


def test_a_page_reads_no_more_than_what_it_shows(world: World, client: httpx.Client) -> None:
    """Two requests for the first page of syncs, with names; three for a sync; one more for its audit, or its items."""
    sync = f"syncs/{world.good_sync.sync_id}"
    for path, most in (("syncs?limit=1", 2), (sync, 3), (f"{sync}/timeline", 4), (f"{sync}/items", 4)):
        with count_requests() as requests:
            assert client.get(path).status_code == 200
        assert requests.total() == most, (path, requests)


@pytest.mark.parametrize(
    ("path", "company"),
    [
        ("syncs", "Company"),
        ("company", "Company"),
        ("worklist", "Company"),
        ("failed-items", "Company"),
        ("causes", "Example company"),
        ("audit", "Company"),
        ("syncs/{}/items", "Company"),
    ],
)
def test_a_list_is_exported_as_csv_for_people(world: World, client: httpx.Client, path: str, company: str) -> None:
    """With a byte order mark, the names of companies, and titles that state the time zone of each time."""
    client.post(f"syncs/{world.failed_sync.sync_id}/refresh", data=TOKEN)  # is in the audit
    answer = client.get(path.format(world.failed_sync.sync_id), params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(codecs.BOM_UTF8)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    # Some entries of the audit are about no company.
    assert {row[company] for row in rows} - {""} == {world.simulated.company(COMPANY_ID).name}
    times = {title for row in rows for title, text in row.items() if re.match(r"\d{4}-\d\d-\d\d[ T]", text)}
    assert times or path == "causes"
    assert all(title.endswith(" (UTC)") for title in times)
    assert all(re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", row[title]) for row in rows for title in times)


def test_an_export_of_failed_syncs_says_why_they_failed(world: World, client: httpx.Client) -> None:
    """What Codat said about a sync, and the messages of its items."""
    answer = client.get("syncs", params={"format": "csv", "outcome": "failed"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    messages = {row["Sync id"]: row["Message"] for row in rows}
    assert messages[world.failed_sync.sync_id].endswith(f"{HTML}; Too old.")
    assert all(messages.values())


def test_a_company_is_named_wherever_it_is_mentioned(world: World, client: httpx.Client) -> None:
    """Its id is the title of the link, and can be copied."""
    world.hears_what_it_does_not_know("expenses.sync.renamed")
    name = world.simulated.company(COMPANY_ID).name
    paths = (
        "",
        "syncs",
        "company",
        "causes",
        "dead-letters",
        f"syncs/{world.failed_sync.sync_id}",
        f"company/{COMPANY_ID}",
    )
    for path in (*paths, f"causes?companyId={COMPANY_ID}", f"company/{COMPANY_ID}/transactions/needle"):
        text = client.get(path).text
        assert name in text, path
    link = f'title="{COMPANY_ID}">{name}</a>'
    for path in ("syncs", "company", "causes", "dead-letters"):
        assert link in client.get(path).text, path


def test_a_page_weighs_less_than_100_kb_with_its_style_and_script(world: World, client: httpx.Client) -> None:
    """Uncompressed, with the default number of rows."""
    shared = sum(len(client.get(f"assets/{name}").content) for name in ASSETS)
    sync = f"syncs/{world.failed_sync.sync_id}"
    for path in ("", "syncs", "company", "causes", sync, f"{sync}/items", f"{sync}/timeline", f"company/{COMPANY_ID}"):
        assert shared + len(client.get(path).content) < 100_000, path
