"""Who may see the pages: the real function, signed in to at an issuer over TLS."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from codat_sync.auth.roles import Role
from codat_sync.aws.dynamodb import Table
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcomeRepository
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from tests.support.aws import Aws
from tests.support.cookie_browser import SITE, browser
from tests.support.handlers import Handler
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, SimulatedIdentityProvider
from tests.support.sqs_batches import batch, of
from tests.support.submit_requests import EXPENSES, ask, expense
from tests.support.tables.sync_table import add_unknown_outcome
from tests.support.tables.table_stream import Stream

PAGES = (
    *("/", "/syncs", f"/syncs/{SYNC_ID}", f"/syncs/{SYNC_ID}/items", "/causes", f"/company/{COMPANY_ID}"),
    *("/dead-letters", "/unknown-outcomes", "/search?q=hotel", "/nothing"),
)


@pytest.fixture
def ann(
    aws: Aws, issuer: SimulatedIdentityProvider, start: Callable[[str], Handler], simulated: SimulatedCodat
) -> Iterator[httpx.Client]:
    """Return the browser of a user with the VIEW role."""
    aws.environment["ISSUER"] = issuer.url
    secret = f'{{"clientId": "{CLIENT_ID}", "clientSecret": "{CLIENT_SECRET}"}}'
    aws.secretsmanager.put_secret_value(SecretId="login", SecretString=secret)
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    with browser(start("health")) as client:
        yield client


def _token(client: httpx.Client) -> str:
    return client.get("/").text.partition('name="token" value="')[2].partition('"')[0]


def test_nobody_sees_a_page_without_signing_in(ann: httpx.Client) -> None:
    """And whoever has signed in is where they wanted to be."""
    for path in PAGES:
        asked = ann.get(path, follow_redirects=False)
        assert asked.status_code == 303, path
        assert asked.headers["location"].startswith(f"{SITE}/login?next=")
        assert not asked.text
    found = ann.get("/syncs?outcome=failed")
    assert (found.status_code, str(found.url)) == (200, f"{SITE}/syncs?outcome=failed")
    assert SYNC_ID in found.text
    assert "ann@example.com" in found.text
    assert "Authentication is off" not in found.text


def test_the_view_role_can_retry_nothing(ann: httpx.Client, simulated: SimulatedCodat) -> None:
    """Whether they press the button or not: it can't be pressed."""
    assert "Retrying requires the retry role" in ann.get(f"/syncs/{SYNC_ID}/items").text
    own = f"/company/{COMPANY_ID}/transactions/{TRANSACTION_IDS[1]}"
    form = {"token": _token(ann), "transaction": TRANSACTION_IDS[1]}
    for path in (f"/syncs/{SYNC_ID}/retry", f"/syncs/{SYNC_ID}/retry/selected", f"{own}/retry"):
        answer = ann.post(path, data=form, headers={"origin": SITE})
        assert (answer.status_code, "the retry role is required" in answer.text) == (403, True), path
    assert not simulated.submissions


def test_what_was_submitted_is_shown_to_who_may_see_it(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, start: Callable[[str], Handler]
) -> None:
    """Neither the role to view nor the one to retry shows it."""
    path = f"/company/{COMPANY_ID}/transactions/{TRANSACTION_IDS[1]}"
    body = expense(TRANSACTION_IDS[1], merchantName="Noir")
    ask(start("submit"), "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{TRANSACTION_IDS[1]}", body)
    for roles, is_shown in (([Role.VIEW], False), ([Role.RETRY], False), ([Role.EXPENSES], True)):
        issuer.person["cognito:groups"] = roles
        ann.cookies.clear()
        text = ann.get(path).text
        assert ("Noir" in text, "120.10" in text, "require the expenses role" in text) == (
            *(is_shown, is_shown),
            not is_shown,
        )


@pytest.mark.parametrize("role", list(Role))
def test_only_the_expenses_role_finds_what_was_submitted(
    ann: httpx.Client, start: Callable[[str], Handler], aws: Aws, issuer: SimulatedIdentityProvider, role: Role
) -> None:
    """The others read why not, and the box does not offer it."""
    made = expense(merchantName="Grand Hotel")
    assert ask(start("submit"), "POST", EXPENSES, [made]).status == 200
    start("index")({"Records": Stream(aws, "IndexFunction").records()})
    issuer.person["cognito:groups"] = [role.value]
    text = ann.get("/search?q=hotel").text
    may_see = role is Role.EXPENSES
    assert ("Grand Hotel" in text) == ("merchant, amount" in text) == (made["id"] in text) == may_see
    assert ("Not searched by merchant, reference or amount" in text) != may_see


