"""Discover companies, and stop comparing deleted ones."""

from datetime import timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyRepository
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.aws import Aws
from tests.support.reconciliation_world import LIST_PATH, Reconcile, catch_up, load_completeness
from tests.support.sqs_batches import batch, failed


def test_a_company_deleted_at_codat_is_eventually_no_longer_compared(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """The worker finds out, and waits for an hour before it believes it; until then nothing is claimed of it."""
    catch_up(reconcile)
    before = load_completeness(reconcile).complete_as_of
    simulated.delete_company(COMPANY_ID)
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert (load_completeness(reconcile).problem, load_completeness(reconcile).complete_as_of) == (
        "Codat does not know the company",
        before,
    )
    (check,) = reconcile.checks()
    assert (check["syncId"], check["companyId"]) == (None, COMPANY_ID)
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "COMPANY"}}
    aws.dynamodb.update_item(
        TableName="syncs",
        Key=key,
        UpdateExpression="SET isDeleted = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    reconcile.clock.pass_by(hours=2)
    reconcile.run()
    assert reconcile.overall.companies == 0
    reconcile.clock.pass_by(hours=2)
    assert reconcile.run().compared == []


def test_checking_a_company_makes_the_worker_call_codat(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Whether its record is there already, or is made by that."""
    simulated.delete_company(COMPANY_ID)
    reconcile.store.start_tracking([COMPANY_ID], reconcile.clock())
    reconcile.run()
    (check,) = reconcile.checks()
    simulated.requests.clear()
    assert failed(reconcile.worker(batch(check))) == []
    assert len(simulated.requests.matching(f"^/companies/{COMPANY_ID}$")) == 1


def test_a_company_without_syncs_is_complete(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """If Codat knows it, and answers 404 where its syncs would be."""
    simulated.faults.add(Fault("status", status=404, times=1, path=LIST_PATH))
    reconcile.run()
    assert (load_completeness(reconcile).listed, load_completeness(reconcile).problem) == (0, None)
    assert load_completeness(reconcile).complete_as_of


def test_a_company_without_syncs_is_fetched_for_its_name_once_a_week(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """Others are fetched with their syncs. A check that is not needed any more calls nothing."""
    company_id = simulated.add_company(name="Idle & Sons").company_id
    companies = CompanyRepository(Table(aws.dynamodb, "syncs"), event_retention=timedelta())
    catch_up(reconcile)
    assert companies.load_names([company_id, COMPANY_ID]).keys() == {company_id, COMPANY_ID}
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert reconcile.checks() == []
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": {"S": f"COMPANY#{company_id}"}, "sk": {"S": "COMPANY"}},
        UpdateExpression="SET fetchedAt = :old",
        ExpressionAttributeValues={":old": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    (check,) = reconcile.checks()
    assert (check["companyId"], check["syncId"]) == (company_id, None)
    simulated.requests.clear()
    for _ in range(2):
        assert failed(reconcile.worker(batch(check))) == []
    assert len(simulated.requests.matching(f"^/companies/{company_id}$")) == 1
