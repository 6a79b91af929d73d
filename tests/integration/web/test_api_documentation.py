"""`docs/api.md` has every operation and every error, and its paging loop works."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from codat_sync.core.problems import ProblemType
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.paths import ROOT
from dev.stored_events import COMPANY_ID
from tests.integration.web.api_caller import Api
from tests.integration.web.api_gateway import Gateway
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of

_DOCUMENT = (ROOT / "docs" / "api.md").read_text()
_SECTIONS = {section.partition("\n")[0]: section for section in _DOCUMENT.split("\n## ")}


def test_every_operation_is_in_the_table(start: StartFunction) -> None:
    """And nothing else is."""
    paths = Api(start).send("GET", "/openapi.json").body["paths"]
    operations = {
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in paths.items() for method in methods
    }
    cells = re.findall(r"^\| (`.*?`) \|", _SECTIONS["Operations"], re.MULTILINE)
    assert {name for cell in cells for name in re.findall("`([^`]+)`", cell)} == operations


def test_every_problem_type_is_in_the_table() -> None:
    """With its status and the default of Retry-After."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d*) \| (.+) \|$", _SECTIONS["Errors"], re.MULTILINE)
    assert rows == [
        (kind.code, str(int(kind.status)), str(kind.retry_after or ""), f"{kind.title}. {kind.advice}")
        for kind in ProblemType
    ]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def url(start: StartFunction) -> Iterator[str]:
    """Serve the API over HTTP; yields its URL."""
    with make_server("127.0.0.1", 0, Gateway(start("health"), start("retry")), handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_paging_loop_prints_each_sync_once(url: str, start: StartFunction, simulated: SimulatedCodat) -> None:
    """As the document has it, but with two syncs on a page."""
    for _ in range(5):
        sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, [Item("t", "PushError")])
        assert failed(start("worker")(batch(of(simulated, sync, f"msg_{sync.sync_id}")))) == []
    (code,) = re.findall(r"```python\n(.*?)```", _SECTIONS["Pages"], re.DOTALL)
    environment = os.environ | {"API": url, "TOKEN": "a.b.c", "NO_PROXY": "127.0.0.1"}
    script = [sys.executable, "-c", code.replace("limit=200", "limit=2")]
    ran = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
    printed = [line.split()[0] for line in ran.stdout.splitlines()]
    assert sorted(printed) == sorted(sync.sync_id for sync in simulated.syncs[1:])
