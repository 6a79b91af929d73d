"""Stamp a build, so that it, or a changed parameter alone, publishes new function versions.

SAM makes a new version when a property of a function changes, but does not look behind a `!Ref`. Lambda refuses one in
which nothing is new since the last version, which fails the deployment: a function that the parameter is no business
of, or a build that was taken back and is tried again, as the version of the first try is still there. So the values of
all parameters, and when it was built, are put into a variable of all functions, as a digest. In a tag it would not do:
tags are no part of a version.
https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml

from dev.deploying.template import Template
from dev.release.build_target import build_parameters
from ops.errors import told
from ops.paths import ROOT


def stamp(template: Template, parameters: Mapping[str, str], built_at: str = "") -> None:
    """Put a digest of the parameters' values, chosen or default, and of when it was built into all functions."""
    values = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    text = json.dumps([values | dict(parameters), built_at], sort_keys=True)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables["BUILD"] = hashlib.sha256(text.encode()).hexdigest()[:16]


def main(environment: str) -> None:
    """Stamp what `sam build` has made for ``environment``, with what samconfig.toml deploys it with."""
    path = ROOT / build_parameters(environment)["build_dir"] / "template.yaml"
    overrides = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    template = yaml.safe_load(path.read_text())
    stamp(template, dict(override.split("=", 1) for override in overrides), datetime.now(UTC).isoformat())
    path.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    with told():
        main(sys.argv[1])
