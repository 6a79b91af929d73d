"""Parse records of SyncTable's stream into item changes.

Attributes that an older version of this application did not write are missing from the events.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from codat_sync.aws.table_schema import COMPANY, RETRY, SUBMISSION, SYNC, parse_subject_id
from codat_sync.companies.repository import read_company
from codat_sync.core.errors import PoisonMessageError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.polling.pending_check import read_pending_check
from codat_sync.publishing.changes import (
    Change,
    CompanyChange,
    ItemVersion,
    RetryChange,
    SubmissionChange,
    SyncChange,
    SyncVersion,
)
from codat_sync.submissions.repository import read_submission
from codat_sync.syncs.items import PENDING
from codat_sync.syncs.record import is_fetched
from codat_sync.syncs.retry_repository import read_retry
from codat_sync.syncs.status_codes import Outcome, status_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

# An image of an item: its attributes, in DynamoDB's types.
Image = Mapping[str, Any]

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, OSError)


def read_change(record: "DynamoDBRecord") -> Change:
    """Parse a stream record. Raises PoisonMessageError if this application did not write it."""
    try:
        written: Any = record.dynamodb  # None raises one of _UNREADABLE
        at = datetime.fromtimestamp(float(written["ApproximateCreationDateTime"]), UTC)
        return _change(written.keys, written.old_image, written.new_image, format_timestamp(at))
    except _UNREADABLE as error:
        # Omit the error's text, which may quote the item's content.
        raise PoisonMessageError("unreadable-record", f"unreadable record: {type(error).__name__}") from error


def _change(keys: Mapping[str, str], old: Image, new: Image, at: str) -> Change:
    pk, sk = keys["pk"], keys["sk"]
    company_id = new.get("companyId") or (new.get("summary") or {}).get("companyId") or ""
    item_version = ItemVersion(pk, sk, company_id, int(new.get("version", 0)), at)
    match sk:
        case _ if sk == SYNC:
            return SyncChange(item_version, _version(old) if old else None, _version(new))
        case _ if sk == RETRY:
            return RetryChange(item_version, parse_subject_id(pk), read_retry(old) if old else None, read_retry(new))
        case _ if sk == COMPANY:
            return CompanyChange(item_version, read_company(old), read_company(new))
        case _ if sk == SUBMISSION:
            return SubmissionChange(item_version, read_submission(old) if old else None, read_submission(new))
    raise ValueError("not an item with events")


def _version(image: Image) -> SyncVersion:
    """Parse an image of a sync's record."""
    has_status = is_fetched(image)
    code = int(image["code"]) if has_status else None
    summary = image.get("summary") or {}
    has_pending = bool(image.get("counts", {}).get(PENDING))
    return SyncVersion(
        sync_id=image["syncId"],
        outcome=Outcome(summary["outcome"]) if has_status and "outcome" in summary else None,
        code=code,
        is_final=code is not None and status_code(code).is_final and not has_pending,
        synced_at=image.get("syncUtc"),
        transactions=int(summary.get("transactions", 0)),
        failed=int(summary.get("failed", 0)),
        retry_of=image.get("retryOf"),
        submitted_ids=tuple(image.get("submittedIds") or ()),
        pending_check=read_pending_check(image),
        digest=image.get("digest"),
        record=image,
    )


def record_to_json(record: Mapping[str, Any], limit: int) -> str:
    """Return a record as JSON; without its item's images if it would be longer than ``limit`` bytes."""
    text = json.dumps(record, ensure_ascii=False)
    if len(text.encode()) <= limit:
        return text
    written = {name: value for name, value in record["dynamodb"].items() if name not in {"OldImage", "NewImage"}}
    return json.dumps({**record, "dynamodb": written}, ensure_ascii=False)
