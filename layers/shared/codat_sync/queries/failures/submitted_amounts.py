"""Add merchant and amount from the newest body to failed items, only for viewers with the role EXPENSES."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from codat_sync.submissions.expense_content import read_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codat_sync.queries.failures.failed_items import FailedItem
    from codat_sync.submissions.repository import SubmissionRepository

# Transactions whose bodies are loaded at once, at two requests each.
_AT_ONCE = 16


class SubmittedAmounts:
    """Read merchants and amounts from the bodies in the table."""

    def __init__(self, submissions: "SubmissionRepository") -> None:
        self._submissions = submissions

    def add_to(self, rows: "Sequence[FailedItem]") -> "list[FailedItem]":
        """Return ``rows`` with the submitted data; None where no body is kept. Raises UnprocessedItemsError."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._add, rows))

    def _add(self, row: "FailedItem") -> "FailedItem":
        if row.transaction_id is None:
            return row
        submitted = self._submissions.load_submissions(row.company_id, row.transaction_id)
        texts = [body.text for _, body in submitted if body.text]
        return replace(row, expense=read_content(texts[-1])) if texts else row
