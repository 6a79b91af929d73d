"""Export lists as CSV to their end, with protection against formula injection.

An export that cannot continue to the end says so, in its last line and in the header `x-truncated`, and names the
cursor that leads to the rest.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from codat_sync.audit.entry import AuditEntry
from codat_sync.core.http_response import MAX_RESPONSE_BYTES
from codat_sync.queries.companies.company_reader import AllCompanies
from codat_sync.queries.failures.failed_items import FailedItem
from codat_sync.queries.failures.failed_syncs import FailureCauses
from codat_sync.queries.item_search import ItemWalk
from codat_sync.queries.listing import KnownRows, Listing
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, Sort, Totals, position_time
from codat_sync.queries.worklist import WorkItem
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.api import presenters, schemas
from codat_sync.web.csv_cells import Style, read_values, write_header, write_line

CONTENT_TYPE = "text/csv; charset=utf-8"
# Lambda encodes a response as JSON. Its headers and the last line need less than the rest.
MAX_BYTES = MAX_RESPONSE_BYTES - 16 * 1024

_SYNC_COLUMNS = (
    *("syncId", "companyId", "companyName", "at", "outcome", "code", "meaning", "syncedAt", "firstSeenAt"),
    *("transactions", "failed", "checkFailure", "isStuck", "category", "isResolved"),
)
_WORK_COLUMNS = (
    *(
        "category",
        "syncId",
        "companyId",
        "companyName",
        "at",
        "code",
        "meaning",
        "openTransactions",
        "actionOwner",
        "nextStep",
    ),
    *("customerNote", "steps", "dueAt", "decision", "decidedBy", "decidedAt", "reason"),
)
_ITEM_SYNC_COLUMNS = ("companyId", "companyName", "syncId", "at")
_ITEM_COLUMNS = ("transactionId", "integrationType", "status", "message", "rows")
_FAILED_ITEM_COLUMNS = (
    *("companyId", "companyName", "syncId", "at", "code", "transactionId", "integrationType", "status", "message"),
    "causeId",
)
_EXPENSE_COLUMNS = ("merchant", "amount", "currency")
_AUDIT_COLUMNS = ("at", "actor", "action", "syncId", "companyId", "companyName", "details")
_CAUSE_COLUMNS = (
    *("causeId", "failures", "syncs", "companies", "today", "sinceYesterday", "isNew", "code", "text"),
    *("exampleCompanyId", "exampleCompanyName", "exampleSyncId", "exampleTransactionId", "exampleMessage"),
)

_COMPANY_COLUMNS = (
    *("companyId", "companyName", "sourcePlatform", "targetPlatform", "connection", "connectionStatus"),
    *("lastSyncAt", "lastSyncId", "lastOutcome", "openFailures", "completeAsOf", "comparedAt", "isIncomplete"),
    "problem",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of an export that fit into a response. ``cursor`` leads to the rest; None if there is none."""

    lines: list[str]
    cursor: str | None


def export_syncs(listing: Listing[ListedSync], query: HistoryQuery, style: Style = Style.PROGRAMS) -> Response[str]:
    """Export syncs as CSV. In an order other than that of time, each part of an export is sorted separately.

    A file for people also has the messages of failed syncs.
    """
    columns = (*_SYNC_COLUMNS, "message") if style is Style.PEOPLE else _SYNC_COLUMNS
    rows: list[ListedSync] = []

    def to_model(row: ListedSync) -> BaseModel:
        rows.append(row)
        return schemas.ExportedSync.model_validate(row)

    found = _write(columns, listing, to_model, style)
    lines = found.lines
    if query.sort is not Sort.TIME:
        line_of = dict(zip((row.position for row in rows), lines, strict=False))
        lines = [line_of[row.position] for row in query.sorted(rows[: len(lines)])]
    end = f"{_count(lines, 'sync')}, up to {_moment(position_time(found.cursor))}" if found.cursor else None
    return _answer("syncs", columns, lines, end, found.cursor, style=style, model=schemas.ExportedSync)


def export_work_items(walk: Listing[WorkItem], style: Style = Style.PROGRAMS) -> Response[str]:
    """Export the worklist as CSV, with a column for each step that has transactions, and the newest decision."""
    found = _write(_WORK_COLUMNS, walk, presenters.work_row, style)
    end = _count(found.lines, "failed sync") if found.cursor else None
    return _answer("worklist", _WORK_COLUMNS, found.lines, end, found.cursor, style=style, model=schemas.WorkRow)


def export_items(walk: ItemWalk, sync: ListedSync | None = None) -> Response[str]:
    """Export a sync's transactions as CSV: for people, with the ``sync`` and its company."""
    style = Style.PEOPLE if sync else Style.PROGRAMS
    columns = (*_ITEM_SYNC_COLUMNS, *_ITEM_COLUMNS) if sync else _ITEM_COLUMNS
    found = _write(columns, walk, partial(presenters.exported_item, sync) if sync else presenters.item, style)
    read = (found.cursor or "").rpartition("@")[2]
    end = f"{_count(found.lines, 'transaction')}, of the first {read} in the sync" if found.cursor else None
    return _answer("transactions", columns, found.lines, end, found.cursor, style=style, model=schemas.ExportedItem)


