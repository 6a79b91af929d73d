"""Submit: Codat's API, with everything that writes recorded on its way."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from codat_sync.aws.table_schema import submission_key
from codat_sync.core.timestamps import format_timestamp
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.books.submissions import Origin, SubmittedTransaction
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.aws import Aws
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, Answered, ask, expense

_ID = "4d7c6929-7770-412b-91bb-44d3bc71d333"


@pytest.fixture
def submit(start: StartFunction) -> Handler:
    """Return the real function."""
    return start("submit")


@pytest.fixture
def submissions(store: SyncRepository) -> SubmissionRepository:
    """Return what was submitted, as it stands in the table."""
    return SubmissionRepository(store.table)


def _states(submissions: SubmissionRepository, transaction_id: str) -> list[State]:
    return [submission.state for submission, _ in submissions.load_submissions(COMPANY_ID, transaction_id)]


def test_what_is_submitted_is_sent_as_it_came_and_known_at_once(
    submit: Handler, store: SyncRepository, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """Byte for byte, amounts and unknown fields included; its sync is there before any webhook."""
    one, two = str(uuid4()), str(uuid4())
    text = f'[ {json.dumps(expense(one))},\n{{"id":"{two}","type":"Refund","issueDate":"2026-11-24","currency":"EUR",'
    text += '"lines":[{"netAmount":0.10000000000000000001}],"colour":"blue"} ]'
    answer = ask(submit, "POST", EXPENSES, text)
    (made,) = simulated.submissions
    assert (answer.status, answer.body) == (200, {"syncId": made.sync_id})
    assert '"netAmount":0.10000000000000000001}],"colour":"blue"' in made.transactions[1].body
    document = store.load_sync(made.sync_id)
    assert document
    assert (document.outcome, document.submitted_ids) == (Outcome.SUBMITTED, (one, two))
    assert document.pending_check
    assert document.pending_check.due_at
    for transaction_id in (one, two):
        ((submission, body),) = submissions.load_submissions(COMPANY_ID, transaction_id)
        assert (submission.state, submission.sync_id) == (State.ACCEPTED, made.sync_id)
        assert body.text in text
        assert store.load_sync_ids_of_transaction(COMPANY_ID, transaction_id) == [made.sync_id]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", f"expense-transactions/{_ID}", 202),
        ("PUT", f"transfer-transactions/{_ID}", 200),
        ("POST", "adjustment-transactions", 200),
        ("POST", "reimbursable-expense-transactions", 200),
        ("PUT", f"reimbursable-expense-transactions/{_ID}", 200),
    ],
)
def test_every_kind_goes_its_way(
    submit: Handler, simulated: SimulatedCodat, method: str, path: str, status: int
) -> None:
    """With Codat's own status."""
    side = {"accountRef": {"id": "a"}, "amount": 5}
    body: dict[str, Any] = expense(path.rpartition("/")[2] if method == "PUT" else None)
    body |= {"contactRef": {"id": "c"}, "dueDate": "2026-12-24", "date": "2026-11-24", "from": side, "to": side}
    body["lines"][0] |= {"amount": 7, "accountRef": {"id": "a"}}
    answer = ask(submit, method, f"/companies/{COMPANY_ID}/sync/expenses/{path}", [body] if method == "POST" else body)
    assert (answer.status, list(answer.body)) == (status, ["syncId"])
    assert len(simulated.submissions) == 1


@pytest.mark.parametrize(
    "authorization", [None, "", "Basic", "Basic ???", "Bearer abc", "Basic " + base64.b64encode(b"wrong").decode()]
)
def test_without_codats_key_nothing_is_done(
    submit: Handler, simulated: SimulatedCodat, authorization: str | None
) -> None:
    """As with Codat: 401, in its shape."""
    answer = ask(submit, "POST", EXPENSES, [expense()], authorization=authorization)
    assert (answer.status, answer.body["statusCode"], answer.body["canBeRetried"]) == (401, 401, "False")
    assert simulated.requests.entries == ()


