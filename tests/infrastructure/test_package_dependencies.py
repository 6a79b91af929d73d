"""Imports between packages go one way, and only adapters know AWS and HTTP."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/shared/codat_sync"

# Lowest first: a package imports only packages that come before it, type annotations included.
ORDER = (
    "core",
    "aws",
    "auth",
    "audit",
    "idempotency",
    "messaging",
    "rate_limits",
    "polling",
    "webhooks",
    "companies",
    "syncs",
    "codat",
    "submissions",
    "reconciliation",
    "queries",
    "search",
    "retries",
    "bulk_retries",
    "dead_letters",
    "erasure",
    "ingestion",
    "publishing",
    "config",
    "web",
    "bootstrap",
)
ADAPTER_LIBRARIES = {"boto3", "botocore", "httpx"}


def _imports(module: Path) -> Iterator[str]:
    """Yield the full name of everything a module imports, at whatever depth and under ``TYPE_CHECKING`` too."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _package(module: Path) -> str:
    return module.relative_to(LAYER).parts[0].removesuffix(".py")


def _is_adapter(module: Path) -> bool:
    name = module.stem
    return (
        _package(module) in {"aws", "codat", "bootstrap"}
        or name == "event_bus"
        or name.endswith(("repository", "queue", "queues", "client"))
    )


MODULES = sorted(path for path in LAYER.rglob("*.py") if path.name != "__init__.py")


def test_every_package_has_its_place_in_the_order() -> None:
    """A new package has to choose one."""
    assert {_package(module) for module in MODULES} == set(ORDER)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(LAYER)))
def test_a_module_imports_only_lower_packages(module: Path) -> None:
    """Only its own package and those below it."""
    allowed = ORDER[: ORDER.index(_package(module)) + 1]
    ours = {name.split(".")[1] for name in _imports(module) if name.startswith("codat_sync.")}
    assert ours <= set(allowed)


def _documented() -> str:
    """Return what docs/architecture.md says about the order of the packages."""
    text = (ROOT / "docs/architecture.md").read_text()
    return text[text.index("The packages have one order") :].partition("\n## ")[0]


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return all nodes that paths from one lead to, in a graph without cycles."""
    return {node for target in graph[start] for node in (target, *_reachable(graph, target))}


def test_the_table_of_packages_is_the_order() -> None:
    """One row per package, lowest first."""
    assert tuple(re.findall(r"^\| `(\w+)` \|", _documented(), re.MULTILINE)) == ORDER


def test_the_diagram_of_packages_shows_their_imports() -> None:
    """Each arrow is an import, each import is an arrow or implied by a path, and no arrow is implied by others."""
    imports: dict[str, set[str]] = {package: set() for package in ORDER}
    for module in MODULES:
        names = {name.split(".")[1] for name in _imports(module) if name.startswith("codat_sync.")}
        imports[_package(module)] |= names - {_package(module)}
    needed = {
        package: {name for name in names if not any(name in _reachable(imports, each) for each in names)}
        for package, names in imports.items()
    }
    rows = re.findall(r"^  (\w+) --> ([\w &]+)$", _documented(), re.MULTILINE)
    assert {package: set(names.split(" & ")) for package, names in rows} == {k: v for k, v in needed.items() if v}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(LAYER)))
def test_only_adapters_import_aws_and_http_clients(module: Path) -> None:
    """Rules and services take their adapters as arguments."""
    if not _is_adapter(module):
        assert not {name.split(".")[0] for name in _imports(module)} & ADAPTER_LIBRARIES


def test_no_modules_import_each_other() -> None:
    """Neither within a package nor by way of others, type annotations included."""
    names = {".".join(module.relative_to(LAYER.parent).with_suffix("").parts): module for module in MODULES}
    graph = {
        name: {target for each in _imports(module) for target in (each, each.rpartition(".")[0]) if target in names}
        for name, module in names.items()
    }
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in finished:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            finished.add(name)

    for name in names:
        visit(name, ())


def test_nothing_imports_a_function() -> None:
    """Only Lambda and tests do, and they load it from its file."""
    for path in [*ROOT.glob("layers/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        assert not any(name.split(".")[0] in {"app", "functions"} for name in _imports(path)), path


def test_the_receiver_does_not_pay_for_what_only_the_worker_needs() -> None:
    """Its cold start is our latency: no validation, no HTTP client, no web framework."""
    script = "import sys, app; print(*sys.modules)"
    environment = {
        "PYTHONPATH": f"{ROOT / 'functions/receiver'}:{ROOT / 'layers/shared'}",
        "WEBHOOK_SECRET_ARN": "arn",
        "SYNC_QUEUE_URL": "https://queue",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "POWERTOOLS_METRICS_NAMESPACE": "test",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "app" in loaded
    frameworks = {"pydantic", "pydantic_core", "httpx", "tenacity", "aws_lambda_powertools.event_handler"}
    # The settings of all functions alone would be 4 % of the start.
    own = {"codat_sync.config", "codat_sync.bootstrap", "codat_sync.aws.dynamodb"}
    assert not (frameworks | own) & set(loaded)
