"""Rebuild the search index of a deployment."""

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import CodatSyncError
from codat_sync.search.indexer import SearchIndexer
from codat_sync.search.kinds import SearchIndexScope
from codat_sync.search.rebuild import SearchRebuilder
from codat_sync.search.repository import SearchRepository
from ops.deployment import Deployment
from ops.errors import CommandError


def rebuild_search_index(stack: str | None) -> None:
    """Write the entries that the parameter SearchIndex asks for, delete the others, and print how many."""
    deployment = Deployment.connect(stack)
    written = deleted = 0
    try:
        scope = SearchIndexScope(deployment.parameter("SearchIndex"))
        table = deployment.table
        for page in SearchRebuilder(table, SearchIndexer(SearchRepository(table), scope)).rebuild():
            written, deleted = written + page.written, deleted + page.deleted
            print(f"{written:,} entries written, {deleted:,} deleted …", flush=True)
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise CommandError(f"not finished: {error}\nRun the same command again.") from error
    print(f"The index of {deployment.description} is complete (SearchIndex is {scope}): {written:,} entries written.")
