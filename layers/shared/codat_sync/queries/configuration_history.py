"""Compare a company's configuration when a sync failed with the current one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.companies.company import Company
from codat_sync.companies.configuration import CompanyThen, Configuration
from codat_sync.core.json_diff import Difference, compare

if TYPE_CHECKING:
    from codat_sync.companies.configuration_repository import ConfigurationRepository
    from codat_sync.queries.live_lookup import LiveLookup
    from codat_sync.queries.sync_details import SyncDetails


@dataclass(frozen=True, slots=True)
class ConfigurationThenAndNow:
    """A company's configuration and connection when a sync failed, and now.

    ``then`` is None if nothing was recorded: the sync has not failed, or failed before this feature existed.
    ``company`` is the company as last fetched. ``differences`` are those of the configurations; None unless both are
    known.
    """

    company_id: str
    sync_id: str
    then: CompanyThen | None
    now: Configuration | None
    company: Company | None
    differences: Sequence[Difference] | None

    @property
    def has_connection_changed(self) -> bool:
        """Whether the connection or a platform has changed since the sync failed, as far as both are known."""
        connection = self.then and self.then.connection
        if not connection or not self.company:
            return False
        then = (connection.status, connection.source_platform, connection.target_platform, connection.is_deleted)
        company = self.company
        return then != (
            company.connection_status,
            company.source_platform,
            company.target_platform,
            company.is_deleted,
        )


@dataclass(frozen=True)
class ConfigurationHistory:
    """Configurations then and now."""

    configurations: "ConfigurationRepository"
    live: "LiveLookup"

    def load_then(self, sync_id: str) -> CompanyThen | None:
        """Load what was recorded when a sync failed; None if nothing was. Raises UnprocessedItemsError."""
        return self.configurations.load_of_sync(sync_id)

    def compare(self, details: "SyncDetails", then: CompanyThen | None) -> ConfigurationThenAndNow:
        """Read the current configuration from Codat and compare. Raises CodatError and SecretUnavailableError."""
        company_id = details.listed.company_id
        now = self.live.fetch_configuration(company_id)
        kept = then and then.configuration
        differences = compare(kept, now) if kept is not None and now is not None else None
        return ConfigurationThenAndNow(company_id, details.listed.sync_id, then, now, details.company, differences)
