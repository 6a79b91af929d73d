"""How the simulator's own dataclasses travel as JSON: `sync_id` in Python is `syncId` on the wire."""

import json
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

# Any: what a JSON object holds is only known where it is used.
JsonObject = dict[str, Any]

# A misspelt field of the control API is refused, not ignored: a test would otherwise pass for the wrong reason.
WIRE = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid")

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """Write JSON as Codat does: who parses it and writes it compact, or in ASCII, gets other bytes than were signed."""
    return json.dumps(value, ensure_ascii=False).encode()


def decode(kind: type[T], raw: bytes) -> T:
    """Parse JSON into `kind`; raises pydantic's ValidationError."""
    return TypeAdapter(kind).validate_json(raw or b"{}")


def encode(kind: type[T], value: T) -> bytes:
    """Write a value of `kind` as JSON."""
    return TypeAdapter(kind).dump_json(value, by_alias=True)