@pytest.mark.parametrize("how", ["redrive", "drop"])
def test_the_view_role_cannot_change_dead_letters(ann: httpx.Client, aws: Aws, how: str) -> None:
    """They see what there is."""
    sent = aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody="crashed")
    page = ann.get("/dead-letters").text
    assert sent["MessageId"] in page
    assert len(re.findall("<button[^>]* formaction=[^>]* disabled", page)) == 2
    form = {"token": _token(ann), "letter": sent["MessageId"], "why": "a test"}
    answer = ann.post(f"/dead-letters/{how}", data=form, headers={"origin": SITE})
    assert (answer.status_code, "the retry role is required" in answer.text) == (403, True)
    assert [each["Body"] for each in aws.messages("SYNC_DEAD_LETTER_QUEUE")] == ["crashed"]


def test_the_view_role_cannot_state_an_outcome(ann: httpx.Client, aws: Aws) -> None:
    """They see what is unknown."""
    table = Table(aws.dynamodb, "syncs")
    submission_id = add_unknown_outcome(table, COMPANY_ID, "t")
    page = ann.get("/unknown-outcomes").text
    assert submission_id in page
    assert '<button class="primary" disabled' in page
    form = {"token": _token(ann), "submission": submission_id, "outcome-t": "missing", "reason": "a test"}
    answer = ann.post("/unknown-outcomes", data=form, headers={"origin": SITE})
    assert (answer.status_code, "the retry role is required" in answer.text) == (403, True)
    assert UnknownOutcomeRepository(table).load(None, 10)[0]


def test_who_retries_deals_with_them_by_name(ann: httpx.Client, aws: Aws, issuer: SimulatedIdentityProvider) -> None:
    """Who dropped one is who had signed in."""
    issuer.person["cognito:groups"] = [Role.RETRY]
    sent = aws.sqs.send_message(QueueUrl=aws.environment["RETRY_DEAD_LETTER_QUEUE_URL"], MessageBody="crashed")
    form = {"token": _token(ann), "letter": sent["MessageId"], "why": "a test message"}
    page = ann.post("/dead-letters/drop", data=form, headers={"origin": SITE}).text
    assert "1 dead letter dropped" in page
    assert f"ann@example.com ({issuer.person['sub']})" in page
    assert aws.messages("RETRY_DEAD_LETTER_QUEUE") == []


def test_who_has_no_role_sees_no_page_and_can_leave(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Being known to the issuer is not enough."""
    issuer.person["cognito:groups"] = ["another"]
    for path in PAGES:
        answer = ann.get(path)
        shown = [text in answer.text for text in (Role.VIEW, "Push items", "Data could not be written", "Config")]
        assert (answer.status_code, shown) == (403, [True, False, False, False]), path
    assert "Sign out" in ann.get("/").text


def test_who_signs_out_is_out(ann: httpx.Client) -> None:
    """Here, and then at the issuer."""
    token = _token(ann)
    refused = ann.post("/logout", data={"token": "guessed"}, headers={"origin": SITE})
    assert (refused.status_code, ann.get("/", follow_redirects=False).status_code) == (403, 200)
    left = ann.post("/logout", data={"token": token}, headers={"origin": SITE})
    assert (left.status_code, left.headers["refresh"][:7]) == (200, "0; url=")
    assert ann.get("/", follow_redirects=False).status_code == 303


def test_what_is_sent_without_being_signed_in_is_not_done(ann: httpx.Client, simulated: SimulatedCodat) -> None:
    """It leads to the beginning, after signing in."""
    answer = ann.post(f"/syncs/{SYNC_ID}/retry", data={"token": ""}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SITE}/login?next=%2F")
    assert not simulated.submissions


def test_an_issuer_that_fails_is_a_page_that_says_so(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Whoever waits a moment can sign in."""
    issuer.denies = True
    denied = ann.get("/")
    assert (denied.status_code, "Sign-in failed" in denied.text) == (400, True)


def test_what_a_browser_may_do_with_a_page_is_said_with_each(ann: httpx.Client) -> None:
    """No script or style runs but ours, no other site shows it in a frame, nobody keeps it."""
    for path in (*PAGES, "/login/callback"):
        headers = ann.get(path).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff"), path
    assert ann.get("/syncs?format=csv").headers["cache-control"] == "no-store"


def test_the_files_of_the_pages_are_for_everybody_and_kept(ann: httpx.Client) -> None:
    """The error page of a failed login has the common layout."""
    for name in ("style.css", "page.js", "icon.svg"):
        answer = ann.get(f"/assets/{name}", follow_redirects=False)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_json_api_wants_a_token_whoever_has_signed_in(ann: httpx.Client) -> None:
    """A cookie that comes along by itself is none."""
    assert ann.get("/").status_code == 200
    assert ann.get("/api/v1/syncs").status_code == 403
