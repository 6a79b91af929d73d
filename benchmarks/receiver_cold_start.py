"""Measure a cold start of the receiver: CPU time from the start of Python to the first 202.

    .venv/bin/python -m benchmarks.receiver_cold_start

Each variant runs in a fresh Python that sees nothing but the built layer, in turn with the others; AWS is a server of
this process that answers at once. Trust the ratios: milliseconds depend on the machine.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from dev.deploying.layer import built_layer_folder
from dev.paths import ROOT
from dev.stored_events import load, signed

RUNS = 15
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - from Codat's documentation

HANDLE = """
import json, sys, app
from types import SimpleNamespace
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1024, invoked_function_arn="arn", aws_request_id="r",
    get_remaining_time_in_millis=lambda: 9999)
assert app.lambda_handler(json.load(sys.stdin), context)["statusCode"] == 202
"""
CLIENTS = "import boto3; boto3.client('sqs'); boto3.client('secretsmanager'); import aws_lambda_powertools"


class Aws(BaseHTTPRequestHandler):
    """Simulates Secrets Manager and SQS for the receiver."""

    def do_POST(self) -> None:
        """Respond immediately."""
        request = self.rfile.read(int(self.headers["Content-Length"]))
        secret = {"SecretString": json.dumps({"signingSecrets": [SIGNING_SECRET], "authorization": None})}
        answer = json.dumps(secret if b"SecretId" in request else {"MessageId": "m"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def aws() -> Iterator[str]:
    """Serve simulated AWS and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Aws) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def cpu_milliseconds(script: str, site: Path, endpoint: str) -> float:
    """Run ``script`` in a new Python process and return its CPU time."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'functions/receiver'}:{site}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:webhook",
        "SYNC_QUEUE_URL": endpoint + "/123456789012/sync",
        "POWERTOOLS_METRICS_NAMESPACE": "CodatSync",
        "POWERTOOLS_SERVICE_NAME": "receiver",
    }
    payload = json.dumps(signed(load("receiver", "sync-unsuccessful"), SIGNING_SECRET))
    # -S: ignore packages installed on this machine.
    command = [sys.executable, "-S", "-c", script]
    before = os.times()
    subprocess.run(command, env=environment, input=payload, text=True, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return 1000 * (after.children_user + after.children_system - before.children_user - before.children_system)


def main() -> None:
    """Measure all variants in turn and print the median of each."""
    compiled = built_layer_folder() / "python"
    with tempfile.TemporaryDirectory() as folder, aws() as endpoint:
        plain = Path(folder) / "python"
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        variants = {
            "Python alone": ("pass", compiled),
            "its libraries: boto3's two clients, Powertools": (CLIENTS, compiled),
            "the receiver": (HANDLE, compiled),
            "the receiver without bytecode": (HANDLE, plain),
        }
        times: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(RUNS):
            for name, (script, site) in variants.items():
                times[name].append(cpu_milliseconds(script, site, endpoint))
    for name, measured in times.items():
        low, middle, high = min(measured), statistics.median(measured), max(measured)
        print(f"{name:<48}{middle:7.0f} ms   ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main()
