"""The Python version and processor that the layer is built for, from samconfig.toml."""

import platform
import shlex
import tomllib
from collections.abc import Iterable
from typing import Any

from dev.deploying.template import read_template
from dev.paths import ROOT
from ops.errors import CommandError

# uv's names of the platforms: manylinux2014 suits the oldest glibc of Lambda's runtimes.
_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


def machine_architecture() -> str:
    """Return Lambda's name of this machine's processor."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def build_parameters(environment: str) -> dict[str, Any]:
    """Return the build parameters of ``environment`` in samconfig.toml. Raises CommandError if it has none."""
    configured: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if environment not in configured:
        known = ", ".join(name for name, value in configured.items() if isinstance(value, dict))
        raise CommandError(f"samconfig.toml has no environment {environment!r}, only: {known}")
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


def print_build_target(environment: str) -> None:
    """Print the variables of the layer's makefile for ``environment``, quoted for a shell."""
    variables = layer_variables(build_parameters(environment)["parameter_overrides"])
    print(*(f"{name}={shlex.quote(value)}" for name, value in variables.items()))
