"""Export lists as CSV to their end, with protection against formula injection.

An export that cannot continue to the end says so, in its last line and in the header `x-truncated`, and names the
cursor that leads to the rest.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from codat_sync.core.http_response import MAX_RESPONSE_BYTES
from codat_sync.queries.audit_log import AuditWalk
from codat_sync.queries.failed_syncs import FailureCauses
from codat_sync.queries.item_search import ItemWalk
from codat_sync.queries.listing import KnownRows, Listing
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, Sort, Totals, position_time
from codat_sync.queries.worklist import WorkWalk
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.api import presenters
from codat_sync.web.api.schemas import AuditEntry

CONTENT_TYPE = "text/csv; charset=utf-8"
# Lambda encodes a response as JSON. Its headers and the last line need less than the rest.
MAX_BYTES = MAX_RESPONSE_BYTES - 16 * 1024
# Values that a spreadsheet would evaluate as formulas: https://owasp.org/www-community/attacks/CSV_Injection
# Also after a semicolon, which some locales use as the separator.
_FORMULA = re.compile(r"(^|[;\t\r\n])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")

_SYNC_COLUMNS = (
    *("syncId", "companyId", "at", "outcome", "code", "meaning", "syncedAt", "firstSeenAt"),
    *("transactions", "failed", "checkFailure", "isStuck", "category", "isResolved"),
)
_WORK_COLUMNS = (
    *("category", "syncId", "companyId", "at", "code", "meaning", "openTransactions", "actionOwner", "nextStep"),
    *("customerNote", "steps", "dueAt", "decision", "decidedBy", "decidedAt", "reason"),
)
_ITEM_COLUMNS = ("transactionId", "integrationType", "status", "message", "rows")
_AUDIT_COLUMNS = ("at", "actor", "action", "syncId", "companyId", "details")
_CAUSE_COLUMNS = (
    *("causeId", "failures", "syncs", "companies", "today", "sinceYesterday", "isNew", "code", "text"),
    *("exampleCompanyId", "exampleSyncId", "exampleTransactionId", "exampleMessage"),
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of an export that fit into a response. ``cursor`` leads to the rest; None if there is none."""

    lines: list[str]
    cursor: str | None


def export_syncs(listing: Listing[ListedSync], query: HistoryQuery) -> Response[str]:
    """Export syncs as CSV. In an order other than that of time, each part of an export is sorted by itself."""
    rows: list[ListedSync] = []

    def to_model(row: ListedSync) -> BaseModel:
        rows.append(row)
        return presenters.summary(row)

    found = _write(_SYNC_COLUMNS, listing, to_model)
    lines = found.lines
    if query.sort is not Sort.TIME:
        line_of = dict(zip((row.position for row in rows), lines, strict=False))
        lines = [line_of[row.position] for row in query.sorted(rows[: len(lines)])]
    end = f"{_count(lines, 'sync')}, up to {_moment(position_time(found.cursor))}" if found.cursor else None
    return _answer("syncs", _SYNC_COLUMNS, lines, end, found.cursor)


def export_work_items(walk: WorkWalk) -> Response[str]:
    """Export the worklist as CSV, with a column for each step that has transactions, and the newest decision."""
    found = _write(_WORK_COLUMNS, walk, presenters.work_row)
    end = _count(found.lines, "failed sync") if found.cursor else None
    return _answer("worklist", _WORK_COLUMNS, found.lines, end, found.cursor)


def export_items(walk: ItemWalk) -> Response[str]:
    """Export a sync's transactions as CSV."""
    found = _write(_ITEM_COLUMNS, walk, presenters.item)
    read = (found.cursor or "").rpartition("@")[2]
    end = f"{_count(found.lines, 'transaction')}, of the first {read} in the sync" if found.cursor else None
    return _answer("transactions", _ITEM_COLUMNS, found.lines, end, found.cursor)


def export_causes(causes: FailureCauses) -> Response[str]:
    """Export all failure causes as CSV."""
    found = _write(_CAUSE_COLUMNS, KnownRows(causes.causes), partial(presenters.cause, causes))
    ends = []
    if len(found.lines) < len(causes.causes):
        ends.append(f"{len(found.lines)} of {_count(causes.causes, 'cause')}")
    if causes.reached_to:
        ends.append(f"only the newest {_count(causes.syncs, 'failed sync')}, back to {_moment(causes.reached_to)}")
    if causes.partial_syncs:
        ends.append(f"{_count(causes.partial_syncs, 'very large sync')} counted only in part")
    if causes.other_failures:
        ends.append(f"{_count(causes.other_failures, 'failure')} of very large syncs with rarer causes not included")
    return _answer("causes", _CAUSE_COLUMNS, found.lines, "; ".join(ends) or None)


def export_audit(walk: AuditWalk) -> Response[str]:
    """Export audit entries as CSV."""
    found = _write(_AUDIT_COLUMNS, walk, AuditEntry.model_validate)
    back_to = found.cursor and _moment(position_time(found.cursor))
    end = f"{_count(found.lines, 'audit record')}, back to {back_to}" if back_to else None
    return _answer("audit", _AUDIT_COLUMNS, found.lines, end, found.cursor)


def export_totals(totals: Totals) -> Response[str]:
    """Export totals as CSV, with one row per day and one column per outcome."""
    outcomes = [outcome.value for outcome in Outcome]
    columns = ("day", "syncs", *outcomes, "resolved", "transactions", "failed", "isTruncated")
    lines = [
        _line(columns, _values(day) | {outcome: day.outcomes.get(Outcome(outcome), 0) for outcome in outcomes})
        for day in presenters.totals(totals).days
    ]
    left = totals.truncated_days
    end = f"{_count(left, 'day')} counted only in part, {left[0]} to {left[-1]}" if left else None
    return _answer("totals", columns, lines, end)


def _write(columns: Sequence[str], listing: Listing[T], to_model: Callable[[T], BaseModel]) -> _Lines:
    """Write rows until the list ends or the response is full."""
    lines: list[str] = []
    room = MAX_BYTES
    cursor = listing.cursor
    for row in listing.rows():
        line = _line(columns, _values(to_model(row)))
        room -= len(json.dumps(line))
        if room < 0:
            return _Lines(lines, cursor)
        lines.append(line)
        cursor = listing.cursor
    return _Lines(lines, listing.cursor)


def _answer(
    name: str, columns: Sequence[str], lines: Sequence[str], end: str | None, cursor: str | None = None
) -> Response[str]:
    """Build the response. ``end`` says how far an incomplete export got."""
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    last = []
    if end:
        headers["x-truncated"] = end
        rest = f" To export the rest, add this to the URL's query: cursor={quote(cursor)}" if cursor else ""
        last = [_line(["end"], {"end": f"Not complete: {end}.{rest}"})]
    if cursor:
        headers["x-next-cursor"] = cursor
    text = "".join([_line(columns, {name: name for name in columns}), *lines, *last])
    return Response(HTTPStatus.OK, CONTENT_TYPE, text, headers)


def _values(model: BaseModel) -> dict[str, object]:
    return model.model_dump(mode="json", by_alias=True)


def _line(columns: Sequence[str], values: Mapping[str, object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([_cell(values.get(column)) for column in columns])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = "; ".join(f"{name}: {text}" for name, text in value.items())
    return _FORMULA.sub(r"\1\2'\3", value) if isinstance(value, str) else value


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _count(counted: Sequence[object] | int, what: str) -> str:
    number = counted if isinstance(counted, int) else len(counted)
    return f"{number:,} {what}{'' if number == 1 else 's'}"
