"""`python -m dev.release.build_target ENV`: what the layer has to be built for, as samconfig.toml says."""

import platform
import shlex
import sys
import tomllib
from collections.abc import Iterable
from typing import Any

from dev.deploying.template import read_template
from ops.errors import LocalStackError, told
from ops.paths import ROOT

# uv's names of the platforms; the oldest glibc among Lambda's runtimes decides on 2014.
_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


def machine_architecture() -> str:
    """Return what Lambda calls this machine's processor."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def build_parameters(environment: str) -> dict[str, Any]:
    """Return how samconfig.toml builds for ``environment``. Raises LocalStackError for one that it lacks."""
    configured: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if environment not in configured:
        known = ", ".join(name for name, value in configured.items() if isinstance(value, dict))
        raise LocalStackError(f"samconfig.toml has no environment {environment!r}, only: {known}")
    parameters: dict[str, Any] = configured[environment]["build"]["parameters"]
    return parameters


def layer_variables(overrides: Iterable[str]) -> dict[str, str]:
    """Return the variables of the layer's makefile for a deployment with these parameters (as ``Name=value``)."""
    defaults = {name: parameter.get("Default") for name, parameter in read_template()["Parameters"].items()}
    chosen = defaults | dict(override.split("=", 1) for override in overrides)
    return {
        "LAYER_PYTHON": str(chosen["Runtime"]).removeprefix("python"),
        "LAYER_PLATFORM": _PLATFORMS[str(chosen["Architecture"])],
    }


if __name__ == "__main__":
    with told():
        made_for = layer_variables(build_parameters(sys.argv[1])["parameter_overrides"])
    print(*(f"{name}={shlex.quote(value)}" for name, value in made_for.items()))
