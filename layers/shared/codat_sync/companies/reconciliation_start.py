"""Schedule reconciliations with Codat: of a new company, or of all of them.

A company's reconciliation state belongs to reconciliation; only its first version is written here, with the company.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import SEARCH, reconcile_index_keys, reconciliation_key
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp

STATE_VERSION = 1
# A search costs a request per company.
_SEARCH_INTERVAL = timedelta(minutes=30)
_CLOCK_SKEW = timedelta(minutes=5)
_RETENTION = timedelta(days=1)


def schedule_reconciliation(table: Table, company_id: str, now: datetime) -> None:
    """Make a company due for reconciliation now, unless it is scheduled already."""
    changes = {
        "v": STATE_VERSION,
        "summary": {"companyId": company_id, "begunAt": format_timestamp(now)},
        **reconcile_index_keys(format_timestamp(now)),
    }
    with suppress(ConditionFailedError):
        table.update(reconciliation_key(company_id), changes, {"reconcileAt": None})


def request_search(table: Table, now: datetime) -> None:
    """Have all companies compared soon, to find a sync whose company is unknown; at most every half an hour."""
    current = format_timestamp(now - _SEARCH_INTERVAL), format_timestamp(now + _CLOCK_SKEW)
    expires_at = int((now + _RETENTION).timestamp())
    table.acquire_lease(SEARCH, "requestedAt", format_timestamp(now), free_outside=current, expires_at=expires_at)
