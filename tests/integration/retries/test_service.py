"""Resubmit what failed, once, when that is safe, and respond with what was done or why not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import Retry, RetryState, Step
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of
from tests.support.submit_requests import EXPENSES, ask, expense

_PUSH_ERROR = Settled(otherwise=Verdict("PushError", "The accounting software is busy."))


class Product:
    """A product that submits expenses, and the functions that handle them."""

    def __init__(self, start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
        self.submit, self.worker = start("submit"), start("worker")
        self.clock, self.retry = start("clock"), start("retry")
        self._aws = aws
        self._simulated = simulated

    def submits(self, *bodies: dict[str, Any]) -> str:
        """Submit expenses; returns the id of their sync."""
        answer = ask(self.submit, "POST", EXPENSES, list(bodies))
        assert answer.status == 200
        return str(answer.body["syncId"])

    def hears(self, sync_id: str, outcome: Settled | None = None) -> Sync:
        """Let a sync end, and its webhook come."""
        sync = self._simulated.settle(sync_id, outcome)
        assert failed(self.worker(batch(of(self._simulated, sync, f"msg_{uuid4()}")))) == []
        return sync

    def minute(self, seconds: int = 60) -> list[dict[str, Any]]:
        """Let the clock find what is due, and retry take it in so many seconds; returns the messages."""
        self.clock({})
        sent = self._aws.messages("RETRY_QUEUE")
        for each in sent:
            event = load("retry", "due")
            event["Records"][0]["body"] = each["Body"]
            event["remaining_ms"] = seconds * 1000
            assert self.retry(event) == {"batchItemFailures": []}
        return [json.loads(each["Body"]) for each in sent]

    def checks(self) -> None:
        """Let the worker take what the clock has found due."""
        self.clock({})
        for each in self._aws.messages("SYNC_QUEUE"):
            assert failed(self.worker(batch(each["Body"]))) == []

    def asks(self, sync_id: str, **body: object) -> Any:  # noqa: ANN401 - JSON
        """Press the button; returns the answer."""
        event = load("retry", "asked")
        event["pathParameters"]["syncId"] = sync_id
        event["body"] = json.dumps(body)
        answer = self.retry(event)
        return json.loads(answer["body"]) | {"statusCode": answer["statusCode"]}


@pytest.fixture
def product(start: StartFunction, aws: Aws, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch) -> Product:
    """Return a product whose functions have the template's environment and read the gate before each call."""
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    return Product(start, aws, simulated)


@pytest.fixture
def retries(store: SyncRepository) -> RetryRepository:
    """Return how it stands with failed syncs."""
    return RetryRepository(store.table)


def _steps(answer: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [each["step"] for each in answer["transactions"]]


def test_what_failed_is_created_again_and_its_sync_shows_resolved(
    product: Product, store: SyncRepository, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """By itself: the clock finds it, retry creates it, the webhook of the new sync ends it."""
    good, bad = expense(), expense()
    sync_id = product.submits(good, bad)
    product.hears(sync_id, Settled({bad["id"]: Verdict("PushError", "busy")}))
    assert product.minute() == [
        {"v": 1, "kind": "retry", "companyId": COMPANY_ID, "syncId": sync_id, "correlationId": f"retry-of-{sync_id}"}
    ]
    first, second = simulated.submissions
    assert [each.transaction_id for each in second.transactions] == [bad["id"]]
    assert second.transactions[0].body == first.transactions[1].body
    assert first.origin.idempotency_key != second.origin.idempotency_key
    document = store.load_sync(second.sync_id)
    assert document
    assert (document.outcome, document.retry_of) == (Outcome.SUBMITTED, sync_id)
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, retry.sync_ids) == (RetryState.SCHEDULED, (second.sync_id,))
    assert retry.due_at

    product.hears(second.sync_id)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, retry.due_at, dict(retry.steps)) == (RetryState.RESOLVED, None, {Step.ALREADY_WRITTEN: 1})
    assert [simulated.times_created(COMPANY_ID, each["id"]) for each in (good, bad)] == [1, 1]
    assert product.minute() == []


