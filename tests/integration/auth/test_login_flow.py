"""Signing in, against an issuer over TLS: who comes back with what does not count stays out."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest

from codat_sync.auth.roles import Role
from dev.waiting import PATIENCE_SECONDS, poll
from tests.integration.auth.login_pages import Pages, Site
from tests.support.cookie_browser import SITE, browser
from tests.support.moto_aws import moto_aws
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, Answer, SimulatedIdentityProvider, unsigned

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

VIEW, RETRY = "codat-sync/view", "codat-sync/retry"


@pytest.fixture(scope="module")
def secretsmanager() -> Iterator["SecretsManagerClient"]:
    """Return moto's, with a secret for each of the pages' two."""
    with moto_aws():
        client = boto3.client("secretsmanager", region_name="eu-west-2")
        for name in ("login", "session"):
            client.create_secret(Name=name)
        yield client


@pytest.fixture
def site(secretsmanager: "SecretsManagerClient", issuer: SimulatedIdentityProvider) -> Site:
    """Return the settings of the pages."""
    environment = {
        "ENVIRONMENT": "dev",
        "AUTHENTICATION": "on",
        "ROLE_CLAIMS": "cognito:groups,scope",
        "ISSUER": issuer.url,
        "LOGIN_SECRET_ID": "login",
        "SESSION_SECRET_ARN": "session",
        "PUBLIC_URL": "",
    }
    site = Site(secretsmanager, environment)
    site.put_secret("login", {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET})
    site.put_secret("session", {"key": "k" * 64})
    return site


@pytest.fixture
def pages(site: Site) -> Iterator[Pages]:
    """Return them, as they start."""
    with httpx.Client(follow_redirects=True, timeout=PATIENCE_SECONDS) as http:  # where it may not, it says so
        yield Pages(site, http)


@pytest.fixture
def ann(pages: Pages) -> Iterator[httpx.Client]:
    """Return a user's browser."""
    with browser(pages.handle) as client:
        yield client


def _comes_back(client: httpx.Client, **instead: str | None) -> httpx.Response:
    """Sign in up to where the issuer sends back, and come back with something else than it said."""
    there = client.get("/login", follow_redirects=False).headers["location"]
    back = client.get(there, follow_redirects=False).headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()} | instead
    return client.get("/login/callback", params={name: value for name, value in query.items() if value is not None})


def _csrf(client: httpx.Client) -> dict[str, Any]:
    return {"csrf": client.get("/").json()["csrf"]}


def test_signing_in_leads_to_the_requested_page(ann: httpx.Client) -> None:
    """Through the issuer, with a session that says who it is."""
    answer = ann.get("/syncs")
    assert (answer.status_code, str(answer.url)) == (200, f"{SITE}/syncs")
    assert answer.json()["subject"] == "4f0c1f0e"
    assert (answer.json()["name"], answer.json()["roles"]) == ("ann@example.com", [VIEW])


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(ann: httpx.Client, pages: Pages) -> None:
    """And the one of the attempt is gone when it is over."""
    begun = ann.get("/login", follow_redirects=False)
    (cookie,) = begun.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-login=")
    assert cookie.split("; ")[1:] == ["Path=/", "Max-Age=600", "HttpOnly", "Secure", "SameSite=Lax"]
    assert "session" not in ann.cookies
    ann.get("/")
    assert set(ann.cookies) == {"__Host-session"}
    assert pages.login.sessions.expire().max_age == 0


