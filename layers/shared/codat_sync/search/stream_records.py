"""Parse records of SyncTable's stream into changes of items."""

from typing import TYPE_CHECKING

from codat_sync.search.indexer import ItemChange

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord


def read_change(record: "DynamoDBRecord") -> ItemChange:
    """Parse a record. An image has the item's keys; Lambda omits it where there is none."""
    written = record.dynamodb
    return ItemChange(written.old_image or {}, written.new_image or {}) if written else ItemChange({}, {})
