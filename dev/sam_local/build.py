"""Build the project for `sam local`.

For the runtime of `local` in samconfig.toml and for this machine's processor, which containers have too.
"""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from dev.paths import LOCAL, LOGS, ROOT
from dev.release.build_target import build_parameters, layer_variables, machine_architecture
from dev.waiting import PATIENCE_SECONDS
from ops.errors import CommandError

SAM = LOCAL / "venvs" / "sam" / "bin" / "sam"

_LOG = LOGS / "sam-local" / "build.log"


def build() -> str:
    """Build; returns the target, such as "Python 3.13 on arm64". Raises CommandError."""
    architecture = machine_architecture()
    configured = build_parameters("local")
    overrides = [*configured["parameter_overrides"], f"Architecture={architecture}"]
    variables = layer_variables(overrides)
    _run([str(SAM), "build", "--config-env", "local", "--parameter-overrides", *overrides], variables)
    _adapt(ROOT / configured["build_dir"] / "template.yaml", architecture)
    return f"Python {variables['LAYER_PYTHON']} on {architecture}"


def _run(command: list[str], variables: dict[str, str]) -> None:
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    # The layer's makefile needs uv, which is beside this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with _LOG.open("w") as log:
        made = subprocess.run(
            command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **variables, "PATH": path}, check=False
        )
    if made.returncode:
        raise CommandError(f"the project can't be built; see {_LOG}")


def _adapt(path: Path, architecture: str) -> None:
    """Set the built template's default processor and its timeouts: samconfig.toml can't depend on the machine.

    Lambda's timeouts are for Lambda's processors. Here a cold start may take as long on a busy machine.
    """
    template = yaml.safe_load(path.read_text())
    template["Parameters"]["Architecture"]["Default"] = architecture
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            timeout = resource["Properties"]["Timeout"]
            resource["Properties"]["Timeout"] = max(timeout, PATIENCE_SECONDS)
    path.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))
