"""Read an uploaded attachment as Codat does."""

from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.policy import HTTP
from typing import cast
from uuid import uuid4

import httpx

from dev.codat_simulator.api.errors import CodatApiError, ValidationFlaw, invalid, not_found
from dev.codat_simulator.books.ledger import Ledger
from dev.codat_simulator.books.models import Company
from dev.codat_simulator.books.submissions import Attachment

_MEGABYTE = 1_000_000
# By accounting software, as documented; others are not limited here.
_MAX_MEGABYTES = {"Xero": 10, "FreeAgent": 5, "QuickBooks Online": 100, "NetSuite": 100, "Business Central": 350}
_KINDS_WITHOUT = frozenset({"transfer-transactions", "adjustment-transactions"})


def parse_attachment(
    ledger: Ledger, company: Company, sync_id: str, transaction_id: str, request: httpx.Request
) -> Attachment:
    """Parse the file of a completed transaction; raises a 400, 404 or 413."""
    _check_transaction(ledger, company, sync_id, transaction_id)
    part = _file(request)
    content = cast("bytes", part.get_payload(decode=True))
    if len(content) > _MAX_MEGABYTES.get(company.target_platform, len(content)) * _MEGABYTE:
        raise CodatApiError(413, "PayloadTooLarge", "False")
    return Attachment(str(uuid4()), company.company_id, transaction_id, part.get_filename() or "", len(content))


def _check_transaction(ledger: Ledger, company: Company, sync_id: str, transaction_id: str) -> None:
    syncs = [sync for sync in ledger.syncs_of(company.company_id) if sync.sync_id == sync_id]
    rows = [item for sync in syncs for item in sync.items if item.transaction_id == transaction_id]
    if not rows:
        raise not_found()
    kinds = {each.origin.kind for each in ledger.submissions if each.sync_id == sync_id}
    if kinds & _KINDS_WITHOUT or any(item.status != "Completed" for item in rows):
        raise invalid(ValidationFlaw(transaction_id, "must be a completed expense or reimbursable expense"))


def _file(request: httpx.Request) -> MIMEPart:
    head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n"
    form = BytesParser(EmailMessage, policy=HTTP).parsebytes(head.encode() + request.read())
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            return part
    raise invalid(ValidationFlaw("file", "The body must be multipart/form-data with a file", "Required"))