# The same in all processes that tests run in: it is in their names.
_ID = "7c1f2a9e-3d0b-4c1e-9a55-0e6d1b2f4a11"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", ""),
        ("no JSON", ""),
        ("{}", ""),
        ("[]", ""),
        ("[1,]", ""),
        ("[1]", "0.id"),
        ("[" * 5000, ""),
        ("[{}] x", ""),
        ([expense()] * 51, ""),
        ([expense("4d7c6929-7770-412b-91bb-44d3bc71d333")] * 2, "id"),
        ([expense("../up")], "0.id"),
        (json.dumps([expense(_ID)]).replace("100.1", "NaN"), ""),
        # To Codat it may be another one than to us.
        ([expense(Id="4d7c6929-7770-412b-91bb-44d3bc71d333")], "id"),
        (json.dumps([expense(_ID)]).replace('"type"', '"id": "4d7c6929-7770-412b-91bb-44d3bc71d333", "type"'), "id"),
        (json.dumps([expense(_ID)]).replace('"netAmount"', '"NetAmount": 1, "netAmount"'), "netamount"),
    ],
)
def test_what_cannot_be_recorded_is_rejected_with_all_that_is_wrong(
    submit: Handler, simulated: SimulatedCodat, body: object, place: str
) -> None:
    """In Codat's shape; nothing is sent, nothing recorded."""
    answer = ask(submit, "POST", EXPENSES, body)
    assert answer.status == 400
    assert answer.body["validation"]["errors"][0]["itemId"] == place
    assert simulated.requests.entries == ()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_codats_refusal_goes_back_unchanged(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat, status: int
) -> None:
    """With its status, and the transaction is free again."""
    simulated.faults.add(Fault("status", status=status))
    body = expense()
    answer = ask(submit, "POST", EXPENSES, [body])
    assert (answer.status, answer.body["statusCode"]) == (status, status)
    assert _states(submissions, body["id"]) == [State.REJECTED]
    assert ask(submit, "POST", EXPENSES, [body]).status == 200


def test_the_callers_key_is_passed_on(submit: Handler, simulated: SimulatedCodat) -> None:
    """And one is made for who has none; a PUT takes none."""
    key = str(uuid4())
    ask(submit, "POST", EXPENSES, [expense()], idempotency_key=key)
    ask(submit, "POST", EXPENSES, [expense()])
    given, made = (entry.idempotency_key for entry in simulated.requests.entries)
    assert given == key
    assert made not in {None, key}


def test_the_same_request_again_is_answered_as_the_first_time(submit: Handler, simulated: SimulatedCodat) -> None:
    """The caller did not get the answer; it is not sent again."""
    body, key = [expense()], str(uuid4())
    first = ask(submit, "POST", EXPENSES, body, idempotency_key=key)
    again = ask(submit, "POST", EXPENSES, body, idempotency_key=key)
    assert (again.status, again.body) == (first.status, first.body)
    assert len(simulated.submissions) == 1


@pytest.mark.parametrize("key", [None, "0f2fb3a5-5b1c-4d2e-9a57-2f0f6b2f8a11"])
@pytest.mark.parametrize("fault", [Fault("disconnect_after"), Fault("reset_after"), Fault("status_after", status=503)])
def test_a_lost_answer_is_found_again(
    submit: Handler, store: SyncRepository, simulated: SimulatedCodat, fault: Fault, key: str | None
) -> None:
    """Codat accepted it, but the answer was lost: repeating the request finds its sync and writes nothing twice."""
    body, submissions = [expense()], SubmissionRepository(store.table)
    simulated.faults.add(fault)
    lost = ask(submit, "POST", EXPENSES, body, idempotency_key=key)
    assert lost.status in {503, 504}
    assert _states(submissions, body[0]["id"]) == [State.UNKNOWN]
    _age(store, body[0]["id"])
    again = ask(submit, "POST", EXPENSES, body, idempotency_key=key)
    (made,) = simulated.submissions
    assert (again.status, again.body) == (200, {"syncId": made.sync_id})
    assert _states(submissions, body[0]["id"]) == [State.ACCEPTED]


