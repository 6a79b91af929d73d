"""The record of a company: made with its first sync, kept by events and by age, never deleted."""

from datetime import timedelta
from typing import Any

import pytest

from codat_sync.companies.company import Company
from codat_sync.companies.repository import CompanyRepository
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of

_FIRST = Company(COMPANY_ID, "Bäckerei Toft", "Partner Expense", "Xero", "Linked")


@pytest.fixture
def companies(store: SyncRepository) -> CompanyRepository:
    """Return the companies, as readers see them."""
    return CompanyRepository(store.table, event_retention=timedelta(days=16))


def _company(companies: CompanyRepository) -> Company | None:
    return companies.load_snapshot(COMPANY_ID, []).company


def _asked(simulated: SimulatedCodat) -> list[str]:
    """Return what was asked of Codat about companies, apart from their configuration at a failure."""
    paths = [entry.path for entry in simulated.requests.entries]
    return [path for path in paths if "/syncs/" not in path and not path.endswith("/expenses/config")]


def _event(simulated: SimulatedCodat, event_type: str, webhook_id: str = "msg_1") -> dict[str, Any]:
    company = simulated.company(COMPANY_ID)
    return message(simulated.event(company=company, event_type=event_type), webhook_id)


def _age(aws: Aws) -> None:
    """Let the record be older than it may be."""
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "COMPANY"}},
        UpdateExpression="SET fetchedAt = :long_ago",
        ExpressionAttributeValues={":long_ago": {"S": "2026-01-01T00:00:00.000Z"}},
    )


def _make_due(aws: Aws) -> None:
    """Make the company due for a refresh."""
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "COMPANY"}},
        UpdateExpression="SET dueAt = :long_ago",
        ConditionExpression="attribute_exists(dueAt)",
        ExpressionAttributeValues={":long_ago": {"S": "2026-01-01T00:00:00.000Z"}},
    )


def test_a_company_is_asked_about_once_with_its_first_sync(
    start: StartFunction, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """Though ten of its syncs come at once."""
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company) for _ in range(10)]
    worker = start("worker")
    assert failed(worker(batch(*(of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))))) == []
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    assert _company(companies) == _FIRST
    assert _asked(simulated) == [f"/companies/{COMPANY_ID}", f"/companies/{COMPANY_ID}/connections"]


@pytest.mark.parametrize("name", ["created", "connected", "disconnected", "reconnected", "deleted", "failed"])
def test_a_connection_event_refreshes_the_company(
    start: StartFunction, companies: CompanyRepository, simulated: SimulatedCodat, name: str
) -> None:
    """What it says is not believed, as it may be late; the same event again costs nothing."""
    simulated.set_connection_status(COMPANY_ID, "Deauthorized")
    event = _event(simulated, f"connection.{name}")
    worker = start("worker")
    assert failed(worker(batch(event))) == []
    company = _company(companies)
    assert company
    assert (company.connection_status, company.target_platform) == ("Deauthorized", "Xero")
    worker(batch(event, event))
    assert len(_asked(simulated)) == 2


def test_a_deleted_company_is_kept_as_such(
    start: StartFunction, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """With all that was known of it; Codat need not be asked."""
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    event = _event(simulated, "company.deleted")
    simulated.delete_company(COMPANY_ID)
    worker(batch(event))
    assert _company(companies) == _FIRST.as_deleted()
    assert len(_asked(simulated)) == 2


def test_a_company_that_was_never_seen_can_be_deleted(
    start: StartFunction, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """Its record says no more than that."""
    start("worker")(batch(_event(simulated, "company.deleted")))
    assert _company(companies) == Company(COMPANY_ID, None, None, None, None, is_deleted=True)


def test_names_are_refreshed_by_age(
    start: StartFunction, aws: Aws, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """No event announces a new name."""
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    simulated.add_company("Toft & Sons", company_id=COMPANY_ID)
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))
    assert _company(companies) == _FIRST
    _age(aws)
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_3")))
    company = _company(companies)
    assert company
    assert company.name == "Toft & Sons"


def test_what_others_keep_on_the_record_stays(
    start: StartFunction, aws: Aws, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """On it, and in its summary."""
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "COMPANY"}}
    aws.dynamodb.update_item(
        TableName="syncs",
        Key=key,
        UpdateExpression="SET reconcileAt = :new, summary.colour = :new",
        ExpressionAttributeValues={":new": {"S": "x"}},
    )
    worker(batch(_event(simulated, "connection.connected")))
    item = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    assert (item["reconcileAt"], item["summary"]["M"]["colour"]) == ({"S": "x"}, {"S": "x"})
    assert item["version"] == {"N": "2"}
    assert _company(companies) == _FIRST


