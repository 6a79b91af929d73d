"""Discover companies, and stop comparing deleted ones."""

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
