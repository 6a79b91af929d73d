"""Bodies that are older than they are to be kept: emptied, and nothing is written twice for it."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.erasure.body_retention import BodyPurger
from codat_sync.syncs.retry_record import Step
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from ops.cli import app
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

_SOON = timedelta(minutes=1)


@pytest.fixture
def bodies(aws: Aws) -> BodyPurger:
    return BodyPurger(Table(aws.dynamodb, "syncs"))


def _now() -> datetime:
    return datetime.now(UTC)


def _fail(start: StartFunction, simulated: SimulatedCodat) -> tuple[str, str]:
    """Submit an expense, and let its sync fail; returns the ids of both."""
    body = expense()
    sync_id = str(ask(start("submit"), "POST", EXPENSES, [body]).body["syncId"])
    ended = simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    assert failed(start("worker")(batch(of(simulated, ended, f"msg_{sync_id}")))) == []
    return str(body["id"]), sync_id


def _steps(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["step"] for each in answer["transactions"]]


def _texts(aws: Aws) -> list[str | None]:
    """Return the bodies that the table has, None for each that is empty."""
    items = aws.dynamodb.scan(TableName="syncs")["Items"]
    return [item.get("body", {}).get("S") for item in items if item["sk"]["S"].startswith("BODY#")]


def test_without_its_body_it_is_not_created_again_but_asked_for(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, bodies: BodyPurger
) -> None:
    """Whoever asks; and with a new body it is, once."""
    transaction_id, sync_id = _fail(start, simulated)
    assert sum(bodies.purge(_now() + _SOON, _now())) == 1
    assert _texts(aws) == [None]
    retry = start("retry")
    for is_manual in (False, True):
        assert _steps(retry({"syncId": sync_id, "isManual": is_manual})) == [Step.NO_BODY_RECORDED]
    assert len(simulated.submissions) == 1
    kept = f"/recorded/{COMPANY_ID}/expense-transactions/{transaction_id}"
    assert ask(start("submit"), "PUT", kept, expense(transaction_id)).status == 204
    assert _steps(retry({"syncId": sync_id})) == [Step.IN_PROGRESS]
    assert len(simulated.submissions) == 2


def test_what_may_have_been_written_stays_unknown(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, bodies: BodyPurger
) -> None:
    """The submission says so, not its body."""
    _, sync_id = _fail(start, simulated)
    simulated.faults.add(Fault("status", status=500, path="expense-transactions$"))
    retry = start("retry")
    retry({"syncId": sync_id})
    before = retry({"syncId": sync_id})
    assert sum(bodies.purge(_now() + _SOON, _now())) == 2
    assert _texts(aws) == [None, None]
    assert _steps(retry({"syncId": sync_id})) == _steps(before) == [Step.OUTCOME_UNKNOWN]
    assert len(simulated.submissions) == 1


def test_a_younger_one_stays_and_an_empty_one_is_done_with(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, bodies: BodyPurger
) -> None:
    """The command can be given each week."""
    _fail(start, simulated)
    assert sum(bodies.purge(_now() - _SOON, _now())) == 0
    assert all(_texts(aws))
    assert sum(bodies.count(_now() + _SOON)) == 1
    assert sum(bodies.purge(_now() + _SOON, _now())) == 1
    assert sum(bodies.purge(_now() + _SOON, _now())) == sum(bodies.count(_now() + _SOON)) == 0


def test_a_body_that_is_deleted_meanwhile_is_not_restored(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, bodies: BodyPurger
) -> None:
    """Its company is being erased."""
    _fail(start, simulated)

    def delete(params: dict[str, str], **_: object) -> None:
        if "UpdateExpression" in str(params):
            aws.dynamodb.delete_item(TableName="syncs", Key=key)

    (key,) = (
        {name: item[name] for name in ("pk", "sk")}
        for item in aws.dynamodb.scan(TableName="syncs")["Items"]
        if item["sk"]["S"].startswith("BODY#")
    )
    aws.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", delete)
    assert sum(bodies.purge(_now() + _SOON, _now())) == 0
    assert _texts(aws) == []


@pytest.mark.parametrize("days", [[], ["--days", "29"], ["--days", "x"]])
def test_it_says_how_old_and_not_too_young(days: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What has failed this week is still created again."""
    with pytest.raises(SystemExit) as exited:
        app(["purge-bodies", *days])
    assert exited.value.code == 2
    assert "'--days'" in capsys.readouterr().err
