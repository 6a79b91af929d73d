"""`python -m dev.stamp ENV`: has a change of a parameter alone make new versions of the functions.

SAM makes a new version when a property of a function changes, but does not look behind a `!Ref`. So the values of all
parameters are put into a tag, as a digest.
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Mapping

import yaml

from dev.errors import told
from dev.paths import ROOT
from dev.target import build_parameters
from dev.template import Template


def stamp(template: Template, parameters: Mapping[str, str]) -> None:
    """Put a digest of the parameters' values, chosen or default, into a tag of all functions."""
    values = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    text = json.dumps(values | dict(parameters), sort_keys=True)
    template["Globals"]["Function"]["Tags"]["Settings"] = hashlib.sha256(text.encode()).hexdigest()[:16]


def main(environment: str) -> None:
    """Stamp what `sam build` has made for ``environment``, with what samconfig.toml deploys it with."""
    path = ROOT / build_parameters(environment)["build_dir"] / "template.yaml"
    overrides = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    template = yaml.safe_load(path.read_text())
    stamp(template, dict(override.split("=", 1) for override in overrides))
    path.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    with told():
        main(sys.argv[1])
