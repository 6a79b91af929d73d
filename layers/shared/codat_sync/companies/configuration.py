"""Model a company's configuration and connection as they were when a sync failed. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from codat_sync.companies.company import Company

# Syncs of a company that fail within this time share one reading of its configuration, which states its time.
SHARED_FOR = timedelta(minutes=10)
# In bytes of JSON. Codat documents three ids.
MAX_SIZE = 100_000

# A configuration: JSON in Codat's format, https://docs.codat.io/sync-for-expenses-api
Configuration = Mapping[str, Any]


class NotKept(StrEnum):
    """Why no configuration is kept for a failed sync."""

    NONE_IN_CODAT = "noneInCodat"
    CALLS_PAUSED = "callsPaused"  # the gate was closed, or little of the day's quota was left
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    NO_TIME = "noTime"
    TOO_LARGE = "tooLarge"


@dataclass(frozen=True, slots=True)
class ConnectionThen:
    """A company's platforms and the state of its connection, as last fetched from Codat at ``as_of``."""

    status: str | None
    source_platform: str | None
    target_platform: str | None
    is_deleted: bool
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class CompanyThen:
    """A company when one of its syncs failed, recorded at ``recorded_at``, right after that was known here.

    ``configuration`` was read at ``as_of``; if it is None, ``not_kept`` says why. ``digest`` identifies it.
    """

    company_id: str
    recorded_at: datetime
    connection: ConnectionThen | None
    configuration: Configuration | None = None
    digest: str | None = None
    as_of: datetime | None = None
    not_kept: NotKept | None = None


def connection_of(company: Company | None, fetched_at: datetime | None) -> ConnectionThen | None:
    """Return the connection of a company's record; None if it has not been fetched yet."""
    if company is None:
        return None
    return ConnectionThen(
        company.connection_status, company.source_platform, company.target_platform, company.is_deleted, fetched_at
    )


def write_canonically(configuration: Configuration) -> str:
    """Return a configuration as JSON that is the same for the same content."""
    return json.dumps(configuration, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(text: str) -> str:
    """Return the digest that identifies a configuration, as canonical JSON, among those of its company."""
    return hashlib.sha256(text.encode()).hexdigest()