def test_what_did_not_arrive_is_sent_again_with_its_key(
    submit: Handler, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Codat's list was searched, and has nothing: the key keeps it from being written twice all the same."""
    body = [expense()]
    simulated.faults.add(Fault("reset"))
    assert ask(submit, "POST", EXPENSES, body).status == 504
    assert ask(submit, "POST", EXPENSES, [expense(body[0]["id"], type="Refund")]).status == 409
    _age(store, body[0]["id"])
    assert ask(submit, "POST", EXPENSES, body).status == 200
    keys = [entry.idempotency_key for entry in simulated.requests.entries if entry.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(simulated.submissions) == 1


def test_a_put_without_an_answer_needs_an_operator(
    submit: Handler, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A PUT takes no idempotency key: unless Codat's list shows it, its outcome is unknown."""
    body = expense()
    path = f"{EXPENSES}/{body['id']}"
    simulated.faults.add(Fault("reset"))
    assert ask(submit, "PUT", path, body).status == 504
    _age(store, body["id"])
    answer = ask(submit, "PUT", path, body)
    assert (answer.status, answer.body["canBeRetried"]) == (409, "Unknown")
    assert "may have been written" in answer.body["error"]
    assert simulated.submissions == ()


def _transfer(submit: Handler) -> Any:  # noqa: ANN401 - JSON
    side = {"accountRef": {"id": "a"}, "amount": 5}
    body = {"date": "2026-11-24", "from": side, "to": side}
    return ask(submit, "PUT", f"/companies/{COMPANY_ID}/sync/expenses/transfer-transactions/{_ID}", body)


def test_a_repeated_transfer_is_only_sent_again_if_it_failed(
    submit: Handler, start: StartFunction, simulated: SimulatedCodat
) -> None:
    """Its PUT creates, takes no key, and Codat does not say that it refuses one that it has."""
    worker = start("worker")
    first = _transfer(submit)
    assert _transfer(submit).body == first.body  # its sync has not ended
    worker(
        batch(of(simulated, simulated.settle(first.body["syncId"], Settled(otherwise=Verdict("PushError", "busy")))))
    )
    second = _transfer(submit)
    assert second.body != first.body
    worker(batch(of(simulated, simulated.settle(second.body["syncId"]), "msg_2")))
    assert _transfer(submit).body == second.body
    assert len(simulated.submissions) == 2


def test_an_update_whose_outcome_another_run_found_is_not_sent_again(
    submit: Handler, start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Its caller has had no answer yet: the same once more is no new update. What comes after that is one."""
    body = expense()
    path = f"{EXPENSES}/{body['id']}"
    simulated.faults.add(Fault("disconnect_after"))
    assert ask(submit, "PUT", path, body).status == 504
    _age(store, body["id"])
    (made,) = simulated.submissions
    worker = start("worker")
    assert ask(submit, "PUT", path, expense(body["id"], type="Refund")).status == 409  # this finds it
    worker(batch(of(simulated, simulated.settle(made.sync_id))))
    found = ask(submit, "PUT", path, body)
    assert (found.status, found.body) == (202, {"syncId": made.sync_id})
    assert len(simulated.submissions) == 1
    assert ask(submit, "PUT", path, body).status == 202
    assert len(simulated.submissions) == 2


def test_what_was_refused_has_let_go_of_its_transactions(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """The same request again is not sent while another, which came between, is open: its key does not help it."""
    body, key = expense(), str(uuid4())
    simulated.faults.add(Fault("status", status=422))
    assert ask(submit, "POST", EXPENSES, [body], idempotency_key=key).status == 422
    assert ask(submit, "POST", EXPENSES, [expense(body["id"], type="Refund")]).status == 200
    again = ask(submit, "POST", EXPENSES, [body], idempotency_key=key)
    assert again.status == 409
    assert len(simulated.submissions) == 1
    assert _states(submissions, body["id"]) == [State.REJECTED, State.ACCEPTED]


def test_what_was_refused_is_claimed_anew_before_it_is_sent_again(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """Sent again under its old claim, which counts for nothing any more, it could meet another that is being sent."""
    body, key = expense(), str(uuid4())
    simulated.faults.add(Fault("status", status=422))
    assert ask(submit, "POST", EXPENSES, [body], idempotency_key=key).status == 422
    # Codat answers a key that it knows as it did the first time.
    assert ask(submit, "POST", EXPENSES, [body], idempotency_key=key).status == 422
    assert _states(submissions, body["id"]) == [State.REJECTED, State.REJECTED]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 413, 429])
def test_a_limit_on_a_repeat_says_nothing_of_the_first_time(
    submit: Handler, store: SyncRepository, submissions: SubmissionRepository, simulated: SimulatedCodat, status: int
) -> None:
    """The first one may have arrived all the same: another body has to wait."""
    body = expense()
    simulated.faults.add(Fault("reset"))
    assert ask(submit, "POST", EXPENSES, [body]).status == 504
    _age(store, body["id"])
    simulated.faults.add(Fault("status", status=status, path="expense-transactions$"))
    assert ask(submit, "POST", EXPENSES, [body]).status == status
    assert _states(submissions, body["id"]) == [State.UNKNOWN]


def test_a_sync_of_others_is_not_taken_for_ones_own(
    submit: Handler, store: SyncRepository, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """It contains the requested transaction, and more."""
    body, other = expense(), expense()
    simulated.faults.add(Fault("reset"))
    assert ask(submit, "POST", EXPENSES, [body]).status == 504
    origin = Origin(COMPANY_ID, "POST", "expense-transactions")
    texts = [SubmittedTransaction(each["id"], json.dumps(each)) for each in (body, other)]
    simulated.accept(simulated.company(COMPANY_ID), origin, texts)
    _age(store, body["id"])
    answer = ask(submit, "POST", EXPENSES, [expense(body["id"], type="Refund")])
    assert (answer.status, "may have been written" in answer.body["error"]) == (409, True)
    assert _states(submissions, body["id"]) == [State.UNKNOWN]


@pytest.mark.parametrize("key", ["none", "{0f2fb3a5-5b1c-4d2e-9a57-2f0f6b2f8a11}", ""])
def test_a_key_that_codat_refuses_is_refused(submit: Handler, simulated: SimulatedCodat, key: str) -> None:
    """It has to be a GUID; with a PUT it is ignored."""
    answer = ask(submit, "POST", EXPENSES, [expense()], idempotency_key=key)
    assert (answer.status, answer.body["validation"]["errors"][0]["itemId"]) == (400, "Idempotency-Key")
    assert simulated.requests.entries == ()
    assert ask(submit, "PUT", f"{EXPENSES}/{uuid4()}", expense() | {"id": None}, idempotency_key=key).status == 202


def test_what_the_table_cannot_hold_is_refused(submit: Handler, simulated: SimulatedCodat) -> None:
    """Before it is sent: a body that is not kept could not be created again."""
    body = expense(notes="x" * 400_000)
    assert ask(submit, "POST", EXPENSES, [body]).status == 400
    assert ask(submit, "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{body['id']}", body).status == 400
    assert simulated.requests.entries == ()


def _age(store: SyncRepository, transaction_id: str, minutes: float = 1) -> None:
    """Let the last submission of a transaction be older than it can be under way."""
    submission, _ = SubmissionRepository(store.table).load_submissions(COMPANY_ID, transaction_id)[-1]
    then = format_timestamp(datetime.now(UTC) - timedelta(minutes=minutes))
    store.table.update(submission_key(submission.submission_id), {"sentAt": then, "recordedAt": then}, {})


def test_a_transaction_is_not_submitted_while_its_sync_is_open(
    start: StartFunction, submit: Handler, simulated: SimulatedCodat
) -> None:
    """Codat would take it: it refuses only what is completed. Once it has failed, it may be submitted again."""
    body = expense()
    ask(submit, "POST", EXPENSES, [body])
    other = expense(body["id"], merchantName="another")
    answer = ask(submit, "POST", EXPENSES, [expense(), other])
    assert answer.status == 409
    assert body["id"] in answer.body["error"]
    (made,) = simulated.submissions
    ended = simulated.settle(made.sync_id, Settled(otherwise=Verdict("PushError", "no such account")))
    assert ask(submit, "POST", EXPENSES, [other]).status == 409  # its webhook has not arrived
    start("worker")(batch(of(simulated, ended)))
    assert ask(submit, "POST", EXPENSES, [other]).status == 200


def test_what_crashed_before_it_was_sent_does_not_block_for_ever(
    submit: Handler,
    store: SyncRepository,
    submissions: SubmissionRepository,
    simulated: SimulatedCodat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was recorded, and nothing more: whoever comes later takes its place, and it can't be sent any more."""
    body, submissions = expense(), SubmissionRepository(store.table)

    def crash(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as crashing:
        crashing.setattr(SubmissionRepository, "mark_sent", crash)
        with pytest.raises(RuntimeError):
            ask(submit, "POST", EXPENSES, [body])
    assert _states(submissions, body["id"]) == [State.RECORDED]
    other = expense(body["id"], merchantName="another")
    assert ask(submit, "POST", EXPENSES, [other]).status == 409
    _age(store, body["id"])
    assert ask(submit, "POST", EXPENSES, [other]).status == 200
    assert _states(submissions, body["id"]) == [State.REJECTED, State.ACCEPTED]
    assert len(simulated.submissions) == 1


def test_what_crashed_before_its_answer_was_recorded_is_found(
    submit: Handler,
    store: SyncRepository,
    submissions: SubmissionRepository,
    simulated: SimulatedCodat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its transactions, among Codat's syncs since then."""
    body, submissions = [expense()], SubmissionRepository(store.table)

    def crash(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as crashing:
        crashing.setattr(SyncRepository, "announce", crash)
        with pytest.raises(RuntimeError):
            ask(submit, "POST", EXPENSES, body)
    assert _states(submissions, body[0]["id"]) == [State.SENT]
    _age(store, body[0]["id"], minutes=100)
    answer = ask(submit, "POST", EXPENSES, body)
    (made,) = simulated.submissions
    assert answer.body == {"syncId": made.sync_id}


def test_a_body_can_be_kept_without_being_sent(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """For products that keep talking to Codat themselves."""
    body = expense()
    path = f"/recorded/{COMPANY_ID}/expense-transactions/{body['id']}"
    answer = ask(submit, "PUT", path, body)
    assert (answer.status, answer.body) == (204, "")
    assert _states(submissions, body["id"]) == [State.STORED]
    assert simulated.requests.entries == ()
    assert ask(submit, "PUT", path, expense()).status == 400
    assert ask(submit, "PUT", path, {}).status == 400
    assert ask(submit, "PUT", path, body | {"ID": expense()["id"]}).status == 400
    update = {name: value for name, value in body.items() if name != "id"} | {"ID": expense()["id"]}
    assert ask(submit, "PUT", f"{EXPENSES}/{body['id']}", update).status == 400
    assert simulated.requests.entries == ()


def test_all_else_is_passed_on_unchanged(submit: Handler, simulated: SimulatedCodat) -> None:
    """Path, query and answer: one client serves for everything."""
    answer = ask(submit, "GET", f"/companies/{COMPANY_ID}/sync/expenses/config")
    assert (answer.status, list(answer.body)) == (200, ["bankAccount", "supplier", "customer"])
    assert "x-rate-limit-remaining" in answer.headers
    assert ask(submit, "GET", "/companies", query="page=1&pageSize=1").body["pageSize"] == 1
    assert ask(submit, "GET", "/companies/none").status == 404
    assert ask(submit, "DELETE", "/companies/none/connections/none").status == 404
    assert [entry.method for entry in simulated.requests.entries] == ["GET", "GET", "GET", "DELETE"]


def test_ids_of_a_path_that_are_none_are_refused(submit: Handler, simulated: SimulatedCodat) -> None:
    """They would become part of a key."""
    assert ask(submit, "PUT", f"{EXPENSES}/a#b", expense()).status == 400
    assert ask(submit, "POST", "/companies/..%2f/sync/expenses/expense-transactions", [expense()]).status == 400
    assert simulated.requests.entries == ()


def test_a_closed_gate_answers_with_retry_after(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """As Codat would: 429 with Retry-After. Nothing is in flight then."""
    simulated.quota.leave(0)
    body = [expense()]
    first = ask(submit, "POST", EXPENSES, body)
    assert (first.status, "retry-after" in first.headers) == (429, True)
    second = ask(submit, "POST", EXPENSES, body)
    assert (second.status, "retry-after" in second.headers) == (429, True)
    assert len(simulated.requests.entries) == 1
    assert set(_states(submissions, body[0]["id"])) == {State.REJECTED}


def test_a_missing_api_key_answers_503(submit: Handler, aws: Aws) -> None:
    """Answer 503: the key cannot be verified."""
    aws.put_secret("CODAT_SECRET", {"apiKey": ""})
    assert ask(submit, "POST", EXPENSES, [expense()]).status == 503


def test_a_connection_lost_during_the_request_is_reported_by_the_sync(
    start: StartFunction,
    submit: Handler,
    store: SyncRepository,
    submissions: SubmissionRepository,
    simulated: SimulatedCodat,
) -> None:
    """Codat takes it, and its sync fails: that is known, and the product may submit it again once it is linked."""
    body = expense()
    simulated.faults.add(Fault("unlink"))
    assert ask(submit, "POST", EXPENSES, [body]).status == 200
    (made,) = simulated.submissions
    worker = start("worker")
    worker(batch(of(simulated, simulated.settle(made.sync_id))))
    document = store.load_sync(made.sync_id)
    assert document
    assert document.sync
    assert document.sync.status.code == 4220
    simulated.set_connection_status(COMPANY_ID, "Linked")
    assert ask(submit, "POST", EXPENSES, [body]).status == 200
    worker(batch(of(simulated, simulated.settle(simulated.submissions[-1].sync_id))))
    assert _states(submissions, body["id"]) == [State.ACCEPTED, State.ACCEPTED]
    assert simulated.times_created(COMPANY_ID, body["id"]) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_connection_that_goes_as_codat_is_asked_may_be_its_refusal(
    submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat, status: int
) -> None:
    """It goes back to the product, and the transaction is free again."""
    body = expense()
    simulated.faults.add(Fault("unlink_status", status=status))
    assert ask(submit, "POST", EXPENSES, [body]).status == status
    assert _states(submissions, body["id"]) == [State.REJECTED]
    simulated.set_connection_status(COMPANY_ID, "Linked")
    assert ask(submit, "POST", EXPENSES, [body]).status == 200
    assert len(simulated.submissions) == 1


def test_another_payload_under_the_same_key_is_not_sent(
    start: StartFunction, submit: Handler, submissions: SubmissionRepository, simulated: SimulatedCodat
) -> None:
    """Codat would refuse it (422) for as long as it keeps the key. The first body is written, and nothing else."""
    body, key = expense(), str(uuid4())
    changed = expense(body["id"], merchantName="changed")
    assert ask(submit, "POST", EXPENSES, [body], idempotency_key=key).status == 200
    assert ask(submit, "POST", EXPENSES, [changed], idempotency_key=key).status == 409
    start("worker")(batch(of(simulated, simulated.settle(simulated.submissions[0].sync_id))))
    assert ask(submit, "POST", EXPENSES, [changed], idempotency_key=key).status == 400
    assert _states(submissions, body["id"]) == [State.ACCEPTED]
    (entry,) = simulated.books(COMPANY_ID)
    assert json.loads(entry.body) == body


def test_the_log_of_submit_has_nothing_private(start: StartFunction, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what is spent, nor the key."""
    submit = start("submit")
    ask(submit, "POST", EXPENSES, [expense(merchantName="Toft stores")])
    ask(submit, "POST", EXPENSES, [expense(merchantName="Toft stores", type="Gift")])
    log = capsys.readouterr().out
    assert '"message":"request completed"' in log
    for private in ("Toft", "100.1", "Gift", "an API key"):
        assert private not in log


def _times_written(simulated: SimulatedCodat, transaction_id: str) -> int:
    """Return how often a transaction is in the books, under any spelling of its id."""
    return sum(entry.transaction_id.lower() == transaction_id for entry in simulated.books(COMPANY_ID))


_SPELLINGS = (str.lower, str.upper, str.title)
_SIDE = {"accountRef": {"id": "a"}, "amount": 5}
_BODY = {
    "contactRef": {"id": "c"},
    "dueDate": "2026-12-24",
    "date": "2026-11-24",
    "from": _SIDE,
    "to": _SIDE,
    "lines": [{"netAmount": 5, "amount": 5, "accountRef": {"id": "a"}}],
}
_CREATIONS = [
    ("POST", "expense-transactions"),
    ("POST", "reimbursable-expense-transactions"),
    ("POST", "adjustment-transactions"),
    ("PUT", "transfer-transactions"),
]


def _create(submit: Handler, method: str, kind: str, transaction_id: str, **more: object) -> Answered:
    body = expense(transaction_id) | _BODY | more
    path = f"/companies/{COMPANY_ID}/sync/expenses/{kind}"
    return ask(
        submit, method, path + (f"/{transaction_id}" if method == "PUT" else ""), [body] if method == "POST" else body
    )


@pytest.mark.parametrize("creation", _CREATIONS)
@pytest.mark.parametrize("spellings", list(product(_SPELLINGS, repeat=2)))
def test_what_is_written_is_not_created_again_however_its_id_is_spelled(
    start: StartFunction,
    simulated: SimulatedCodat,
    creation: tuple[str, str],
    spellings: Sequence[Callable[[str], str]],
) -> None:
    """The simulator compares ids by letter, and would take another spelling for another transaction."""
    transaction_id = str(uuid4())
    submit, (first, second) = start("submit"), spellings
    made = _create(submit, *creation, first(transaction_id))
    sync = simulated.settle(made.body["syncId"])
    assert failed(start("worker")(batch(of(simulated, sync, "msg_written")))) == []
    again = _create(submit, *creation, second(transaction_id), notes="again")
    assert again.status in {400, 409}
    assert transaction_id in again.body["error"]
    assert (len(simulated.submissions), _times_written(simulated, transaction_id)) == (1, 1)


def test_one_written_transaction_keeps_its_whole_batch_from_codat(
    submit: Handler, start: StartFunction, simulated: SimulatedCodat
) -> None:
    """As Codat itself does: it accepts all of a request, or none."""
    written, new = str(uuid4()), str(uuid4())
    sync = simulated.settle(ask(submit, "POST", EXPENSES, [expense(written)]).body["syncId"])
    assert failed(start("worker")(batch(of(simulated, sync, "msg_written")))) == []
    answer = ask(submit, "POST", EXPENSES, [expense(new), expense(written.upper())])
    assert (answer.status, answer.body["canBeRetried"]) == (400, "False")
    assert answer.body["error"] == f"One or more transactions have previously been processed: {written}"
    assert ask(submit, "POST", EXPENSES, [expense(new)]).status == 200


def test_what_codat_says_was_processed_is_not_created_under_another_spelling(
    submit: Handler, simulated: SimulatedCodat
) -> None:
    """Our table may not know it: the product sent it itself."""
    transaction_id = str(uuid4())
    simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item(transaction_id, "Completed")])
    for spelled in (transaction_id, transaction_id.upper()):
        answer = ask(submit, "POST", EXPENSES, [expense(spelled)])
        assert (answer.status, transaction_id in answer.body["error"]) == (400, True)
    assert simulated.submissions == ()


@pytest.mark.parametrize("kind", ["expense-transactions", "reimbursable-expense-transactions"])
def test_an_update_is_sent_with_the_spelling_under_which_it_was_created(
    submit: Handler, start: StartFunction, simulated: SimulatedCodat, kind: str
) -> None:
    """It updates what is in the books, and never adds to them."""
    transaction_id = str(uuid4())
    made = _create(submit, "POST", kind, transaction_id.upper())
    sync = simulated.settle(made.body["syncId"])
    assert failed(start("worker")(batch(of(simulated, sync, "msg_written")))) == []
    path = f"/companies/{COMPANY_ID}/sync/expenses/{kind}/{transaction_id}"
    assert ask(submit, "PUT", path, expense(transaction_id) | _BODY).status in {200, 202}
    assert simulated.submissions[-1].transactions[0].transaction_id == transaction_id.upper()


@pytest.mark.parametrize("creation", _CREATIONS)
@pytest.mark.parametrize("status", ["Unknown", "", "Skipped"])
def test_what_may_be_written_is_not_created_again(
    start: StartFunction,
    simulated: SimulatedCodat,
    creation: tuple[str, str],
    status: Any,  # noqa: ANN401 - also such as Codat does not document
) -> None:
    """Its sync has ended, and Codat says neither that it was written nor that it failed."""
    submit, transaction_id = start("submit"), str(uuid4())
    made = _create(submit, *creation, transaction_id)
    sync = simulated.settle(made.body["syncId"], Settled(otherwise=Verdict(status)))
    assert failed(start("worker")(batch(of(simulated, sync, "msg_ended")))) == []
    again = _create(submit, *creation, transaction_id, notes="again")
    assert (again.status, "may have been written" in again.body["error"]) == (409, True)
    assert len(simulated.submissions) == 1


@pytest.mark.parametrize("notation", ["{}", "{{{}}}", "urn:uuid:{}"])
def test_a_company_has_one_notation(submit: Handler, simulated: SimulatedCodat, notation: str) -> None:
    """In another one of the same GUID its transactions would have claims of their own."""
    company_id = notation.format(COMPANY_ID.replace("-", "") if notation == "{}" else COMPANY_ID)
    answer = ask(submit, "POST", EXPENSES.replace(COMPANY_ID, company_id), [expense()])
    assert (answer.status, answer.body["service"]) == (400, "codat-sync")
    assert simulated.requests.entries == ()
