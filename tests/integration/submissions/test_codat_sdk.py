"""Use Codat's official Python SDK through submit and directly: both answer what it can read."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from codat_sync_for_expenses import CodatSyncExpenses
from codat_sync_for_expenses.models import operations, shared
from codat_sync_for_expenses.models.errors import ErrorMessage, SDKError
from codat_sync_for_expenses.utils.retries import BackoffStrategy, RetryConfig

from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault, Kind
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.integration.submissions.submit_server import serve_submit
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import AUTHORIZED

_FAST = RetryConfig(backoff=BackoffStrategy(initial_interval=20, max_interval=20, max_elapsed_time=40))


def _sdk(url: str) -> CodatSyncExpenses:
    return CodatSyncExpenses(security=shared.Security(auth_header=AUTHORIZED), server_url=url, retry_config=_FAST)


@pytest.fixture
def submit(start: StartFunction) -> Iterator[CodatSyncExpenses]:
    """Yield the SDK in front of submit."""
    with serve_submit(start("submit")) as url:
        yield _sdk(url)


@pytest.fixture(params=["submit", "codat"])
def reader(request: pytest.FixtureRequest, submit: CodatSyncExpenses, codat_url: str) -> CodatSyncExpenses:
    """Return the SDK in front of submit, and in front of Codat itself."""
    return submit if request.param == "submit" else _sdk(codat_url)


@pytest.fixture
def retry(start: StartFunction) -> Callable[[str], str]:
    """Return a function that retries a sync as the button does, and returns the id of the new sync."""
    handler = start("retry")

    def retry(sync_id: str) -> str:
        event = load("retry", "asked")
        event["pathParameters"]["syncId"] = sync_id
        event["body"] = "{}"
        answer = handler(event)
        assert answer["statusCode"] == 200, answer
        (new_sync_id,) = json.loads(answer["body"])["retrySyncIds"]
        return str(new_sync_id)

    return retry


def test_failed_expense_is_retried(
    submit: CodatSyncExpenses,
    reader: CodatSyncExpenses,
    start: StartFunction,
    retry: Callable[[str], str],
    simulated: SimulatedCodat,
) -> None:
    """Submit two, of which one fails; retry it; the SDK reads every step, and each expense is written once."""
    worker = start("worker")
    failing, good = str(uuid4()), str(uuid4())
    first = _create(submit, failing, good)
    assert _status(reader, first) == 1000
    assert _transactions(reader, first) == {failing: ("Pending", None), good: ("Pending", None)}

    ended = simulated.settle(first, Outcome({failing: Verdict("PushError", "It is busy.")}))
    assert failed(worker(batch(of(simulated, ended)))) == []
    assert _status(reader, first) == 5130
    assert _transactions(reader, first) == {failing: ("PushError", "It is busy."), good: ("Completed", None)}

    second = retry(first)
    ended = simulated.settle(second)
    assert failed(worker(batch(of(simulated, ended, "msg_2")))) == []
    assert _status(reader, second) == 2000
    assert _transactions(reader, second) == {failing: ("Completed", None)}
    latest = reader.sync.get_last_successful_sync(request={"company_id": COMPANY_ID})
    assert latest.sync_id == second
    assert [simulated.times_created(COMPANY_ID, each) for each in (failing, good)] == [1, 1]


def test_each_kind_of_transaction_is_written(submit: CodatSyncExpenses, simulated: SimulatedCodat) -> None:
    """The SDK accepts no other status than the documented one, such as 202 for the update of an expense."""
    expense = _expense(str(uuid4())).to_dict()
    reimbursable = {"contactRef": {"id": "s-1"}, "issueDate": "2026-11-24", "dueDate": "2026-11-25", "currency": "GBP"}
    side = {"accountRef": {"id": "6100"}, "amount": 10}
    adjustment = {"id": str(uuid4()), "date": "2026-11-24", "currency": "GBP", "lines": [side]}
    company = {"company_id": COMPANY_ID}
    answers = [
        submit.expenses.create(request=company | {"request_body": [expense]}),
        submit.expenses.update(request=company | {"transaction_id": str(uuid4()), "update_expense_request": expense}),
        submit.reimbursements.create(request=company | {"request_body": [reimbursable | {"id": str(uuid4())}]}),
        submit.reimbursements.update(
            request=company
            | {"transaction_id": str(uuid4()), "update_reimbursable_expense_transaction_request": reimbursable}
        ),
        submit.transfers.create(
            request=company
            | {
                "transaction_id": str(uuid4()),
                "transfer_transaction_request": {"date": "2026-11-24", "from": side, "to": side},
            }
        ),
        submit.adjustments.create(request=company | {"request_body": [adjustment]}),
    ]
    assert [answer.sync_id for answer in answers] == [each.sync_id for each in simulated.submissions]


def test_everything_about_a_company_is_read(reader: CodatSyncExpenses, simulated: SimulatedCodat) -> None:
    """Connections, companies, configuration, mapping options, data status and company information."""
    company = {"company_id": COMPANY_ID}
    connections = reader.connections.list(request=company).results or []
    assert {each.source_type: each.status for each in connections} == {"Expense": "Linked", "Accounting": "Linked"}
    created = reader.connections.create_partner_expense_connection(request=company)
    assert reader.connections.get(request=company | {"connection_id": created.id}) == created
    found = reader.companies.get(request=company)
    assert found.name == simulated.company(COMPANY_ID).name
    assert reader.companies.list(request={"page": 1, "page_size": 10}).results == [found]
    configuration = {"bankAccount": {"id": "1"}, "supplier": {"id": "2"}, "customer": {"id": "3"}}
    chosen = reader.configuration.set(request=company | {"company_configuration": configuration})
    assert reader.configuration.get(request=company) == chosen
    assert reader.mapping_options.get_mapping_options(request=company).accounts
    assert reader.manage_data.get(request=company).bank_accounts
    assert reader.company_info.get(request=company).base_currency == "GBP"


def test_receipt_is_attached(submit: CodatSyncExpenses, simulated: SimulatedCodat) -> None:
    """The form passes submit byte for byte."""
    transaction_id = str(uuid4())
    sync_id = _create(submit, transaction_id)
    simulated.settle(sync_id)
    file = shared.CodatFile(file_name="receipt.pdf", content=b"%PDF\r\n\x00\xff")
    attachment = submit.attachments.upload(
        request=operations.UploadExpenseAttachmentRequest(
            company_id=COMPANY_ID,
            sync_id=sync_id,
            transaction_id=transaction_id,
            attachment_upload=shared.AttachmentUpload(file=file),
        )
    )
    (kept,) = simulated.attachments
    assert (attachment.id, kept.file_name, kept.size) == (kept.attachment_id, "receipt.pdf", 8)


def test_refusals_are_codats(submit: CodatSyncExpenses, start: StartFunction, simulated: SimulatedCodat) -> None:
    """The SDK raises its own error with the message. For a 409, which Codat does not document here, its general one."""
    worker, transaction_id = start("worker"), str(uuid4())
    sync_id = _create(submit, transaction_id)
    with pytest.raises(SDKError) as in_progress:
        _create(submit, transaction_id)
    assert (in_progress.value.status_code, sync_id in in_progress.value.body) == (409, True)
    assert failed(worker(batch(of(simulated, simulated.settle(sync_id))))) == []
    with pytest.raises(ErrorMessage) as written:
        _create(submit, transaction_id)
    assert (written.value.status_code, transaction_id in written.value.data.error) == (400, True)
    with pytest.raises(ErrorMessage) as unknown:
        submit.companies.get(request={"company_id": "unknown"})
    assert unknown.value.data.status_code == 404


@pytest.mark.parametrize("kind", ["status_after", "disconnect", "disconnect_after"])
def test_automatic_retries_of_the_sdk_write_once(
    submit: CodatSyncExpenses, simulated: SimulatedCodat, kind: Kind
) -> None:
    """The SDK repeats a create after a 5xx, without an idempotency key: Codat may have executed the first one."""
    simulated.faults.add(Fault(kind, path="expense-transactions", status=503))
    sync_id = _create(submit, str(uuid4()))
    assert [submission.sync_id for submission in simulated.submissions] == [sync_id]


def test_error_of_codats_reaches_the_sdk(submit: CodatSyncExpenses, simulated: SimulatedCodat) -> None:
    """Codat answers its 5xx again to the key that submit repeats: the SDK gives up, and nothing was written."""
    simulated.faults.add(Fault("status", path="expense-transactions", status=503))
    with pytest.raises(ErrorMessage) as failure:
        _create(submit, str(uuid4()))
    assert (failure.value.status_code, failure.value.data.service) == (503, "PublicApi")
    assert simulated.submissions == ()


def _expense(transaction_id: str) -> shared.ExpenseTransaction:
    return shared.ExpenseTransaction(
        id=transaction_id,
        type="Payment",
        issue_date="2026-11-24T00:00:00+00:00",
        currency="GBP",
        lines=[shared.ExpenseTransactionLine(net_amount=Decimal("100.10"), tax_amount=20)],
    )


def _create(sdk: CodatSyncExpenses, *transaction_ids: str) -> str:
    request = {"company_id": COMPANY_ID, "request_body": [_expense(each) for each in transaction_ids]}
    sync_id: str = sdk.expenses.create(request=request).sync_id
    return sync_id


def _status(sdk: CodatSyncExpenses, sync_id: str) -> object:
    status = sdk.sync.get(request={"company_id": COMPANY_ID, "sync_id": sync_id})
    assert status in sdk.sync.list(request={"company_id": COMPANY_ID})
    return status.sync_status_code


def _transactions(sdk: CodatSyncExpenses, sync_id: str) -> dict[str, tuple[str, str | None]]:
    """Read the list and each transaction alone."""
    request = {"company_id": COMPANY_ID, "sync_id": sync_id}
    rows = sdk.transaction_status.list(request=request | {"page": 1, "page_size": 100}).results or []
    for row in rows:
        assert sdk.transaction_status.get(request=request | {"transaction_id": row.transaction_id}) == [row]
    return {row.transaction_id: (row.status, row.message or None) for row in rows}
