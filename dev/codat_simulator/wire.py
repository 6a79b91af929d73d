"""Convert the simulator's dataclasses to and from JSON: `sync_id` in Python is `syncId` in JSON."""

import json
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

# Any: the contents of a JSON object are only known where they are used.
JsonObject = dict[str, Any]

# The control API rejects unknown fields: a test with a typo would otherwise pass for the wrong reason.
WIRE = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """Serialize JSON as Codat does: parsing and re-serializing it compactly or in ASCII changes the signed bytes."""
    return json.dumps(value, ensure_ascii=False).encode()


def decode(kind: type[T], raw: bytes) -> T:
    """Parse JSON into `kind`; raises pydantic's ValidationError."""
    return TypeAdapter(kind).validate_json(raw or b"{}")


def encode(kind: type[T], value: T) -> bytes:
    """Serialize a value of `kind` as JSON."""
    return TypeAdapter(kind).dump_json(value, by_alias=True)