def test_while_the_gate_is_closed_a_company_waits_as_a_sync_does(
    start: StartFunction, aws: Aws, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """And the clock brings it back."""
    worker, clock = start("worker"), start("clock")
    simulated.quota.leave(0)
    assert failed(worker(batch(_event(simulated, "connection.disconnected")))) == []
    assert _company(companies) is None
    simulated.quota.leave(1000)
    worker(batch(message(simulated.event(event_type="client.rateLimit.reset"), "msg_reset")))
    assert clock({})["enqueued"] == 1
    (check,) = aws.messages("SYNC_QUEUE")
    assert failed(worker(batch(check["Body"]))) == []
    assert _company(companies) == _FIRST
    assert clock({})["enqueued"] == 0
    asked = len(_asked(simulated))
    assert failed(worker(batch(check["Body"]))) == []
    assert len(_asked(simulated)) == asked


def test_a_company_that_codat_fails_for_does_not_hold_its_sync_up(
    start: StartFunction, store: SyncRepository, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """The sync is done with; the company waits in the table, and is not asked about with every other sync."""
    simulated.faults.add(Fault("status", times=3, status=503, path="^/companies/[^/]+$"))
    worker = start("worker")
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.sync
    pending_check = companies.load_snapshot(COMPANY_ID, []).pending_check
    assert pending_check
    assert pending_check.due_at
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))
    assert len(_asked(simulated)) == 3


def test_a_lost_connection_is_polled_until_it_is_restored(
    start: StartFunction, aws: Aws, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """A sync reveals it, and the clock polls it, without a connection event. Its time is stored."""
    worker, clock = start("worker"), start("clock")
    company = simulated.company(COMPANY_ID)
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    assert companies.load_snapshot(COMPANY_ID, []).connection_changed_at is None
    simulated.set_connection_status(COMPANY_ID, "Deauthorized")
    worker(batch(*(of(simulated, simulated.add_sync(company, 4220), f"msg_{n}") for n in range(3))))
    gone = companies.load_snapshot(COMPANY_ID, [])
    assert gone.company
    assert gone.company.connection_status == "Deauthorized"
    assert gone.pending_check
    assert len(_asked(simulated)) == 4  # once for all three
    simulated.set_connection_status(COMPANY_ID, "Linked")
    _make_due(aws)
    clock({})
    (check,) = aws.messages("SYNC_QUEUE")
    assert failed(worker(batch(check["Body"]))) == []
    linked = companies.load_snapshot(COMPANY_ID, [])
    assert (linked.company, linked.pending_check) == (_FIRST, None)
    assert gone.connection_changed_at
    assert linked.connection_changed_at
    assert linked.connection_changed_at > gone.connection_changed_at


def test_an_event_is_redelivered_when_codat_fails(start: StartFunction, simulated: SimulatedCodat) -> None:
    """As one of a sync does."""
    simulated.faults.add(Fault("status", times=3, status=503))
    assert failed(start("worker")(batch(_event(simulated, "connection.connected")))) == ["message-0"]


def test_a_malformed_answer_about_a_company_dead_letters_the_event(
    start: StartFunction, aws: Aws, companies: CompanyRepository, simulated: SimulatedCodat
) -> None:
    """Once; and the event can be redriven."""
    simulated.faults.add(Fault("wrong_shape", times=3))
    worker = start("worker")
    event = _event(simulated, "connection.connected")
    assert failed(worker(batch(event))) == []
    (dead,) = aws.messages("SYNC_DEAD_LETTER_QUEUE")
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "malformed-response"
    assert failed(worker(batch(dead["Body"]))) == []
    assert _company(companies) == _FIRST


@pytest.mark.usefixtures("aws")
def test_a_malformed_company_does_not_make_a_dead_letter_of_its_sync(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The sync is there."""
    simulated.faults.add(Fault("wrong_shape", times=9, path="connections$"))
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    assert aws.messages("SYNC_DEAD_LETTER_QUEUE") == []
    assert store.load_sync(SYNC_ID)
