"""Keep each company's latest sync in an item of its own, which the list of companies shows and sorts by.

The worker writes it with each change of a sync, so that no list reads a company's syncs to find the latest.
"""

from dataclasses import dataclass

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import company_list_keys, latest_sync_key

_VERSION = 1


@dataclass(frozen=True, slots=True)
class LatestSync:
    """A company's latest sync: ``at`` is the time that it is listed by, ``outcome`` is that of its record."""

    company_id: str
    sync_id: str
    at: str
    outcome: str


def record_latest_sync(table: Table, latest: LatestSync) -> None:
    """Store a company's latest sync, unless a later one is stored."""
    changes: Attributes = {
        "v": _VERSION,
        "at": latest.at,
        "summary": {
            "companyId": latest.company_id,
            "syncId": latest.sync_id,
            "at": latest.at,
            "outcome": latest.outcome,
        },
        **company_list_keys(latest.company_id, is_latest_sync=True),
    }
    table.update_newest(latest_sync_key(latest.company_id), changes, "at")
