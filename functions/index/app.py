"""Index: keep the search entries of SyncTable as its other items say."""

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBStreamEvent

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.config import IndexSettings
from codat_sync.search.indexer import SearchIndexer
from codat_sync.search.repository import SearchRepository
from codat_sync.search.stream_records import read_change

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

settings = IndexSettings.from_environment(os.environ)
table = connect_table(settings.sync_table_name, client_config())
indexer = SearchIndexer(SearchRepository(table), settings.search_index)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, int]:
    """Index a batch of stream records. Any error repeats the whole batch, which leads to the same entries."""
    metrics.add_metric("StreamRecords", MetricUnit.Count, len(event["Records"]))
    with limit_invocation(context.get_remaining_time_in_millis() / 1000):
        written = indexer.index([read_change(record) for record in DynamoDBStreamEvent(event).records])
    metrics.add_metric("SearchEntriesWritten", MetricUnit.Count, written)
    return {"entriesWritten": written}
