"""Simulated Codat takes what Codat takes, and refuses what Codat refuses."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dev.codat_simulator.books.models import Company, Item
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.submissions import Origin
from dev.codat_simulator.simulator import SimulatedCodat

DELETE = object()  # in place of a value: the field is left out

# Any: a body is JSON, and most of these are wrong.
Body = dict[str, Any]
Send = Callable[..., httpx.Response]


def expense(transaction_id: str = "t-1", **fields: object) -> Body:
    """Make the body of an expense, some fields of it other than usual."""
    return without_deleted(generate_expense(transaction_id, **fields))


def line(**fields: object) -> Body:
    """Make a line of one."""
    return without_deleted({"netAmount": 100.0, "taxAmount": 20} | fields)


def without_deleted(body: Body) -> Body:
    """Leave out what is to be left out."""
    return {name: value for name, value in body.items() if value is not DELETE}


REIMBURSABLE = {
    "id": "r-1",
    "contactRef": {"id": "s-1"},
    "issueDate": "2022-08-03",
    "dueDate": "2022-08-04T00:00:00",
    "currency": "GBP",
}
SIDE = {"accountRef": {"id": "a-1"}, "amount": 10.5}
TRANSFER = {"date": "2022-08-03", "from": SIDE, "to": SIDE}
ADJUSTMENT = {"id": "a-1", "date": "2022-08-03", "currency": "GBP", "lines": [SIDE]}


@pytest.fixture
def send(codat: SimulatedCodat, company: Company) -> Send:
    """Give what writes to that company."""
    client = httpx.Client(
        base_url=f"https://api.codat.io/companies/{company.company_id}/sync/expenses/",
        headers={"Authorization": codat.credentials},
        transport=codat.transport(),
    )

    def send(call: str, body: object) -> httpx.Response:
        method, path = call.split()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.request(method, path, content=content)

    return send


# ---------------------------------------------------------------- what is taken


@pytest.mark.parametrize(
    ("call", "body", "status"),
    [
        ("POST expense-transactions", [expense()], 200),
        ("PUT expense-transactions/t-1", expense(id=DELETE), 202),
        ("POST reimbursable-expense-transactions", [REIMBURSABLE], 200),
        ("PUT reimbursable-expense-transactions/r-1", REIMBURSABLE, 200),
        ("PUT transfer-transactions/x-1", TRANSFER, 200),
        ("POST adjustment-transactions", [ADJUSTMENT], 200),
    ],
)
def test_each_endpoint_answers_with_a_new_sync(
    codat: SimulatedCodat, send: Send, call: str, body: object, status: int
) -> None:
    """A sync starts by itself: in progress, its items pending."""
    answer = send(call, body)
    assert (answer.status_code, list(answer.json())) == (status, ["syncId"])
    (sync,) = codat.syncs
    assert (sync.sync_id, sync.code, sync.data_pushed) == (answer.json()["syncId"], 1000, False)
    assert [(item.status, item.integration_type, item.message) for item in sync.items] == [
        ("Pending", "expenses", None)
    ]


def test_every_request_starts_a_sync_of_its_own(codat: SimulatedCodat, send: Send) -> None:
    """The same id may be in progress in two syncs: only the client can prevent that."""
    sync_ids = {send("POST expense-transactions", [expense()]).json()["syncId"] for _ in range(2)}
    assert {sync.sync_id for sync in codat.syncs} == sync_ids
    assert len(sync_ids) == 2


def test_sync_can_be_read_at_once(send: Send) -> None:
    """It is the latest, and its rows are there."""
    sync_id = send("POST expense-transactions", [expense("t-1"), expense("t-2")]).json()["syncId"]
    assert send("GET syncs/latest/status", b"").json()["syncId"] == sync_id
    rows = send(f"GET syncs/{sync_id}/transactions", b"").json()["results"]
    assert [(row["transactionId"], row["status"]) for row in rows] == [("t-1", "Pending"), ("t-2", "Pending")]


def test_what_was_sent_is_kept_to_the_letter(codat: SimulatedCodat, company: Company, send: Send) -> None:
    """Blanks, digits, escapes, umlauts and unknown fields stay as they were, for each transaction apart."""
    one = '{ "id":"t-1", "type" :"Refund","issueDate":"2022-08-03","currency":"GBP",\n"lines":[{"netAmount":1.10}] }'
    two = (
        '{"new": {"]": "},{"}, "id": "t-2", "type": "Payment", "issueDate": "2022-08-03", "currency": "GBP", '
        '"lines": [{"netAmount": 0.1000000000000000055511151231257827}, {"netAmount": 1E2}], "notes": "ä\\u00e4"}'
    )
    sync_id = send("POST expense-transactions", f" [ {one} ,{two}\n]\n".encode()).json()["syncId"]
    (submission,) = codat.submissions
    assert [each.body for each in submission.transactions] == [one, two]
    assert [each.transaction_id for each in submission.transactions] == ["t-1", "t-2"]
    assert submission.sync_id == sync_id
    assert submission.origin == Origin(company.company_id, "POST", "expense-transactions")


def test_update_is_kept_to_the_letter(codat: SimulatedCodat, send: Send) -> None:
    """The path says which transaction it is; an id in the body says nothing."""
    body = json.dumps(expense("t-other"), indent=3).encode()
    send("PUT expense-transactions/t-1", body)
    ((submitted,),) = [submission.transactions for submission in codat.submissions]
    assert (submitted.transaction_id, submitted.body.encode()) == ("t-1", body)


def test_tries_of_an_id_are_counted(codat: SimulatedCodat, send: Send) -> None:
    """What was refused is no try; a company counts its own."""
    send("POST expense-transactions", [expense("t-1", type="Gift")])
    send("POST expense-transactions", [expense("t-1")])
    send("POST expense-transactions", [expense("t-1"), expense("t-2")])
    attempts = [(each.transaction_id, each.attempt) for one in codat.submissions for each in one.transactions]
    assert attempts == [("t-1", 1), ("t-1", 2), ("t-2", 1)]


def test_as_many_as_allowed_are_taken(codat: SimulatedCodat, send: Send) -> None:
    """Fifty transactions of a hundred lines each are one request."""
    body = [expense(f"t-{number}", lines=[line()] * 100) for number in range(50)]
    assert send("POST expense-transactions", body).status_code == 200
    assert len(codat.syncs[0].items) == 50


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("POST expense-transactions", [expense(lines=DELETE)]),
        ("POST expense-transactions", [expense(type="payment")]),
        ("POST expense-transactions", [expense(bankAccountRef={}, lines=[line(accountRef={}, trackingRefs=[{}])])]),
        ("POST reimbursable-expense-transactions", [REIMBURSABLE | {"apAccountRef": {"id": "a-1"}}]),
        ("POST adjustment-transactions", [ADJUSTMENT | {"lines": [{"accountRef": {}, "amount": 1}]}]),
        (
            "PUT transfer-transactions/x-1",
            {
                "Date": "2022-08-03",
                "From": {"AccountRef": {"Id": "a-1"}, "Amount": 1},
                "To": {"AccountRef": {"Id": "a-2"}, "Amount": 1},
            },
        ),
    ],
)
def test_what_any_of_codats_documents_shows_is_taken(send: Send, call: str, body: object) -> None:
    """Lines and most ids may be missing; a table has the type in lower case, an example its names in PascalCase."""
    assert send(call, body).status_code == 200


def test_id_may_be_in_pascal_case(codat: SimulatedCodat, send: Send) -> None:
    """The books know the transaction by it."""
    send("POST adjustment-transactions", [{"Id": "a-1"} | without_deleted(ADJUSTMENT | {"id": DELETE})])
    assert codat.syncs[0].items[0].transaction_id == "a-1"


# ---------------------------------------------------------------- what is refused


def test_update_of_an_expense_may_be_unsupported(codat: SimulatedCodat, send: Send) -> None:
    """The accounting software decides: a 422, and nothing was started. Reimbursable expenses can be updated."""
    other = codat.add_company(updates_expenses=False)
    path = f"PUT ../../../{other.company_id}/sync/expenses/"
    refused = send(f"{path}expense-transactions/t-1", expense())
    assert (refused.status_code, refused.json()["statusCode"], codat.syncs) == (422, 422, ())
    assert send(f"{path}reimbursable-expense-transactions/r-1", REIMBURSABLE).status_code == 200
    assert send("PUT expense-transactions/t-1", expense()).status_code == 202


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ""),
        (b"[{]", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        (json.dumps([expense(lines=[line(netAmount=float("nan"))])]).encode(), ""),
        (expense(), ""),
        ([], ""),
        ([expense(f"t-{number}") for number in range(51)], ""),
        (["t-1"], "[0]"),
        ([expense(id=DELETE)], "[0].id"),
        ([expense(id=None)], "[0].id"),
        ([expense(id="")], "[0].id"),
        ([expense(id=7)], "[0].id"),
        ([expense(), expense("t-2", type=DELETE)], "[1].type"),
        ([expense(issueDate=DELETE)], "[0].issueDate"),
        ([expense(issueDate="yesterday")], "[0].issueDate"),
        ([expense(currency=DELETE)], "[0].currency"),
        ([expense(currencyRate="1.2")], "[0].currencyRate"),
        ([expense(contactRef={"type": "Supplier"})], "[0].contactRef.id"),
        ([expense(lines=[])], "[0].lines"),
        ([expense(lines=[line()] * 101)], "[0].lines"),
        ([expense(lines=[line(), line(netAmount=DELETE)])], "[0].lines[1].netAmount"),
        ([expense(lines=[line(netAmount="100")])], "[0].lines[0].netAmount"),
        ([expense(lines=[line(netAmount=True)])], "[0].lines[0].netAmount"),
        ([expense(lines=[line(taxAmount="20")])], "[0].lines[0].taxAmount"),
        ([expense(lines=[line(trackingRefs=[])])], "[0].lines[0].trackingRefs"),
        ([expense(lines=[line(trackingRefs=[{"id": "c-1"}] * 11)])], "[0].lines[0].trackingRefs"),
        ([expense("t-1"), expense("t-2"), expense("t-1")], "t-1"),
    ],
)
def test_wrong_expenses_are_refused(codat: SimulatedCodat, send: Send, body: object, place: str) -> None:
    """The answer is a 400 in Codat's shape that names the place, and nothing was started."""
    answer = send("POST expense-transactions", body)
    problem = answer.json()
    (error,) = problem.pop("validation")["errors"]
    assert (answer.status_code, error["itemId"]) == (400, place)
    assert error["message"]
    assert error["validatorName"]
    assert problem.pop("correlationId")
    assert problem == {
        "statusCode": 400,
        "service": "PublicApi",
        "error": "BadRequest",
        "canBeRetried": "False",
        "detailedErrorCode": 0,
    }
    assert (codat.syncs, codat.submissions) == ((), ())


