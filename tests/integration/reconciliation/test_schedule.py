"""Choose the companies to compare, and when."""

from datetime import timedelta

from codat_sync.reconciliation.comparison import Discrepancy
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.reconciliation_world import LIST_PATH, Reconcile, catch_up, load_completeness
from tests.support.sqs_batches import batch, message, of


def test_active_companies_are_compared_first(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Though the quiet ones have waited for longer: of four, three are such as have never been compared."""
    for number in range(8):
        simulated.add_company(company_id=f"quiet-{number}")
    catch_up(reconcile)
    reconcile.clock.pass_by(hours=7)
    for number in range(8):
        reconcile.store.start_tracking(
            [simulated.add_company(company_id=f"new-{number}").company_id], reconcile.clock()
        )
    simulated.requests.clear()
    turns = iter([False] + [True] * 4)  # The list of companies can wait.
    reconcile.run(lambda: next(turns, False))
    asked = [str(call.company_id) for call in simulated.requests.matching(LIST_PATH)]
    assert [company_id.startswith("new") for company_id in asked] == [True, True, True, False]


def test_a_company_discovered_by_an_event_is_due(reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat) -> None:
    """Also if its record is from before there was reconcile."""
    reconcile.worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    assert [due.company_id for due in reconcile.store.load_due(reconcile.clock(), 10)] == [COMPANY_ID]
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "RECONCILIATION"}}
    aws.dynamodb.delete_item(TableName="syncs", Key=key)
    company = simulated.company(COMPANY_ID)
    reconcile.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_2")))
    assert [due.company_id for due in reconcile.store.load_due(reconcile.clock(), 10)] == [COMPANY_ID]


def test_events_do_not_reschedule_a_comparison(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """The worker makes the item, and does not touch it again."""
    catch_up(reconcile)
    known, due_at = reconcile.store.load(COMPANY_ID), load_completeness(reconcile).next_at
    company = simulated.company(COMPANY_ID)
    reconcile.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_2")))
    assert (reconcile.store.load(COMPANY_ID), load_completeness(reconcile).next_at) == (known, due_at)


def test_an_idle_company_is_compared_less_often_than_an_active_one(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Of a day's comparisons the quiet one gets a few."""
    busy = simulated.add_company().company_id
    catch_up(reconcile)
    simulated.requests.clear()
    for _ in range(24 * 2):
        reconcile.clock.pass_by(minutes=30)
        if not simulated.syncs_of(busy):
            simulated.add_sync(simulated.company(busy), 2000, sync_utc=reconcile.clock().isoformat())
        reconcile.run()
        reconcile.work()
    asked = [call.company_id for call in simulated.requests.matching(LIST_PATH)]
    assert asked.count(COMPANY_ID) <= 5
    assert asked.count(busy) >= 20


def test_a_submission_without_any_webhook_is_checked_daily(reconcile: Reconcile, aws: Aws) -> None:
    """Codat does not list it, so nothing is missing, but it stays tracked."""
    catch_up(reconcile)
    key = {"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}}
    document = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    processed_at = (reconcile.clock() - timedelta(hours=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sync_id = "never-heard-of"
    submitted = {name: document[name] for name in ("sk", "v", "companyId", "companyPk", "companySk")} | {
        "pk": {"S": f"SYNC#{sync_id}"},
        "syncId": {"S": sync_id},
        "version": {"N": "3"},
        "firstSeenAt": {"S": processed_at},
        "companySk": {"S": f"{processed_at}#{sync_id}"},
        "summary": {"M": {"syncId": {"S": sync_id}, "outcome": {"S": "submitted"}, "checkFailure": {"S": "notFound"}}},
    }
    aws.dynamodb.put_item(TableName="syncs", Item=submitted)
    enqueued = []
    for _ in range(16):
        reconcile.clock.pass_by(hours=6, minutes=1)
        reconcile.run()
        enqueued += reconcile.checks()
    assert 3 <= len(enqueued) <= 4
    assert {(check["syncId"], check["version"]) for check in enqueued} == {(sync_id, 3)}
    found = load_completeness(reconcile)
    assert found.reasons == {Discrepancy.NOT_LISTED: 1}
    assert found.complete_as_of == found.compared_at
