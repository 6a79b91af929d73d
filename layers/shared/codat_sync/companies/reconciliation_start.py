"""Schedule a new company's first reconciliation with Codat.

A company's reconciliation state belongs to reconciliation; only its first version is written here, with the company.
"""

from contextlib import suppress
from datetime import datetime

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import reconcile_index_keys, reconciliation_key
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp

STATE_VERSION = 1


def schedule_reconciliation(table: Table, company_id: str, now: datetime) -> None:
    """Make a company due for reconciliation now, unless it is scheduled already."""
    changes = {
        "v": STATE_VERSION,
        "summary": {"companyId": company_id, "begunAt": format_timestamp(now)},
        **reconcile_index_keys(format_timestamp(now)),
    }
    with suppress(ConditionFailedError):
        table.update(reconciliation_key(company_id), changes, {"reconcileAt": None})
