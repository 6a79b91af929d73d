"""Read Codat's OpenAPI document from the folder that the environment names: it is not part of this project.

The document of the Expenses API counts. The common one is older: it knows no connection to a source of expenses.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.schemas import OpenApiSchema

FOLDER_VARIABLE = "CODAT_OPENAPI"
_NAME = "Codat-Sync-Expenses.json"


def codat_document() -> dict[str, Any]:
    """Return the document with its deviations from OpenAPI 3.1 repaired; skips the test where there is none."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        pytest.skip(f"{FOLDER_VARIABLE} does not name a folder with Codat's OpenAPI documents")
    return _load(Path(folder) / _NAME)


def codat_schema() -> OpenApiSchema:
    """Return the document for schemathesis."""
    schema = schemathesis.openapi.from_dict(codat_document())
    assert isinstance(schema, OpenApiSchema)
    return schema


@cache
def _load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes(), object_hook=_repaired)
    return document


def _repaired(node: dict[str, Any]) -> dict[str, Any]:
    """Write in 3.1's way what Codat writes in 3.0's. The place of every node stays: references name it by its path."""
    if node.get("additionalProperties") is False and "allOf" in node:
        node["unevaluatedProperties"] = node.pop("additionalProperties")
    if node.pop("nullable", None) is not True:
        return node
    if "$ref" in node:
        node["anyOf"] = [{"$ref": node.pop("$ref")}, {"type": "null"}]
    elif "type" in node:
        node["type"] = [node["type"], "null"]
    if "enum" in node:
        node["enum"].append(None)
    return node