def test_a_chain_of_failures_ends_when_the_attempts_are_used_up(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Each attempt is a sync of its own, linked to the first; an operator may try once more."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _PUSH_ERROR)
    for attempt in range(1, 4):
        product.minute()
        assert len(simulated.submissions) == attempt + 1
        product.hears(simulated.submissions[-1].sync_id, _PUSH_ERROR)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.STOPPED, {Step.ATTEMPTS_EXHAUSTED: 1})
    made = tuple(each.sync_id for each in simulated.submissions[1:])
    assert retry.sync_ids == made
    assert product.minute() == []

    answer = product.asks(made[-1])  # from whichever end
    assert (answer["statusCode"], answer["syncId"], _steps(answer)) == (200, sync_id, [Step.IN_PROGRESS])
    product.hears(simulated.submissions[-1].sync_id)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert retry.state is RetryState.RESOLVED
    assert simulated.times_created(COMPANY_ID, body["id"]) == 1


def test_two_clicks_are_one_attempt_and_two_a_while_apart_are_two(product: Product, simulated: SimulatedCodat) -> None:
    """If the first has failed."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    first, second = product.asks(sync_id), product.asks(sync_id)
    assert first["transactions"][0]["retrySyncId"] == simulated.submissions[1].sync_id
    assert (second["transactions"][0]["step"], second["transactions"][0]["retrySyncId"]) == (Step.IN_PROGRESS, None)
    assert len(simulated.submissions) == 2
    product.hears(simulated.submissions[1].sync_id, _PUSH_ERROR)
    product.asks(sync_id)
    assert len(simulated.submissions) == 3


def test_an_invalid_transaction_needs_an_operator_and_names_the_error(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """An operator or a new body can start the retry."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, Settled(otherwise=Verdict("ValidationError", "Account 6100 is archived.")))
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.STOPPED, {Step.NEEDS_CORRECTION: 1})
    assert len(simulated.submissions) == 1
    resolved = expense(body["id"], merchantName="corrected")
    ask(product.submit, "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{body['id']}", resolved)
    product.minute()  # by itself
    assert json.loads(simulated.submissions[-1].transactions[0].body)["merchantName"] == "corrected"


def test_only_the_named_ones_are_created_again(product: Product, simulated: SimulatedCodat) -> None:
    """The others are planned and reported."""
    one, two = expense(), expense()
    sync_id = product.submits(one, two)
    product.hears(sync_id, _PUSH_ERROR)
    answer = product.asks(sync_id, transactionIds=[two["id"]])
    assert {each["transactionId"]: each["step"] for each in answer["transactions"]} == {
        one["id"]: Step.RETRY_NOW,
        two["id"]: Step.IN_PROGRESS,
    }
    assert [each.transaction_id for each in simulated.submissions[1].transactions] == [two["id"]]


