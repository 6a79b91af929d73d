"""Store when Codat's example event last arrived: it proves that webhooks get through, and belongs to no sync."""

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import EXAMPLE_EVENT

_VERSION = 1


class ExampleEventRepository:
    """The example event in SyncTable. Only the worker writes it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def record(self, event_type: str, received_at: str) -> None:
        """Record the last example event; the same event twice changes nothing."""
        self._table.update(EXAMPLE_EVENT, {"v": _VERSION, "eventType": event_type, "receivedAt": received_at}, {})
