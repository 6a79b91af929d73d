"""Wire the capture of configurations, by the worker."""

from typing import TYPE_CHECKING

from codat_sync.codat.configuration_client import ConfigurationClient
from codat_sync.codat.http import MAX_RESPONSE_SECONDS
from codat_sync.companies.configuration_repository import ConfigurationRepository
from codat_sync.core.clock import utc_now
from codat_sync.ingestion.configuration_capture import ConfigurationCapture

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.rate_limits.gate import SharedGate


def build_configuration_capture(
    connection: "CodatHttpClient", table: "Table", gate: "SharedGate"
) -> ConfigurationCapture:
    """Return the capture. Its calls begin long enough before the last moment for calls of ingestion."""
    return ConfigurationCapture(
        ConfigurationClient(connection),
        ConfigurationRepository(table),
        gate,
        lambda: connection.seconds_left > MAX_RESPONSE_SECONDS,
        utc_now,
    )
