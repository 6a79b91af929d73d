"""Who may import whom, and what the receiver's cold start may pay for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/shared/codat_sync"

NOUNS = {
    "access",
    "answer",
    "asked",
    "cause",
    "change",
    "chunks",
    "company",
    "comparison",
    "complaint",
    "dead_letter",
    "difference",
    "done",
    "endpoint",
    "expense",
    "fact",
    "forgery",
    "history",
    "http_event",
    "id_token",
    "identifier",
    "inbox",
    "instant",
    "later",
    "local_path",
    "login_attempt",
    "mention",
    "message",
    "news",
    "page_headers",
    "plan",
    "quota",
    "reconciliation",
    "refusal",
    "retry_state",
    "route",
    "schedule",
    "session",
    "signature",
    "status",
    "submission",
    "sync",
    "transaction",
    "webhook",
}
VERBS = {
    "batch",
    "browse",
    "dead_letters",
    "discover",
    "forget",
    "ingest",
    "item_search",
    "live",
    "login",
    "preview",
    "publish",
    "receive",
    "reconcile",
    "refresh",
    "retry",
    "rounds",
    "submit",
    "tick",
    "trace",
    "watch",
    "work",
}
EDGES = {
    "body_items",
    "bus",
    "codat",
    "codat_directory",
    "company_items",
    "company_store",
    "completeness",
    "connection",
    "details",
    "document",
    "due",
    "gate",
    "identity_provider",
    "keys",
    "listing",
    "observability",
    "pace",
    "queues",
    "ration",
    "reconcile_telemetry",
    "reconciliation_store",
    "retries",
    "retry_function",
    "rounds_store",
    "run",
    "secret",
    "seen_events",
    "set_aside",
    "settings",
    "shared_pace",
    "signed_cookie",
    "standings",
    "store",
    "stream",
    "submission_store",
    "table",
    "telemetry",
    "tombstones",
    "writer",
}
MAY_IMPORT = {"nouns": NOUNS, "verbs": NOUNS | VERBS, "edges": NOUNS | EDGES}
AWS = {"boto3", "botocore", "aws_lambda_powertools", "httpx"}


def _imports(module: Path) -> set[str]:
    """Return all that a module imports when it runs: what only the type checker sees is left out."""
    tree = ast.parse(module.read_text())
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "codat_sync":
            found |= {f"codat_sync.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _ours(module: Path) -> set[str]:
    return {name.removeprefix("codat_sync.") for name in _imports(module) if name.startswith("codat_sync.")}


def test_every_module_is_a_noun_a_verb_or_an_edge() -> None:
    """A new one has to say which."""
    assert {path.stem for path in PACKAGE.glob("*.py")} == NOUNS | VERBS | EDGES | {"__init__", "errors"}


@pytest.mark.parametrize(("kind", "modules"), [("nouns", NOUNS), ("verbs", VERBS), ("edges", EDGES)])
def test_modules_import_only_what_their_kind_may(kind: str, modules: set[str]) -> None:
    """Nouns know nouns, verbs take the edges as arguments, edges know nouns."""
    for module in modules:
        path = PACKAGE / f"{module}.py"
        assert _ours(path) <= MAY_IMPORT[kind] | {"errors"}, module
        if kind != "edges":
            assert not {name.split(".")[0] for name in _imports(path)} & AWS, module


def test_nothing_imports_a_function() -> None:
    """Only Lambda and tests do, and they load it from its file."""
    for path in [*ROOT.glob("layers/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        assert not any(name == "app" or name.startswith("functions") for name in _imports(path)), path


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
    assert not {"pydantic", "pydantic_core", "httpx", "tenacity", "aws_lambda_powertools.event_handler"} & set(loaded)
