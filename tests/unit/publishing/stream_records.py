"""Records of SyncTable's stream, as Lambda hands them to publish."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from dev.stored_events import Payload

_serialize = TypeSerializer().serialize
AT = datetime(2026, 11, 24, 18, 0, 5, tzinfo=UTC)


def stream_record(
    key: Mapping[str, str], old: Mapping[str, Any] | None, new: Mapping[str, Any], number: int = 1
) -> Payload:
    """Return the record of an item with this key that was made, or took the place of ``old``."""
    written = {
        "ApproximateCreationDateTime": int(AT.timestamp()),
        "Keys": _image(key),
        "NewImage": _image({**key, **new}),
        "SequenceNumber": str(number),
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if old is not None:
        written["OldImage"] = _image({**key, **old})
    return {
        "eventID": f"record-{number}",
        "eventName": "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-2",
        "dynamodb": written,
        "eventSourceARN": "arn:aws:dynamodb:eu-west-2:123456789012:table/syncs/stream/2026-11-24T18:00:00.000",
    }


def _image(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in values.items() if value is not None}