@pytest.mark.parametrize(
    ("call", "body", "required"),
    [
        ("PUT expense-transactions/t-1", expense(), ["type", "issueDate", "currency"]),
        (
            "POST reimbursable-expense-transactions",
            REIMBURSABLE,
            ["id", "contactRef", "issueDate", "dueDate", "currency"],
        ),
        (
            "PUT reimbursable-expense-transactions/r-1",
            REIMBURSABLE,
            ["contactRef", "issueDate", "dueDate", "currency"],
        ),
        ("PUT transfer-transactions/x-1", TRANSFER, ["date", "from", "to"]),
        ("POST adjustment-transactions", ADJUSTMENT, ["id", "date", "currency", "lines"]),
    ],
)
def test_required_fields_are_required(
    codat: SimulatedCodat, send: Send, call: str, body: Body, required: list[str]
) -> None:
    """Without any one of them the answer is a 400 that names it."""
    for field in required:
        incomplete = without_deleted(body | {field: DELETE})
        answer = send(call, [incomplete] if call.startswith("POST") else incomplete)
        assert answer.status_code == 400
        assert answer.json()["validation"]["errors"][0]["itemId"].removeprefix("[0].") == field
    assert codat.syncs == ()


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"accountRef": {"id": "a-1"}}, SIDE | {"amount": "1"}])
def test_sides_of_a_transfer_and_lines_of_an_adjustment_are_whole(send: Send, wrong: Body) -> None:
    """Each has an account and an amount that is a number."""
    assert send("PUT transfer-transactions/x-1", TRANSFER | {"to": wrong}).status_code == 400
    assert send("POST adjustment-transactions", [ADJUSTMENT | {"lines": [wrong]}]).status_code == 400


