"""Simulated Codat takes the attachments that Codat takes."""

from typing import Any

import httpx
import pytest

from dev.codat_simulator.books.models import Company, Item
from dev.codat_simulator.books.submissions import Kind, Origin, SubmittedTransaction
from dev.codat_simulator.simulator import SimulatedCodat

# Any: what httpx takes as files.
Files = dict[str, Any]

FILES: Files = {"file": ("receipt ä.pdf", b"%PDF\r\n--\x00\xff", "application/pdf")}


def upload(
    codat: SimulatedCodat, company_id: str, sync_id: str, files: Files | None = None, transaction_id: str = "t-1"
) -> httpx.Response:
    """Upload files for a transaction."""
    path = f"/companies/{company_id}/sync/expenses/syncs/{sync_id}/transactions/{transaction_id}/attachments"
    headers = {"Authorization": codat.credentials}
    with httpx.Client(base_url="https://api.codat.io", headers=headers, transport=codat.transport()) as client:
        return client.post(path, files=FILES if files is None else files)


def test_file_of_a_completed_transaction_is_taken(codat: SimulatedCodat, company: Company) -> None:
    """The answer names the company, the transaction and the attachment; name and size are kept."""
    sync = codat.add_sync(company, 2000, [Item("t-1"), Item("t-2", "Pending")])
    answer = upload(codat, company.company_id, sync.sync_id)
    (attachment,) = codat.attachments
    assert (answer.status_code, answer.json()) == (
        200,
        {"companyId": company.company_id, "id": attachment.attachment_id, "transactionId": "t-1"},
    )
    assert (attachment.file_name, attachment.size) == ("receipt ä.pdf", 10)


@pytest.mark.parametrize("status", ["Pending", "PushError", "ValidationError", "Unknown", None])
def test_transaction_must_be_completed(codat: SimulatedCodat, company: Company, status: str | None) -> None:
    """Before, there is nothing in the accounting software to attach to."""
    sync = codat.add_sync(company, 5130, [Item("t-1", status)])
    assert upload(codat, company.company_id, sync.sync_id).status_code == 400
    assert codat.attachments == ()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("expense-transactions", 200),
        ("reimbursable-expense-transactions", 200),
        ("transfer-transactions", 400),
        ("adjustment-transactions", 400),
    ],
)
def test_transfers_and_adjustments_have_none(codat: SimulatedCodat, company: Company, kind: Kind, status: int) -> None:
    """Only expenses do."""
    origin = Origin(company.company_id, "PUT", kind)
    submission = codat.accept(company, origin, [SubmittedTransaction("t-1", "{}")])
    codat.settle(submission.sync_id)
    assert upload(codat, company.company_id, submission.sync_id).status_code == status


def test_unknown_transaction_is_not_found(codat: SimulatedCodat, company: Company) -> None:
    """So is one of another company."""
    sync = codat.add_sync(company, 2000, [Item("t-1")])
    assert upload(codat, company.company_id, sync.sync_id, transaction_id="t-2").status_code == 404
    assert upload(codat, company.company_id, "unknown").status_code == 404
    assert upload(codat, codat.add_company().company_id, sync.sync_id).status_code == 404


@pytest.mark.parametrize("files", [{}, {"other": ("a.pdf", b"%PDF")}])
def test_form_must_have_a_file(codat: SimulatedCodat, company: Company, files: Files) -> None:
    """The part is called `file`."""
    sync = codat.add_sync(company, 2000, [Item("t-1")])
    answer = upload(codat, company.company_id, sync.sync_id, files)
    assert (answer.status_code, answer.json()["validation"]["errors"][0]["itemId"]) == (400, "file")


def test_accounting_software_limits_the_size(codat: SimulatedCodat) -> None:
    """FreeAgent takes 5 MB, and not a byte more."""
    company = codat.add_company(target_platform="FreeAgent")
    sync = codat.add_sync(company, 2000, [Item("t-1")])
    for size, status in ((5_000_000, 200), (5_000_001, 413)):
        files = {"file": ("a.pdf", b"\0" * size)}
        assert upload(codat, company.company_id, sync.sync_id, files).status_code == status
