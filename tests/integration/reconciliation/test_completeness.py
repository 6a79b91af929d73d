"""Claim completeness only as of a moment at which everything was in the table."""

from datetime import timedelta

from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.reconciliation_world import Reconcile, add_unannounced_sync, catch_up, load_completeness


def test_the_next_comparison_confirms_completeness(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Not what was enqueued."""
    add_unannounced_sync(simulated)
    reconcile.run()
    assert (load_completeness(reconcile).complete_as_of, load_completeness(reconcile).reasons) == (None, {"missing": 2})
    assert reconcile.overall.complete_as_of is None
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert load_completeness(reconcile).complete_as_of is None
    assert reconcile.work() == 2
    reconcile.clock.pass_by(minutes=11)
    before = reconcile.clock()
    reconcile.run()
    found = load_completeness(reconcile)
    assert found.complete_as_of
    assert found.complete_as_of >= before - timedelta(milliseconds=1)
    assert (found.reasons, reconcile.overall.never_complete, reconcile.checks()) == ({}, 0, [])


def test_a_busy_company_is_complete_as_of_the_previous_comparison(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Though something is missing at each of them: it was not there at the one before."""
    catch_up(reconcile)
    for _ in range(3):
        compared_at = load_completeness(reconcile).compared_at
        add_unannounced_sync(simulated)
        reconcile.clock.pass_by(hours=7)
        reconcile.run()
        assert load_completeness(reconcile).complete_as_of == compared_at
        assert load_completeness(reconcile).reasons == {"missing": 1}
        reconcile.work()


def test_a_sync_that_does_not_arrive_keeps_complete_as_of_unchanged(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """However much else comes; and it is enqueued again after an hour, not sooner."""
    catch_up(reconcile)
    compared_at = load_completeness(reconcile).compared_at
    lost = add_unannounced_sync(simulated)
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    (check,) = reconcile.checks()
    assert (check["syncId"], check["version"]) == (lost, 0)
    add_unannounced_sync(simulated)
    enqueued = []
    for _ in range(16):
        reconcile.clock.pass_by(minutes=5)
        reconcile.run()
        enqueued += [check["syncId"] for check in reconcile.checks()]
        assert load_completeness(reconcile).complete_as_of == compared_at
    assert enqueued.count(lost) == 1


def test_overall_completeness_is_unknown_while_one_companys_is(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """The least of all counts, and of when Codat was asked which companies it has."""
    catch_up(reconcile)
    first = reconcile.overall.complete_as_of
    other = simulated.add_company().company_id
    add_unannounced_sync(simulated, company_id=other)
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert reconcile.completeness.company(other)
    # Codat did not have it when the list was read last: what is claimed is for that moment.
    assert reconcile.overall.complete_as_of
    directory = reconcile.rounds.discovery.run_repository.load_directory()
    assert directory.listed_as_of
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert reconcile.overall.complete_as_of is None
    reconcile.work()
    reconcile.clock.pass_by(minutes=11)
    reconcile.run()
    assert reconcile.overall.complete_as_of
    assert first
    assert first < reconcile.overall.complete_as_of <= directory.listed_as_of
