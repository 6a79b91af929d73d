"""`python -m dev.target ENV`: what the layer has to be built for, as samconfig.toml says."""

import shlex
import sys
import tomllib

from dev.paths import ROOT
from dev.template import read_template

# uv's names of the platforms; the oldest glibc among Lambda's runtimes decides on 2014.
_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


def layer_variables(environment: str) -> dict[str, str]:
    """Return the variables of the layer's makefile. Raises KeyError for an environment that samconfig.toml lacks."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["build"]["parameters"]
    defaults = {name: parameter.get("Default") for name, parameter in read_template()["Parameters"].items()}
    chosen = defaults | dict(override.split("=", 1) for override in configured["parameter_overrides"])
    return {
        "LAYER_PYTHON": str(chosen["Runtime"]).removeprefix("python"),
        "LAYER_PLATFORM": _PLATFORMS[str(chosen["Architecture"])],
    }


if __name__ == "__main__":
    print(*(f"{name}={shlex.quote(value)}" for name, value in layer_variables(sys.argv[1]).items()))
