"""Builds the project for `sam local`: `python -m dev.sam_local.build`.

For the runtime that samconfig.toml names for `local`, and for this machine's processor, as containers are of that one.
"""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from dev.release.build_target import build_parameters, layer_variables, machine_architecture
from ops.errors import LocalStackError, told
from ops.paths import LOCAL, LOGS, ROOT

SAM = LOCAL / "venvs" / "sam" / "bin" / "sam"

_LOG = LOGS / "sam-local" / "build.log"


def build() -> str:
    """Build, and return for what: for people to read. Raises LocalStackError."""
    architecture = machine_architecture()
    configured = build_parameters("local")
    overrides = [*configured["parameter_overrides"], f"Architecture={architecture}"]
    variables = layer_variables(overrides)
    _run([str(SAM), "build", "--config-env", "local", "--parameter-overrides", *overrides], variables)
    _set_default(ROOT / configured["build_dir"] / "template.yaml", architecture)
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
        raise LocalStackError(f"the project can't be built; see {_LOG}")


def _set_default(path: Path, architecture: str) -> None:
    """Have the built template default to what it was built for: samconfig.toml can't ask which machine this is."""
    template = yaml.safe_load(path.read_text())
    template["Parameters"]["Architecture"]["Default"] = architecture
    path.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    with told():
        print(f"built for sam local ({build()})")
