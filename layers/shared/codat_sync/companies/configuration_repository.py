"""Store companies' configurations in SyncTable, each once, and which one applied when a sync failed.

The worker alone writes them. They are separate from the record of the sync, so that keeping them neither changes its
version nor competes with its next response.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    company_key,
    configuration_key,
    latest_configuration_key,
    sync_configuration_key,
)
from codat_sync.companies.company import Company
from codat_sync.companies.configuration import CompanyThen, ConnectionThen, NotKept, digest_of
from codat_sync.companies.repository import read_company
from codat_sync.companies.tombstones import is_erased
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_optional_timestamp, format_timestamp, parse_timestamp

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration that was read from Codat ``as_of`` a time."""

    digest: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class KnownAboutCompany:
    """What is known about a company when one of its syncs has failed.

    If it ``is_erased``, nothing may be written. ``latest`` is the last reading of its configuration. ``is_kept`` says
    whether a configuration is kept for the sync already.
    """

    is_erased: bool
    company: Company | None
    fetched_at: datetime | None
    latest: Reading | None
    is_kept: bool


class ConfigurationRepository:
    """The configurations in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_known(self, company_id: str, sync_id: str) -> KnownAboutCompany:
        """Load what is known with one consistent request. Raises UnprocessedItemsError."""
        keys = [company_key(company_id), latest_configuration_key(company_id), sync_configuration_key(sync_id)]
        found = {(item["pk"], item["sk"]): item for item in self._table.get(keys)}
        record, latest, of_sync = (found.get((key["pk"], key["sk"]), {}) for key in keys)
        as_of = parse_timestamp(latest.get("asOf"))
        return KnownAboutCompany(
            is_erased=is_erased(record),
            company=read_company(record),
            fetched_at=parse_timestamp(record.get("fetchedAt")),
            latest=Reading(latest["digest"], as_of) if as_of else None,
            is_kept="digest" in of_sync,
        )

    def put(self, company_id: str, text: str, as_of: datetime, latest: Reading | None) -> Reading:
        """Store a configuration, as canonical JSON, unless it is the ``latest`` one; and that it was read then."""
        reading = Reading(digest_of(text), as_of)
        # Before the items that refer to it.
        if latest is None or latest.digest != reading.digest:
            content = {"v": _VERSION, "companyId": company_id, "configuration": text}
            self._table.put(configuration_key(company_id, reading.digest) | content, {})
        last = {"v": _VERSION, "companyId": company_id, "digest": reading.digest, "asOf": format_timestamp(as_of)}
        self._table.put(latest_configuration_key(company_id) | last, {})
        return reading

    def put_of_sync(self, sync_id: str, then: CompanyThen) -> None:
        """Store the configuration and connection of a failed sync, unless they are kept already."""
        content = {
            "v": _VERSION,
            "companyId": then.company_id,
            "recordedAt": format_timestamp(then.recorded_at),
            "digest": then.digest,
            "asOf": format_optional_timestamp(then.as_of),
            "notKept": then.not_kept and then.not_kept.value,
            "connection": then.connection and _write_connection(then.connection),
        }
        item = sync_configuration_key(sync_id) | {name: value for name, value in content.items() if value is not None}
        with suppress(ConditionFailedError):
            self._table.put(item, {"digest": None})

    def load_of_sync(self, sync_id: str) -> CompanyThen | None:
        """Load what applied when a sync failed, with up to two requests; None if nothing was recorded.

        Raises UnprocessedItemsError.
        """
        found = self._table.get([sync_configuration_key(sync_id)])
        if not found:
            return None
        values = found[0]
        kept = self._table.get([configuration_key(values["companyId"], values["digest"])]) if "digest" in values else []
        return _read(values, json.loads(kept[0]["configuration"]) if kept else None)


def _write_connection(connection: ConnectionThen) -> Attributes:
    return {
        "status": connection.status,
        "sourcePlatform": connection.source_platform,
        "targetPlatform": connection.target_platform,
        "isDeleted": connection.is_deleted,
        "asOf": format_optional_timestamp(connection.as_of),
    }


def _read(values: Mapping[str, Any], configuration: dict[str, Any] | None) -> CompanyThen:
    connection = values.get("connection")
    not_kept = parse_enum(NotKept, values.get("notKept", ""), NotKept.UNAVAILABLE) if configuration is None else None
    return CompanyThen(
        company_id=values["companyId"],
        recorded_at=datetime.fromisoformat(values["recordedAt"]),
        connection=connection
        and ConnectionThen(
            connection.get("status"),
            connection.get("sourcePlatform"),
            connection.get("targetPlatform"),
            connection.get("isDeleted", False),
            parse_timestamp(connection.get("asOf")),
        ),
        configuration=configuration,
        digest=values.get("digest"),
        as_of=parse_timestamp(values.get("asOf")),
        not_kept=not_kept,
    )