def test_several_mistakes_are_named_together(send: Send) -> None:
    """One answer has them all."""
    errors = send("POST expense-transactions", [expense(type="Gift"), {}]).json()["validation"]["errors"]
    assert {error["itemId"] for error in errors} >= {"[0].type", "[1].id", "[1].currency"}


def test_large_body_is_refused(codat: SimulatedCodat, send: Send) -> None:
    """Up to 6 MB are taken, and not a byte more."""
    head, tail = json.dumps([expense(notes="")]).encode().split(b'"notes": "')
    largest = b" " * (6_000_000 - len(head) - len(tail) - 10)
    assert send("POST expense-transactions", head + b'"notes": "' + largest + tail).status_code == 200
    refused = send("POST expense-transactions", head + b'"notes": " ' + largest + tail)
    assert (refused.status_code, refused.json()["canBeRetried"]) == (413, "False")
    assert len(codat.syncs) == 1


@pytest.mark.parametrize(
    "call",
    [
        "PUT expense-transactions",
        "POST expense-transactions/t-1",
        "POST transfer-transactions",
        "PUT adjustment-transactions/a-1",
        "POST syncs",
        "DELETE expense-transactions/t-1",
        "POST expense-transactions/t-1/attachments",
    ],
)
def test_other_ways_to_write_are_not_there(send: Send, call: str) -> None:
    """What the reference does not have is a 404."""
    assert send(call, [expense()]).status_code == 404


