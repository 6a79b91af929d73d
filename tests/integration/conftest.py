"""Fixtures: the real handlers, against moto's AWS in this process and simulated Codat over HTTP."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from codat_sync.auth.roles import Role
from codat_sync.aws.dynamodb import Table
from codat_sync.config import WorkerSettings
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from tests.pages.serving import lambda_api
from tests.support.aws import API_KEY, SIGNING_SECRET, Aws, make_aws
from tests.support.cookie_browser import SITE
from tests.support.handlers import Context, Handler, StartFunction, load_function
from tests.support.moto_aws import moto_aws
from tests.support.oidc_issuer import SimulatedIdentityProvider, write_certificate
from tests.support.oidc_issuer import serve as serve_issuer


@pytest.fixture(autouse=True)
def _no_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no certificate authorities: every server is on this machine, and reading them takes long."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)


@pytest.fixture
def simulated() -> SimulatedCodat:
    """Return simulated Codat with the company and the sync that the payloads of `events/` refer to."""
    codat = SimulatedCodat(API_KEY, SIGNING_SECRET)
    company = codat.add_company(company_id=COMPANY_ID)
    rows = [Item(TRANSACTION_IDS[0]), Item(TRANSACTION_IDS[1], "PushError", message="Account 6100 is archived.")]
    codat.add_sync(company, 5130, rows, sync_id=SYNC_ID)
    return codat


@pytest.fixture
def codat_url(simulated: SimulatedCodat) -> Iterator[str]:
    """Serve simulated Codat over HTTP; yields its URL."""
    with serve(simulated) as running:
        yield running.url


@pytest.fixture
def aws(codat_url: str) -> Iterator[Aws]:
    """Yield moto's AWS with the queues, secrets and table of the template."""
    with moto_aws():
        yield make_aws(codat_url)


@pytest.fixture
def start(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartFunction]:
    """Yield a callable that loads a function with the template's environment and returns its handler."""
    resources = ExitStack()

    def start(function: str) -> Handler:
        for name, value in (aws.environment | {"POWERTOOLS_SERVICE_NAME": function}).items():
            monkeypatch.setenv(name, value)
        app = load_function(function)
        app.logger.registered_handler.stream = sys.stdout  # The logger may have the stream of an earlier test.
        if hasattr(app, "http"):
            resources.enter_context(app.http)

        def handle(event: dict[str, Any]) -> dict[str, Any]:
            # On Lambda each function has a process of its own; here they share one, and its metrics object.
            monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", function)
            app.metrics.service = function
            answer: dict[str, Any] = app.lambda_handler(event, Context(event.pop("remaining_ms", 60_000)))
            return answer

        return handle

    with resources:
        yield start


@pytest.fixture
def store(aws: Aws) -> SyncRepository:
    """Return a repository of the stored syncs."""
    settings = WorkerSettings.from_environment(aws.environment)
    return SyncRepository(Table(aws.dynamodb, settings.sync_table_name), event_retention=settings.event_retention)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the identity provider's TLS certificate; returns its path."""
    return write_certificate(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def issuer(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedIdentityProvider]:
    """Serve an identity provider, trusted by this process, where Ann is signed in with the VIEW role."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = SimulatedIdentityProvider({f"{SITE}/login/callback"})
    provider.person["cognito:groups"] = [Role.VIEW.value]
    with serve_issuer(provider, certificate) as served:
        yield served


@pytest.fixture
def invocable_retry(start: StartFunction, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    """Yield retry, which a health that is started afterwards can invoke.

    All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it. So
    tests that use it ignore the warning that health has none.
    """
    retry = start("retry")
    with lambda_api(retry) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        yield retry
