"""Stamp a build, so that each build, and each changed parameter, publishes new function versions.

SAM publishes a new version when a property of a function changes, but ignores changes behind a `!Ref`. Lambda rejects a
version that is identical to the last one, which fails the deployment: of a function that does not use the changed
parameter, or of a build that was rolled back and is deployed again, as its first version still exists. So all functions
have a variable with a digest of all parameters and the build time. A tag would not do: tags are not part of a version.
https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml

from dev.deploying.template import Template
from dev.paths import ROOT
from dev.release.build_target import build_parameters


def stamp(template: Template, parameters: Mapping[str, str], built_at: str = "") -> None:
    """Set a variable of all functions to a digest of the parameters, chosen or default, and of the build time."""
    values = {name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()}
    text = json.dumps([values | dict(parameters), built_at], sort_keys=True)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables["BUILD"] = hashlib.sha256(text.encode()).hexdigest()[:16]


def stamp_build(environment: str) -> None:
    """Stamp what `sam build` has built for ``environment``, with the parameters that samconfig.toml deploys it with."""
    path = ROOT / build_parameters(environment)["build_dir"] / "template.yaml"
    overrides = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"][
        "parameter_overrides"
    ]
    template = yaml.safe_load(path.read_text())
    stamp(template, dict(override.split("=", 1) for override in overrides), datetime.now(UTC).isoformat())
    path.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))
