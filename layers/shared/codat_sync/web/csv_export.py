"""Export lists as CSV, with protection against formula injection."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.api.schemas import FailureCauses, ItemPage, SyncPage, Totals

CONTENT_TYPE = "text/csv; charset=utf-8"
# Keeps the response under Lambda's limit of 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ROWS = 5000
# Values that a spreadsheet would evaluate as formulas: https://owasp.org/www-community/attacks/CSV_Injection
# Also after a semicolon, which some locales use as the separator.
_FORMULA = re.compile(r"(^|[;\t\r\n])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")

_SYNC_COLUMNS = (
    *("syncId", "companyId", "at", "outcome", "code", "meaning", "syncedAt", "firstSeenAt"),
    *("transactions", "failed", "checkFailure", "isStuck"),
)
_ITEM_COLUMNS = ("transactionId", "integrationType", "status", "message", "rows")
_CAUSE_COLUMNS = (
    *("failures", "syncs", "companies", "code", "text"),
    *("exampleCompanyId", "exampleSyncId", "exampleTransactionId", "exampleMessage"),
)


def export_syncs(page: SyncPage) -> Response[str]:
    """Export a page of syncs as CSV."""
    return _answer("syncs", _SYNC_COLUMNS, [_row(each) for each in page.syncs], page.next_cursor)


def export_items(page: ItemPage) -> Response[str]:
    """Export a page of a sync's transactions as CSV."""
    return _answer("transactions", _ITEM_COLUMNS, [_row(each) for each in page.transactions], page.next_cursor)


def export_causes(causes: FailureCauses) -> Response[str]:
    """Export failure causes as CSV."""
    return _answer("causes", _CAUSE_COLUMNS, [_row(each) for each in causes.causes], None)


def export_totals(totals: Totals) -> Response[str]:
    """Export totals as CSV, with one row per day and one column per outcome."""
    outcomes = [outcome.value for outcome in Outcome]
    rows = [_row(day) | {outcome: day.outcomes.get(Outcome(outcome), 0) for outcome in outcomes} for day in totals.days]
    return _answer("totals", ("day", "syncs", *outcomes, "transactions", "failed"), rows, None)


def _row(answer: BaseModel) -> dict[str, object]:
    return answer.model_dump(mode="json", by_alias=True)


def _answer(
    name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]], next_cursor: str | None
) -> Response[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    if next_cursor:
        headers["x-next-cursor"] = next_cursor
    return Response(HTTPStatus.OK, CONTENT_TYPE, text.getvalue(), headers)


def _cell(value: object) -> object:
    return _FORMULA.sub(r"\1\2'\3", value) if isinstance(value, str) else value