def export_causes(causes: FailureCauses, style: Style = Style.PROGRAMS) -> Response[str]:
    """Export all failure causes as CSV."""
    found = _write(_CAUSE_COLUMNS, KnownRows(causes.causes), partial(presenters.cause, causes), style)
    ends = []
    if len(found.lines) < len(causes.causes):
        ends.append(f"{len(found.lines)} of {_count(causes.causes, 'cause')}")
    if causes.reached_to:
        ends.append(f"only the newest {_count(causes.syncs, 'failed sync')}, back to {_moment(causes.reached_to)}")
    if causes.partial_syncs:
        ends.append(f"{_count(causes.partial_syncs, 'very large sync')} counted only in part")
    if causes.other_failures:
        ends.append(f"{_count(causes.other_failures, 'failure')} of very large syncs with rarer causes not included")
    return _answer("causes", _CAUSE_COLUMNS, found.lines, "; ".join(ends) or None, style=style)


def export_failed_items(
    walk: Listing[FailedItem], style: Style = Style.PROGRAMS, *, has_expenses: bool
) -> Response[str]:
    """Export failed items across syncs as CSV, with merchants and amounts if these may be seen."""
    columns = (*_FAILED_ITEM_COLUMNS, *_EXPENSE_COLUMNS) if has_expenses else _FAILED_ITEM_COLUMNS
    found = _write(columns, walk, presenters.failed_item, style)
    reached = found.cursor and position_time(found.cursor.partition("!")[0])
    end = f"{_count(found.lines, 'failed item')}, back to {_moment(reached)}" if reached else None
    return _answer("failed-items", columns, found.lines, end, found.cursor, style=style, model=schemas.FailedItem)


def export_companies(found: AllCompanies, style: Style = Style.PROGRAMS) -> Response[str]:
    """Export companies as CSV."""
    written = _write(_COMPANY_COLUMNS, KnownRows(found.rows), presenters.listed_company, style)
    ends = []
    if len(written.lines) < len(found.rows):
        ends.append(f"{len(written.lines):,} of {_count(found.rows, 'matching company', 'matching companies')}")
    if found.is_truncated:
        ends.append("there are more companies than could be read")
    if found.is_failure_count_truncated:
        ends.append("there are more open failures than were counted")
    end = "; ".join(ends) or None
    return _answer("companies", _COMPANY_COLUMNS, written.lines, end, style=style, model=schemas.CompanySummary)


def export_audit(walk: Listing[AuditEntry], style: Style = Style.PROGRAMS) -> Response[str]:
    """Export audit entries as CSV."""
    found = _write(_AUDIT_COLUMNS, walk, schemas.AuditEntry.model_validate, style)
    back_to = found.cursor and _moment(position_time(found.cursor))
    end = f"{_count(found.lines, 'audit entry', 'audit entries')}, back to {back_to}" if back_to else None
    return _answer("audit", _AUDIT_COLUMNS, found.lines, end, found.cursor, style=style, model=schemas.AuditEntry)


def export_totals(totals: Totals) -> Response[str]:
    """Export totals as CSV, with one row per day and one column per outcome."""
    outcomes = [outcome.value for outcome in Outcome]
    columns = ("day", "syncs", *outcomes, "resolved", "transactions", "failed", "isTruncated")
    lines = [
        write_line(
            columns,
            read_values(day, Style.PROGRAMS) | {outcome: day.outcomes.get(Outcome(outcome), 0) for outcome in outcomes},
            Style.PROGRAMS,
        )
        for day in presenters.totals(totals).days
    ]
    left = totals.truncated_days
    end = f"{_count(left, 'day')} counted only in part, {left[0]} to {left[-1]}" if left else None
    return _answer("totals", columns, lines, end)


def _write(
    columns: Sequence[str], listing: Listing[T], to_model: Callable[[T], BaseModel], style: Style = Style.PROGRAMS
) -> _Lines:
    """Write rows until the list ends or the response is full."""
    lines: list[str] = []
    room = MAX_BYTES
    cursor = listing.cursor
    for row in listing.rows():
        model = to_model(row)
        line = write_line(columns, read_values(model, style), style)
        room -= len(json.dumps(line))
        if room < 0:
            return _Lines(lines, cursor)
        lines.append(line)
        cursor = listing.cursor
    return _Lines(lines, listing.cursor)


def _answer(  # noqa: PLR0913 - what a file consists of
    name: str,
    columns: Sequence[str],
    lines: Sequence[str],
    end: str | None,
    cursor: str | None = None,
    *,
    style: Style = Style.PROGRAMS,
    model: type[BaseModel] | None = None,
) -> Response[str]:
    """Build the response. ``end`` says how far an incomplete export got; ``model`` is that of the rows."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    last = []
    if end:
        headers["x-truncated"] = end
        rest = f" To export the rest, add this to the URL's query: cursor={quote(cursor)}" if cursor else ""
        last = [write_line(["end"], {"end": f"Not complete: {end}.{rest}"}, style)]
    if cursor:
        headers["x-next-cursor"] = cursor
    text = "".join([style.mark, write_header(columns, model, style), *lines, *last])
    return Response(HTTPStatus.OK, CONTENT_TYPE, text, headers)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _count(counted: Sequence[object] | int, what: str, many: str = "") -> str:
    number = counted if isinstance(counted, int) else len(counted)
    return f"{number:,} {what if number == 1 else many or what + 's'}"