def test_what_codat_has_already_is_settled_and_the_rest_is_sent(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Codat names the ids, and takes none of the request."""
    bodies = [expense() for _ in range(4)]
    sync_id = product.submits(*bodies)
    product.hears(sync_id, _PUSH_ERROR)
    # Somebody pressed the button in Codat's portal.
    elsewhere = simulated.add_sync(simulated.company(COMPANY_ID), 2000)
    simulated.change_sync(elsewhere.sync_id, items=(Item(bodies[0]["id"]), Item(bodies[2]["id"])))
    answer = product.asks(sync_id)
    assert _steps(answer) == [Step.ALREADY_WRITTEN, Step.IN_PROGRESS, Step.ALREADY_WRITTEN, Step.IN_PROGRESS]
    sent = [each.transaction_id for each in simulated.submissions[-1].transactions]
    assert sent == [bodies[1]["id"], bodies[3]["id"]]
    retry = retries.load(sync_id)
    assert retry
    assert dict(retry.steps) == {Step.ALREADY_WRITTEN: 2, Step.IN_PROGRESS: 2}


def test_fifty_at_a_time(product: Product, simulated: SimulatedCodat) -> None:
    """That is what Codat takes."""
    bodies = [expense() for _ in range(50)]
    product.hears(product.submits(*bodies), _PUSH_ERROR)
    assert simulated.submissions
    product.minute()
    assert len(simulated.submissions[1].transactions) == 50


def test_what_codat_refuses_as_a_whole_is_created_apart(product: Product, simulated: SimulatedCodat) -> None:
    """It takes all of a request or nothing, and does not say which one is to blame."""
    bodies = [expense() for _ in range(4)]
    sync_id = product.submits(*bodies)
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("status", status=400, path="expense-transactions$", times=2))
    steps = _steps(product.asks(sync_id))
    assert sorted(steps) == sorted([Step.IN_PROGRESS] * 4)
    assert [len(each.transactions) for each in simulated.submissions] == [4, 1, 1, 2]


def test_what_became_due_while_it_was_planned_stays_due(retries: RetryRepository) -> None:
    """Who has planned knew nothing of what made it due."""
    now = datetime.now(UTC)
    known = Retry(RetryState.SCHEDULED, (), {}, now + timedelta(hours=1))
    retries.put(COMPANY_ID, SYNC_ID, known, None)
    retries.reschedule(COMPANY_ID, SYNC_ID, now)
    retries.put(COMPANY_ID, SYNC_ID, Retry(RetryState.STOPPED, (), {}, None), known)
    retry = retries.load(SYNC_ID)
    assert retry
    assert retry.due_at
    assert retry.due_at <= now


def test_a_body_that_is_not_there_is_asked_for(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """It was submitted elsewhere: the product is notified."""
    sync = simulated.sync(SYNC_ID)
    product.worker(batch(of(simulated, sync)))
    product.minute()
    retry = retries.load(SYNC_ID)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.STOPPED, {Step.NO_BODY_RECORDED: 1})
    assert product.asks(SYNC_ID)["transactions"][0]["transactionId"] == TRANSACTION_IDS[1]
    assert simulated.submissions == ()


def test_a_company_that_is_not_connected_waits_until_it_is(product: Product, simulated: SimulatedCodat) -> None:
    """A manual retry does not help either."""
    sync_id = product.submits(expense())
    simulated.set_connection_status(COMPANY_ID, "Deauthorized")
    product.hears(sync_id)
    company = simulated.company(COMPANY_ID)
    product.worker(batch(message(simulated.event(company=company, event_type="connection.disconnected"), "msg_off")))
    product.minute()
    answer = product.asks(sync_id)
    assert (_steps(answer), answer["state"]) == ([Step.NEEDS_RECONNECTION], RetryState.SCHEDULED)
    simulated.set_connection_status(COMPANY_ID, "Linked")
    company = simulated.company(COMPANY_ID)
    product.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_on")))
    assert _steps(product.asks(sync_id)) == [Step.IN_PROGRESS]
    assert len(simulated.submissions) == 2


def test_a_connection_that_goes_after_the_claim_is_waited_for(
    product: Product, aws: Aws, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Codat accepts it, and its sync fails. Without a connection event, syncs and the clock reveal it."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("unlink", path="expense-transactions$"))
    product.minute()
    product.hears(simulated.submissions[-1].sync_id)
    _make_due(aws)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.SCHEDULED, {Step.NEEDS_RECONNECTION: 1})
    assert len(simulated.submissions) == 2

    simulated.set_connection_status(COMPANY_ID, "Linked")
    _make_due(aws)
    product.checks()
    product.minute()
    assert len(simulated.submissions) == 3
    product.hears(simulated.submissions[-1].sync_id)
    product.minute()
    assert simulated.times_created(COMPANY_ID, body["id"]) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_for_a_connection_that_is_gone_is_tried_again_when_it_is_back(
    product: Product, aws: Aws, retries: RetryRepository, simulated: SimulatedCodat, status: int
) -> None:
    """A rejected transaction is checked once more: by then the connection's state is known.

    A 404 is about the company, so halves of the request would fare no better.
    """
    bodies = [expense(), expense()]
    sync_id = product.submits(*bodies)
    product.hears(sync_id, _PUSH_ERROR)
    company = simulated.company(COMPANY_ID)
    simulated.faults.add(Fault("unlink_status", status=status, path="expense-transactions$", times=3))
    product.minute()
    refused = [entry for entry in simulated.requests.entries if entry.status == status]
    assert len(refused) == {400: 3, 404: 1}[status]
    simulated.faults.clear()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.SCHEDULED, {Step.NEEDS_CORRECTION: 2})
    product.worker(batch(message(simulated.event(company=company, event_type="connection.disconnected"), "msg_off")))
    _make_due(aws)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, dict(retry.steps)) == (RetryState.SCHEDULED, {Step.NEEDS_RECONNECTION: 2})

    simulated.set_connection_status(COMPANY_ID, "Linked")
    product.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_on")))
    _make_due(aws)
    product.minute()
    product.hears(simulated.submissions[-1].sync_id)
    assert len(simulated.submissions) == 2
    assert [simulated.times_created(COMPANY_ID, body["id"]) for body in bodies] == [1, 1]


def test_what_was_written_before_the_connection_went_is_not_written_again(
    product: Product, aws: Aws, simulated: SimulatedCodat
) -> None:
    """The answer is lost too: Codat's list reveals the outcome, linked or not."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("disconnect_after", path="expense-transactions$"))
    product.asks(sync_id)
    simulated.settle(simulated.submissions[-1].sync_id)
    simulated.set_connection_status(COMPANY_ID, "Deauthorized")
    company = simulated.company(COMPANY_ID)
    product.worker(batch(message(simulated.event(company=company, event_type="connection.disconnected"), "msg_off")))
    _age_all(aws)
    product.asks(sync_id)
    product.worker(batch(of(simulated, simulated.sync(simulated.submissions[-1].sync_id))))
    assert _steps(product.asks(sync_id)) == [Step.ALREADY_WRITTEN]
    assert simulated.times_created(COMPANY_ID, body["id"]) == 1


def test_of_fifty_those_that_fail_again_are_created_again(product: Product, simulated: SimulatedCodat) -> None:
    """Seven of them; the others are in the books, once."""
    bodies = [expense() for _ in range(50)]
    sync_id = product.submits(*bodies)
    product.hears(sync_id, _PUSH_ERROR)
    product.minute()
    bad = [body["id"] for body in bodies[::8]]
    product.hears(simulated.submissions[1].sync_id, Settled({each: Verdict("PushError", "busy") for each in bad}))
    product.minute()
    assert [each.transaction_id for each in simulated.submissions[2].transactions] == bad
    product.hears(simulated.submissions[2].sync_id)
    assert {simulated.times_created(COMPANY_ID, body["id"]) for body in bodies} == {1}


def test_of_fifty_seven_that_codat_does_not_take_do_not_keep_the_others_back(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Codat rejects the whole request; bisecting finds the invalid ones, which are reported."""
    bodies = [expense() for _ in range(50)]
    sync_id = product.submits(*bodies)
    product.hears(sync_id, _PUSH_ERROR)
    bad = [body["id"] for body in bodies[::8]]
    for transaction_id in bad:
        path = f"/recorded/{COMPANY_ID}/expense-transactions/{transaction_id}"
        assert ask(product.submit, "PUT", path, expense(transaction_id, issueDate="yesterday")).status == 204
    product.minute(seconds=900)  # as long as it takes on a busy machine
    retry = retries.load(sync_id)
    assert retry
    assert dict(retry.steps) == {Step.IN_PROGRESS: 43, Step.NEEDS_CORRECTION: 7}
    for made in simulated.submissions[1:]:
        product.hears(made.sync_id)
    written = {body["id"]: simulated.times_created(COMPANY_ID, body["id"]) for body in bodies}
    assert {name for name, times in written.items() if times == 0} == set(bad)
    assert set(written.values()) == {0, 1}


def test_of_a_payload_that_has_changed_the_newest_is_created(product: Product, simulated: SimulatedCodat) -> None:
    """The product has submitted it anew since: what the first sync failed with is not what it wants any more."""
    body = expense()
    first = product.submits(body)
    product.hears(first, _PUSH_ERROR)
    second = product.submits(expense(body["id"], merchantName="changed"))
    product.hears(second, _PUSH_ERROR)
    product.asks(first)
    product.hears(simulated.submissions[-1].sync_id)
    (entry,) = simulated.books(COMPANY_ID)
    assert json.loads(entry.body)["merchantName"] == "changed"
    assert _steps(product.asks(second)) == [Step.ALREADY_WRITTEN]


def test_the_outcome_of_a_lost_answer_is_looked_up_before_resending(
    product: Product, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Codat's list shows that it arrived. Its sync is linked to the first one."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("disconnect_after", path="expense-transactions$"))
    assert _steps(product.asks(sync_id)) == [Step.SCHEDULED]
    _age_all(aws)
    assert _steps(product.asks(sync_id)) == [Step.IN_PROGRESS]
    assert len(simulated.submissions) == 2
    product.hears(simulated.submissions[1].sync_id)
    product.minute()
    document = store.load_sync(simulated.submissions[1].sync_id)
    assert document
    assert document.retry_of == sync_id
    assert _steps(product.asks(sync_id)) == [Step.ALREADY_WRITTEN]


def test_an_outcome_that_is_not_found_is_unknown_and_needs_an_operator(
    product: Product, aws: Aws, simulated: SimulatedCodat
) -> None:
    """It may have been written: nothing sends it again."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("status", status=500, path="expense-transactions$"))
    product.asks(sync_id)
    _age_all(aws)
    answer = product.asks(sync_id)
    assert _steps(answer) == [Step.OUTCOME_UNKNOWN]
    assert "may" in answer["transactions"][0]["customerNote"] or answer["transactions"][0]["customerNote"]
    assert len(simulated.submissions) == 1


def test_while_the_gate_is_closed_nothing_is_sent(product: Product, simulated: SimulatedCodat) -> None:
    """And nothing is in flight for it."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    simulated.quota.leave(0)
    assert _steps(product.asks(sync_id)) == [Step.SCHEDULED]
    simulated.quota.leave(1000)
    product.worker(batch(message(simulated.event(event_type="client.rateLimit.reset"), "msg_reset")))
    answer = product.asks(sync_id)
    assert answer["transactions"][0]["retrySyncId"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_rejection_by_codat_is_reported_and_retries_are_bounded(
    product: Product, simulated: SimulatedCodat, status: int
) -> None:
    """Once for each click."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    simulated.faults.add(Fault("status", status=status, path="expense-transactions$"))
    answer = product.asks(sync_id)
    assert _steps(answer) == [Step.NEEDS_CORRECTION]
    assert str(status) in answer["transactions"][0]["supportNote"]
    assert product.asks(sync_id)["transactions"][0]["retrySyncId"]


def test_a_sync_that_is_not_there_is_404_and_odd_requests_are_400(product: Product) -> None:
    """As problem documents."""
    assert product.asks("another")["statusCode"] == 404
    assert product.asks("../up")["statusCode"] == 400
    assert product.asks(SYNC_ID, transactionIds="all")["statusCode"] == 400
    assert product.asks(SYNC_ID, transactionIds=["a#b"])["statusCode"] == 400
    assert product.asks(SYNC_ID, colour="blue")["statusCode"] == 400
    assert product.retry({"syncId": "another"}) is None


@pytest.mark.parametrize("groups", ["[codat-sync/view]", "[]", "[not-codat-sync/retry]", None])
def test_the_view_role_may_not_retry(product: Product, simulated: SimulatedCodat, groups: str | None) -> None:
    """As a problem document, before anything else is said; and nothing is sent."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _PUSH_ERROR)
    event = load("retry", "asked")
    event["pathParameters"]["syncId"] = sync_id
    event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = groups
    answer = product.retry(event)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (403, "application/problem+json")
    assert json.loads(answer["body"])["detail"] == "the role codat-sync/retry is needed for this"
    del event["requestContext"]["authorizer"]
    assert product.retry(event)["statusCode"] == 403
    assert len(simulated.submissions) == 1


def test_an_invalid_message_is_dead_lettered(product: Product, aws: Aws) -> None:
    """With the reason."""
    event = load("retry", "due")
    event["Records"][0]["body"] = "{}"
    assert product.retry(event) == {"batchItemFailures": []}
    (dead,) = aws.messages("RETRY_DEAD_LETTER_QUEUE")
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "invalid-message"


def test_stored_events_are_answered(product: Product, simulated: SimulatedCodat) -> None:
    """Of a sync whose bodies are not here."""
    product.worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    assert _steps(product.retry(load("retry", "direct"))) == [Step.NO_BODY_RECORDED]
    assert product.retry(load("retry", "due")) == {"batchItemFailures": []}
    assert product.retry(load("retry", "asked"))["statusCode"] == 200


def _make_due(aws: Aws) -> None:
    """Make everything pending due."""
    for item in aws.dynamodb.scan(TableName="syncs")["Items"]:
        if "dueAt" in item:
            aws.dynamodb.update_item(
                TableName="syncs",
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET dueAt = :then",
                ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
            )


def _age_all(aws: Aws) -> None:
    """Let every submission be older than it can be under way."""
    for item in aws.dynamodb.scan(TableName="syncs")["Items"]:
        if item["sk"]["S"] == "SUB":
            then = datetime.fromisoformat(item["recordedAt"]["S"]) - timedelta(minutes=2)
            aws.dynamodb.update_item(
                TableName="syncs",
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET sentAt = :then, recordedAt = :then",
                ExpressionAttributeValues={":then": {"S": format_timestamp(then)}},
            )


def test_pending_transactions_are_named_up_to_a_limit_and_counted_beyond(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """The first of them, in the order of the sync; and each planning is a version."""
    items = tuple(Item(f"t{number:03}", "PushError") for number in range(130))
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, items)
    assert failed(product.worker(batch(of(simulated, sync)))) == []
    for version in (1, 2):
        product.asks(sync.sync_id)
        retry = retries.load(sync.sync_id)
        assert retry
        assert dict(retry.steps) == {Step.NO_BODY_RECORDED: 130}
        assert dict(retry.blocked) == {Step.NO_BODY_RECORDED: tuple(f"t{number:03}" for number in range(100))}
        assert retry.version == version


def test_what_is_done_by_itself_or_only_waited_for_names_nobody(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """It is nobody else's business yet."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _PUSH_ERROR)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (dict(retry.steps), retry.blocked) == ({Step.IN_PROGRESS: 1}, {})
    assert len(simulated.submissions) == 2


def _asks_directly(product: Product, sync_id: str, **body: object) -> Any:  # noqa: ANN401 - JSON
    return product.retry({"syncId": sync_id, "isManual": True, **body}) | {"statusCode": 200}


@pytest.mark.parametrize("ask_retry", [Product.asks, _asks_directly], ids=["HTTP", "direct"])
def test_a_retry_of_what_has_not_failed_says_so(
    ask_retry: Any,  # noqa: ANN401 - either of the two
    product: Product,
    retries: RetryRepository,
    simulated: SimulatedCodat,
) -> None:
    """A sync that succeeded, one that has not ended, and transactions that are unknown or written."""
    body = expense()
    sync_id = product.submits(body)
    for words in ("has not been fetched", "nothing failed"):
        if words == "nothing failed":
            product.hears(sync_id)
        for selected in ({}, {"transactionIds": [body["id"]]}, {"transactionIds": ["unknown"]}):
            answer = ask_retry(product, sync_id, **selected)
            assert (answer["statusCode"], answer["syncId"], answer["state"]) == (200, sync_id, "notFailed")
            assert words in answer["message"]
            assert (answer["failed"], _steps(answer)) == (0, ["notFailed"] * len(selected))
    assert retries.load(sync_id) is None
    assert len(simulated.submissions) == 1


def test_named_transactions_that_have_not_failed_are_listed_beside_those_that_have(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """They have a step of their own. If nothing else is named, nothing changes."""
    good, bad = expense(), expense()
    sync_id = product.submits(good, bad)
    product.hears(sync_id, Settled({bad["id"]: Verdict("PushError", "busy")}))
    before = retries.load(sync_id)
    answer = product.asks(sync_id, transactionIds=[good["id"], "unknown"])
    steps = {each["transactionId"]: each["step"] for each in answer["transactions"]}
    assert steps == {good["id"]: "notFailed", "unknown": "notFailed"}
    assert (answer["state"], answer["failed"]) == ("notFailed", 0)
    assert answer["message"] == "None of the named transactions has failed."
    assert retries.load(sync_id) == before
    answer = product.asks(sync_id, transactionIds=[bad["id"], "unknown"])
    assert (answer["failed"], answer["message"], len(simulated.submissions)) == (1, None, 2)
    # The retry, which has not failed, is not answered with what failed in the first sync.
    (_, retry) = simulated.submissions
    answer = product.asks(retry.sync_id)
    assert (answer["syncId"], answer["state"], answer["transactions"]) == (retry.sync_id, "notFailed", [])


def test_naming_no_transaction_leaves_the_plan_as_it_is(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Nothing is resubmitted, and nothing is said to be about to be: only a named one overrides what waits."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, Settled({body["id"]: Verdict("ValidationError", "Account 6100 is archived.")}))
    product.minute()
    before = retries.load(sync_id)
    answer = product.asks(sync_id, transactionIds=[])
    after = retries.load(sync_id)
    assert before
    assert after
    assert (_steps(answer), dict(after.steps), after.due_at) == (["needsCorrection"], dict(before.steps), before.due_at)
    assert len(simulated.submissions) == 1


def test_a_retry_that_is_due_for_a_sync_that_succeeded_after_all_is_resolved(
    product: Product, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Codat's answer has changed between the failure and its retry."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _PUSH_ERROR)
    sync = simulated.change_sync(sync_id, code=2000, items=(Item(body["id"]),))
    assert failed(product.worker(batch(of(simulated, sync, "msg_changed")))) == []
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert (retry.state, retry.due_at, dict(retry.steps)) == (RetryState.RESOLVED, None, {})


def test_a_sync_that_failed_as_a_whole_says_that_nothing_can_be_resubmitted(
    product: Product, simulated: SimulatedCodat
) -> None:
    """It was not submitted here, and Codat names none of its transactions."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 4000, [])
    assert failed(product.worker(batch(of(simulated, sync)))) == []
    answer = product.asks(sync.sync_id)
    assert (answer["state"], answer["transactions"]) == ("stopped", [])
    assert "names no transaction" in answer["message"]
