"""Use the API with a client that `openapi-python-client` generates from its OpenAPI document."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from codat_sync.core.timestamps import format_timestamp
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.integration.web.api_caller import Api
from tests.integration.web.api_gateway import Gateway
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of

_PACKAGE = "codat_sync_client"

# The generated client, whose types exist only while this runs.
Generated = Any


@pytest.fixture
def client(start: StartFunction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generated]:
    """Return the client, generated without a warning, of the real handlers."""
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(Api(start).send("GET", "/openapi.json").body))
    settings = ConfigFile(post_hooks=[], literal_enums=True)
    warnings = generate(
        config=Config.from_sources(
            settings, MetaType.NONE, document, "utf-8", overwrite=True, output_path=tmp_path / _PACKAGE
        )
    )
    assert [(each.header, each.detail) for each in warnings] == []
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module(f"{_PACKAGE}.client")
    transport = httpx.WSGITransport(app=Gateway(start("health"), start("retry")))
    yield made.AuthenticatedClient("http://localhost", token="a.b.c", httpx_args={"transport": transport})
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]


def _operation(tag: str, name: str) -> Callable[..., Any]:
    """Return the client's function for an operation."""
    operation: Callable[..., Any] = importlib.import_module(f"{_PACKAGE}.api.{tag}.{name}").sync
    return operation


@pytest.fixture
def worker(start: StartFunction) -> Handler:
    return start("worker")


def test_a_client_pages_through_the_history(client: Generated, worker: Handler, simulated: SimulatedCodat) -> None:
    """To its end, each sync once."""
    company = simulated.company(COMPANY_ID)
    for days in range(7):
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days))
        sync = simulated.add_sync(company, 2000 if days % 2 else 5130, [Item("t", "PushError")], sync_utc=at)
        assert failed(worker(batch(of(simulated, sync, f"msg_{sync.sync_id}")))) == []
    list_syncs = _operation("syncs", "list_syncs")
    pages = [list_syncs(client=client, company_id=COMPANY_ID, limit=3)]
    while pages[-1].next_cursor:
        pages.append(list_syncs(client=client, company_id=COMPANY_ID, limit=3, cursor=pages[-1].next_cursor))
    found = [sync.sync_id for page in pages for sync in page.syncs]
    assert len(pages) > 2
    assert sorted(found) == sorted(sync.sync_id for sync in simulated.syncs if sync.sync_id != SYNC_ID)


def test_a_client_gets_a_problem_with_its_code(client: Generated) -> None:
    """As a value, by which it can decide."""
    problem = _operation("syncs", "get_sync")("unknown", client=client)
    assert (problem.status, problem.code) == (404, "notFound")


def test_a_client_retries_a_sync_once(client: Generated, worker: Handler, simulated: SimulatedCodat) -> None:
    """With an Idempotency-Key: the second response is the first."""
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    retry = _operation("failures", "retry_sync")
    first, again = (retry(SYNC_ID, client=client, idempotency_key="k1") for _ in range(2))
    assert (first.sync_id, first.to_dict()) == (SYNC_ID, again.to_dict())