def test_company_that_is_deleted_is_not_there(codat: SimulatedCodat, company: Company, send: Send) -> None:
    """A 404, whatever the body."""
    codat.delete_company(company.company_id)
    assert send("POST expense-transactions", [expense()]).status_code == 404
    assert send("PUT transfer-transactions/x-1", b"").status_code == 404


def test_wrong_key_and_empty_quota_are_as_for_reads(codat: SimulatedCodat, company: Company, send: Send) -> None:
    """401 and 429 come first, and nothing is started."""
    codat.quota.leave(1)
    path = f"https://api.codat.io/companies/{company.company_id}/sync/expenses/expense-transactions"
    unknown = httpx.Client(transport=codat.transport()).post(path, json=[expense()])
    assert unknown.status_code == 401
    assert send("POST expense-transactions", [expense()]).headers["X-Rate-Limit-Remaining"] == "0"
    refused = send("POST expense-transactions", [expense("t-2")])
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert len(codat.syncs) == 1


# ---------------------------------------------------------------- what was processed before


def test_completed_transaction_is_not_created_again(codat: SimulatedCodat, send: Send) -> None:
    """The answer names those ids, and the others of the request are not accepted either."""
    done = send("POST expense-transactions", [expense("t-1"), expense("t-2")]).json()["syncId"]
    codat.settle(done)
    refused = send("POST expense-transactions", [expense("t-2"), expense("t-3"), expense("t-1")])
    assert refused.status_code == 400
    assert refused.json()["error"] == "One or more transactions have previously been processed: t-2, t-1"
    assert refused.json()["canBeRetried"] == "False"
    assert [sync.sync_id for sync in codat.syncs] == [done]


def test_id_is_refused_across_kinds_but_not_across_companies(
    codat: SimulatedCodat, company: Company, send: Send
) -> None:
    """An id is unique in its company."""
    other = Origin(codat.add_company().company_id, "POST", "expense-transactions")
    codat.settle(send("POST expense-transactions", [expense("t-1")]).json()["syncId"])
    assert send("POST adjustment-transactions", [ADJUSTMENT | {"id": "t-1"}]).status_code == 400
    submitted = codat.submissions[0].transactions
    assert codat.accept(codat.company(other.company_id), other, submitted).origin == other
    assert len(codat.books(company.company_id)) == 1


def test_completed_transaction_can_be_updated(codat: SimulatedCodat, send: Send) -> None:
    """The protection is only for what is created."""
    codat.settle(send("POST expense-transactions", [expense("t-1")]).json()["syncId"])
    assert send("PUT expense-transactions/t-1", expense()).status_code == 202


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([Item("t-1")], 400),
        ([Item("t-1"), Item("t-1", integration_type="bankfeeds")], 400),
        ([Item("t-1", "PushError"), Item("t-1", integration_type="bankfeeds")], 200),
        ([Item("t-1", "Pending")], 200),
        ([Item("t-1", "ValidationError"), Item(None)], 200),
    ],
)
def test_sync_of_before_counts_by_its_rows(
    codat: SimulatedCodat, company: Company, send: Send, items: list[Item], status: int
) -> None:
    """A sync that a test has put there speaks for itself: what is Completed throughout is not created again."""
    codat.add_sync(company, 5130, items)
    assert send("POST expense-transactions", [expense("t-1")]).status_code == status
