"""No test and no tool depends on the machine's speed: each waits for an event, with the bound of `dev/waiting.py`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dev.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("tests", "dev", "benchmarks") for path in (ROOT / name).rglob("*.py"))
# Calls with a time to wait, and the position of that argument.
WAITS = {"wait": 0, "join": 0, "result": 0, "get": 1, "set_default_timeout": 0, "communicate": 1, "Barrier": 2}
# Constants that bound a wait, and not those that pace one.
LIMIT = re.compile(r"TIMEOUT|PATIENCE|SECONDS_TO_|^_?SECONDS =")
# httpx waits 5 seconds by default.
HTTPX = {"get", "post", "put", "patch", "delete", "request", "stream", "Client"}
# Whose time is part of what is tested or simulated, or is over at once.
DELIBERATE = {
    ("dev/codat_simulator/webhooks/delivery.py", "TIMEOUT_SECONDS = 15"),  # Codat's
    ("dev/local_stack/sample_syncs.py", "_SECONDS_TO_SETTLE = 3.0"),  # simulated Codat's, in the background
    ("tests/unit/codat_simulator/test_faults.py", "timeout=11"),  # in process, where no time passes
    ("tests/integration/codat_simulator/test_server.py", "read=0.2"),  # has to expire
    ("tests/integration/auth/test_login_flow.py", "read=0.3"),  # has to expire
}
# The only ones that sleep: a poll, a slow server, and one that drips.
SLEEPERS = {"dev/waiting.py", "dev/demo/scenario/delivery.py", "tests/support/oidc_issuer.py"}
SLEEPERS |= {"tests/unit/core/test_bounded_http_client.py"}


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _is_short(node: ast.expr) -> bool:
    value = node.value if isinstance(node, ast.Constant) else None
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < PATIENCE_SECONDS


def _find_short_waits(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_short(node.value) and LIMIT.search(text := ast.unparse(node)):
            yield text
        if not isinstance(node, ast.Call):
            continue
        yield from (
            ast.unparse(each)
            for each in node.keywords
            if each.arg in {"timeout", "read", "connect", "deadline", "seconds_to_wait"} and _is_short(each.value)
        )
        position = WAITS.get(_name(node).rpartition(".")[2])
        if position is not None and len(node.args) > position and _is_short(node.args[position]):
            yield ast.unparse(node)
        if _name(node) == "httpx.Timeout" and node.args and _is_short(node.args[0]):
            yield ast.unparse(node)


def _uses_default_of_httpx(call: ast.Call) -> bool:
    module, _, name = _name(call).rpartition(".")
    given = {each.arg for each in call.keywords}
    return module == "httpx" and name in HTTPX and not given & {"timeout", "transport", "mounts"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_waits_for_less_than_a_busy_machine_needs(path: Path) -> None:
    """Neither by a time-out of its own, nor by the default of httpx."""
    name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [short for short in _find_short_waits(tree) if (name, short) not in DELIBERATE] == []
    assert [ast.unparse(call) for call in calls if _uses_default_of_httpx(call)] == []
    assert name in SLEEPERS or "time.sleep" not in map(_name, calls)


def test_one_profile_of_hypothesis_applies_to_all() -> None:
    """Without a deadline, and without a check of how fast examples are made."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
    registered = [path for path in FILES if "register_profile(" in path.read_text() and path != Path(__file__)]
    assert registered == [ROOT / "tests/conftest.py"]
