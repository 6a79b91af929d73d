"""Serve the pages from the real handler, over data written by the worker, to a real browser."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from dev.browser.errors import NO_BROWSER
from dev.browser.running import browser as chromium
from dev.browser.running import missing
from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from dev.waiting import PATIENCE_SECONDS
from tests.pages.serving import api_gateway, lambda_api
from tests.pages.world import Indexing, World
from tests.support.aws import API_KEY, SIGNING_SECRET, make_aws
from tests.support.handlers import Context, Handler, load_function
from tests.support.moto_aws import moto_aws
from tests.support.tables.table_stream import Stream


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """Return a world with three weeks of syncs, whose pages are served below a path prefix."""
    simulated = SimulatedCodat(API_KEY, SIGNING_SECRET)
    simulated.add_company(company_id=COMPANY_ID)
    with ExitStack() as stack:
        codat_url = stack.enter_context(serve(simulated)).url
        stack.enter_context(moto_aws())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
        aws = make_aws(codat_url)
        environment = aws.environment | {"ENVIRONMENT": "local", "AUTHENTICATION": "off"}

        def start(function: str) -> Handler:
            for name, value in (environment | {"POWERTOOLS_SERVICE_NAME": function}).items():
                patch.setenv(name, value)
            app = load_function(function)
            if hasattr(app, "http"):
                stack.enter_context(app.http)
            return lambda event: app.lambda_handler(event, Context())

        patch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
        retry = start("retry")
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", stack.enter_context(lambda_api(retry)))
        worker, submit, reconcile = start("worker"), start("submit"), start("reconcile")
        indexing = Indexing(Stream(aws, "IndexFunction"), start("index"))
        url = stack.enter_context(api_gateway(start("health")))
        made = World(simulated, worker, submit, retry, reconcile, indexing, url)
        made.fill()
        yield made


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests. Tests that use it are skipped if there is none."""
    if missing():
        pytest.skip(NO_BROWSER)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with chromium() as running:
        yield running


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    """Return an HTTP client that sends the Origin header as a browser does."""
    url = httpx.URL(world.url)
    origin = f"{url.scheme}://{url.netloc.decode()}"
    with httpx.Client(base_url=url, headers={"origin": origin}, timeout=PATIENCE_SECONDS, trust_env=False) as made:
        yield made


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """Return a page in its own window. Any console message or page error fails the test."""
    with browser.new_context(base_url=world.url, permissions=["clipboard-read", "clipboard-write"]) as context:
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        made = context.new_page()
        complaints: list[str] = []
        made.on("console", lambda message: complaints.append(message.text))
        made.on("pageerror", lambda error: complaints.append(str(error)))
        yield made
        assert not complaints


@pytest.fixture
def plain(browser: Browser, world: World) -> Iterator[Page]:
    """Return a page in a browser without JavaScript."""
    with browser.new_context(base_url=world.url, java_script_enabled=False) as context:
        yield context.new_page()