def test_a_client_may_have_to_show_its_secret_in_the_form(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """If the issuer knows no other way."""
    issuer.wrong_discovery["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert ann.get("/").status_code == 200


def test_a_client_without_a_secret_signs_in_with_pkce_alone(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, site: Site
) -> None:
    """As some issuers have it."""
    issuer.client_secret = None
    site.put_secret("login", {"clientId": CLIENT_ID, "clientSecret": None})
    assert ann.get("/").status_code == 200


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1}, "exp"),
        ({"exp": "never"}, "exp"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another"]}, "aud"),
        ({"aud": [CLIENT_ID, "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"iss": "https://another"}, "iss"),
        ({"sub": ""}, "sub"),
        ({"sub": None}, "sub"),
    ],
)
def test_a_token_that_is_not_for_this_attempt_is_refused(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, claims: dict[str, Any], name: str
) -> None:
    """Whichever of its claims says so; and nobody is signed in."""
    issuer.wrong_claims = claims
    answer = ann.get("/")
    assert (answer.status_code, name in answer.text) == (400, True)
    assert "__Host-session" not in ann.cookies


def test_a_token_for_several_says_that_we_asked_for_it(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Then it is good."""
    issuer.wrong_claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert ann.get("/").status_code == 200


@pytest.mark.parametrize(
    "instead", [{"state": "another"}, {"state": None}, {"code": None}, {"code": "another"}, {"state": "é"}]
)
def test_what_the_issuer_did_not_say_is_refused(ann: httpx.Client, instead: dict[str, str | None]) -> None:
    """Use another user's code, or the answer to another user's login attempt."""
    assert _comes_back(ann, **instead).status_code == 400
    assert "__Host-session" not in ann.cookies


def test_another_users_login_link_signs_nobody_in(pages: Pages, ann: httpx.Client) -> None:
    """An attacker who starts a login and sends Ann its last step would make her act as the attacker."""
    with browser(pages.handle) as mallory:
        there = mallory.get("/login", follow_redirects=False).headers["location"]
        back = mallory.get(there, follow_redirects=False).headers["location"]
        ann.get("/login", follow_redirects=False)  # she is about to sign in herself
        assert ann.get(back).status_code == 400
        assert mallory.get(back).status_code == 200


def test_a_code_is_good_once(ann: httpx.Client) -> None:
    """Even with all the cookies of the time before."""
    there = ann.get("/login", follow_redirects=False).headers["location"]
    before = dict(ann.cookies)
    back = ann.get(there, follow_redirects=False).headers["location"]
    assert ann.get(back).status_code == 200
    assert ann.get(back).status_code == 400  # the attempt is over
    ann.cookies.update(before)
    answer = ann.get(back)
    assert (answer.status_code, "used before" in answer.text) == (400, True)


def test_an_attempt_is_over_after_ten_minutes(ann: httpx.Client, pages: Pages) -> None:
    """Also for a browser that keeps its cookie."""
    there = ann.get("/login", follow_redirects=False).headers["location"]
    back = ann.get(there, follow_redirects=False).headers["location"]
    pages.offset_seconds = 601
    assert ann.get(back).status_code == 400


def test_a_session_expires_after_eight_hours(
    ann: httpx.Client, pages: Pages, issuer: SimulatedIdentityProvider
) -> None:
    """Then one signs in again, which the issuer may do without asking."""
    token = _csrf(ann)
    pages.offset_seconds = 8 * 3600 + 1
    issuer.wrong_claims["exp"] = int(time.time()) + 9 * 3600
    assert ann.get("/", follow_redirects=False).status_code == 303
    assert _csrf(ann) != token


def test_a_cookie_that_was_changed_is_none(ann: httpx.Client) -> None:
    """Anywhere in it; and a cookie of the attempt is no session."""
    ann.get("/")
    good = ann.cookies["__Host-session"]
    # The last character carries four bits of the signature: "A" to "D" are the same.
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "E"), "x" + good, good.split(".")[0], "e30.e30", "é", "."):
        answer = ann.get("/", headers={b"cookie": f"__Host-session={bad}".encode()}, follow_redirects=False)
        assert answer.status_code == 303, bad
    ann.get("/login", follow_redirects=False)
    attempt = ann.cookies["__Host-login"]
    ann.cookies.clear()
    answer = ann.get("/", headers={"cookie": f"__Host-session={attempt}"}, follow_redirects=False)
    assert answer.status_code == 303


def test_a_session_from_before_is_not_the_one_after(ann: httpx.Client) -> None:
    """Who planted one, or knows one, knows nothing of it."""
    token = _csrf(ann)
    planted = ann.cookies["__Host-session"]
    _comes_back(ann)
    assert ann.cookies["__Host-session"] != planted
    assert _csrf(ann) != token


def test_another_key_signs_everybody_out(ann: httpx.Client, pages: Pages, site: Site) -> None:
    """As soon as it is read again, which who comes with a cookie of the new one brings about."""
    ann.get("/")
    site.put_secret("session", {"key": "l" * 64})
    with httpx.Client(timeout=PATIENCE_SECONDS) as http, browser(Pages(site, http).handle) as ben:
        ben.get("/")
        assert ann.get("/", follow_redirects=False).status_code == 200
        pages.key._tried_at -= 61  # noqa: SLF001 - a minute later
        cookie = f"__Host-session={ben.cookies['__Host-session']}"
        with browser(pages.handle) as elsewhere:
            assert elsewhere.get("/", headers={"cookie": cookie}, follow_redirects=False).status_code == 200
        assert ann.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil", "/login"])
def test_signing_in_leads_to_no_other_site(ann: httpx.Client, target: str) -> None:
    """Whatever the link says."""
    assert str(ann.get("/login", params={"next": target}).url) == f"{SITE}/"


def test_a_user_without_a_role_gets_an_explanation_and_no_redirect_loop(
    ann: httpx.Client, issuer: SimulatedIdentityProvider
) -> None:
    """They are signed in, and may do nothing but sign out."""
    issuer.person["cognito:groups"] = ["another"]
    assert ann.get("/").status_code == 403
    assert "__Host-session" in ann.cookies


def test_retrying_needs_the_role_and_a_csrf_token(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Both; a role that was given counts from the next time that one signs in."""
    assert ann.post("/retry", data=_csrf(ann)).status_code == 403
    issuer.person["cognito:groups"] = [RETRY]
    assert ann.post("/retry", data=_csrf(ann)).status_code == 403
    _comes_back(ann)
    token = _csrf(ann)
    assert ann.post("/retry", data=token).status_code == 200
    assert ann.post("/retry", data=token, headers={"origin": SITE, "sec-fetch-site": "same-origin"}).status_code == 200
    assert ann.post("/retry", data={"csrf": "another"}).status_code == 403
    assert ann.post("/retry").status_code == 403
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert ann.post("/retry", data=token, headers=headers).status_code == 403


def test_the_token_of_another_session_is_good_for_nothing(ann: httpx.Client, pages: Pages) -> None:
    """One user's page gives no access to another's."""
    with browser(pages.handle) as mallory:
        assert ann.get("/").status_code == 200
        assert ann.post("/", data=_csrf(mallory)).status_code == 403


def test_signing_out_ends_it_here_and_at_the_issuer(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """The browser is sent there by the page, as a form's redirection may not leave the site."""
    answer = ann.post("/logout", data=_csrf(ann))
    assert "__Host-session" not in ann.cookies
    where = httpx.URL(answer.headers["refresh"].removeprefix("0; url="))
    assert str(where).startswith(f"{issuer.url}/logout?")
    assert where.params["client_id"] == CLIENT_ID
    assert where.params["logout_uri"] == where.params["post_logout_redirect_uri"] == f"{SITE}/"


def test_an_issuer_without_a_way_out_is_left_alone(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Then it ends here only."""
    issuer.wrong_discovery["end_session_endpoint"] = None
    assert ann.post("/logout", data=_csrf(ann)).headers["refresh"] == f"0; url={SITE}/"


@pytest.mark.parametrize("is_the_client_known", [True, False])
def test_who_signs_out_while_the_issuer_is_down_is_out_here(
    ann: httpx.Client,
    site: Site,
    issuer: SimulatedIdentityProvider,
    is_the_client_known: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """In a process that has not asked the issuer anything yet, or has no secret to ask with."""
    token = _csrf(ann)
    if is_the_client_known:
        issuer.answers["/.well-known/openid-configuration"] = Answer(HTTPStatus.SERVICE_UNAVAILABLE)
    else:
        site.put_secret("login", "{}")
    with httpx.Client(timeout=PATIENCE_SECONDS) as http, browser(Pages(site, http).handle) as client:
        client.cookies = ann.cookies
        answer = client.post("/logout", data=token)
        assert (answer.status_code, answer.headers["refresh"]) == (200, f"0; url={SITE}/")
        assert client.get("/", follow_redirects=False).status_code == 303


def test_a_denial_by_the_identity_provider_is_explained(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """In the issuer's word, if it is one of those that the standard has."""
    issuer.denies = True
    answer = ann.get("/")
    assert (answer.status_code, "access_denied" in answer.text) == (400, True)
    answer = _comes_back(ann, error="<script>")
    assert (answer.status_code, "script" in answer.text) == (400, False)


@pytest.mark.parametrize("path", ["/token", "/.well-known/openid-configuration"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "secret detail"),
        Answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"id_token": unsigned({})}),
        Answer(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"}),
        Answer(HTTPStatus.BAD_REQUEST, {"error": "unauthorized_client"}),
        Answer(HTTPStatus.BAD_REQUEST, "secret detail"),
        Answer(HTTPStatus.OK, "secret detail"),
        Answer(HTTPStatus.OK, {"secret": "detail"}),
        Answer(HTTPStatus.OK, "[" * 100_000),
        Answer(HTTPStatus.FOUND, location="/elsewhere"),
    ],
)
def test_an_issuer_that_fails_is_unavailable(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, path: str, answer: Answer
) -> None:
    """Nothing that it says is quoted; and once it is well again, so is everything."""
    issuer.answers[path] = answer
    refused = ann.get("/")
    assert (refused.status_code, "secret" in refused.text) == (503, False)
    assert "GET /elsewhere" not in issuer.requests
    del issuer.answers[path]
    assert ann.get("/").status_code == 200


def test_a_token_that_is_none_is_refused(ann: httpx.Client, issuer: SimulatedIdentityProvider) -> None:
    """Whatever it is instead."""
    for token in ("", "a", "a.b.c", "a.W10.c", "a.e30", "a.é.c", "a.e30.c.d"):
        issuer.answers["/token"] = Answer(HTTPStatus.OK, {"id_token": token})
        assert ann.get("/").status_code == 400, token


def test_an_issuer_that_is_slow_is_waited_for_no_longer_than_we_have(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have taken the code: it is not asked again."""
    monkeypatch.setattr("codat_sync.auth.oidc_client._TIMEOUT", httpx.Timeout(PATIENCE_SECONDS, read=0.3))
    there = ann.get("/login", follow_redirects=False).headers["location"]
    back = ann.get(there, follow_redirects=False).headers["location"]
    issuer.delay_seconds = 1
    assert ann.get(back).status_code == 503
    assert poll(lambda: issuer.requests.count("POST /token")) == 1


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"issuer": "https://evil.example"}, "names another issuer"),
        ({"token_endpoint": "http://127.0.0.1:1/token"}, "without TLS"),
        ({"end_session_endpoint": "http://127.0.0.1:1/logout"}, "without TLS"),
        ({"token_endpoint": 1}, "is invalid"),
    ],
)
def test_an_issuer_that_is_another_or_goes_without_tls_is_not_trusted(
    ann: httpx.Client, issuer: SimulatedIdentityProvider, facts: dict[str, Any], why: str
) -> None:
    """As nothing but TLS says that a token is the issuer's."""
    issuer.wrong_discovery = facts
    answer = ann.get("/")
    assert (answer.status_code, why in answer.text) == (503, True)
    assert "POST /token" not in issuer.requests


def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_asked(
    site: Site, issuer: SimulatedIdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with httpx.Client(timeout=PATIENCE_SECONDS) as http, browser(Pages(site, http).handle) as client:
        assert client.get("/login").status_code == 503
    assert issuer.requests == []


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", '{"clientId": ""}', '{"clientId": 1}', "[]", '{"clientId": "a", "clientSecret": 1}']
)
def test_a_client_that_is_not_set_yet_is_unavailable(ann: httpx.Client, site: Site, text: str) -> None:
    """Its secret is made empty with an issuer of the customer's."""
    site.put_secret("login", text)
    answer = ann.get("/")
    assert (answer.status_code, text in answer.text) == (503, False)


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"key": "short"}', "[]", "null"])
def test_a_key_that_is_none_is_unavailable(ann: httpx.Client, site: Site, text: str) -> None:
    """Nothing is signed with less."""
    site.put_secret("session", text)
    assert ann.get("/login").status_code == 503


def test_a_domain_of_the_customers_can_be_in_front(site: Site, issuer: SimulatedIdentityProvider) -> None:
    """Then people come back there, and forms come from there."""
    issuer.redirect_uris = {"https://syncs.example/login/callback"}
    site.environment["PUBLIC_URL"] = "https://syncs.example/"
    with httpx.Client(timeout=PATIENCE_SECONDS) as http, browser(Pages(site, http).handle) as client:
        there = client.get("/login", follow_redirects=False).headers["location"]
        back = client.get(there, follow_redirects=False).headers["location"]
        assert back.startswith("https://syncs.example/login/callback?")
        signed_in = client.get(back.replace("https://syncs.example", SITE), follow_redirects=False)
        assert signed_in.headers["location"] == "https://syncs.example/"
        token = _csrf(client)
        assert client.post("/", data=token, headers={"origin": "https://syncs.example"}).status_code == 200
        assert client.post("/", data=token, headers={"origin": SITE}).status_code == 403


def test_forms_need_a_csrf_token_even_without_authentication(site: Site) -> None:
    """Else any site in a developer's browser could press the buttons."""
    site.environment.update(ENVIRONMENT="local", AUTHENTICATION="off")
    with httpx.Client(timeout=PATIENCE_SECONDS) as http, browser(Pages(site, http).handle) as client:
        assert client.get("/").json()["roles"] == sorted(Role)

        def status(host: str, origin: str | None) -> int:
            headers = {"host": host} | ({"origin": origin} if origin else {})
            return client.post("/retry", data=_csrf(client), headers=headers).status_code

        assert status("127.0.0.1:8080", "http://127.0.0.1:8080") == 200
        assert status("127.0.0.1:8080", None) == 403
        assert status("127.0.0.1:8080", "https://evil.example") == 403
        # A name of another site's that leads to this machine.
        assert status("evil.example:8080", "http://evil.example:8080") == 403
