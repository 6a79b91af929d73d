"""Events that name another company than the one whose sync it is: Codat's answer decides."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from codat_sync.aws.table_schema import company_key, company_partition, index_entry_key, retry_key
from codat_sync.companies.tombstones import ERASURE_REQUESTED_AT
from codat_sync.polling.schedule import Schedule
from codat_sync.syncs.repository import SubmittedSync, SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message

_TRANSACTION_ID = "00000000-0000-4000-8000-000000000001"
_NAMED = Fault("other_company", times=99)


class Case(NamedTuple):
    """A failed sync of one company, and the id of another."""

    sync: Sync
    wrong_id: str


@pytest.fixture
def case(simulated: SimulatedCodat) -> Case:
    """Return a failed sync."""
    items = [Item(_TRANSACTION_ID, "PushError", message="no")]
    return Case(simulated.add_sync(simulated.add_company(), 5130, items), simulated.add_company().company_id)


@pytest.fixture(params=["404", "named"])
def answers(simulated: SimulatedCodat, request: pytest.FixtureRequest) -> None:
    """Have Codat answer a request about another company's sync with 404, or with the company that it belongs to."""
    if request.param == "named":
        simulated.faults.add(_NAMED)


def _event(simulated: SimulatedCodat, case: Case, company_id: str, webhook_id: str) -> dict[str, object]:
    event = simulated.event(case.sync, company=simulated.company(company_id))
    return message(event, webhook_id, companyId=company_id, syncId=case.sync.sync_id)


def _listed(store: SyncRepository, company_id: str) -> list[str]:
    return [item["pk"] for item in store.table.query_until(company_partition(company_id), "9999")]


def _require_right(store: SyncRepository, case: Case) -> None:
    """Require that every item of the sync names the company that Codat names."""
    sync, right_id = case.sync, case.sync.company_id
    record = store.load_sync(sync.sync_id)
    assert record
    assert (record.company_id, record.outcome, record.pending_check) == (right_id, Outcome.FAILED, None)
    pk = f"SYNC#{sync.sync_id}"
    assert (pk in _listed(store, right_id), pk in _listed(store, case.wrong_id)) == (True, False)
    assert store.table.get([index_entry_key(right_id, _TRANSACTION_ID, sync.sync_id)])
    assert not store.table.get([index_entry_key(case.wrong_id, _TRANSACTION_ID, sync.sync_id)])
    (retry,) = store.table.get([retry_key(sync.sync_id)])
    assert retry["summary"]["companyId"] == right_id


def _company_ids(case: Case) -> tuple[str, str]:
    return case.sync.company_id, case.wrong_id


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("order", ["wrong right", "right wrong", "wrong wrong right", "wrong+right", "right+wrong"])
def test_the_right_event_prevails(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, case: Case, order: str
) -> None:
    """In any order and in one batch, whether Codat answers the wrong company with 404 or names the right one."""
    worker = start("worker")
    ids = dict(zip(("right", "wrong"), _company_ids(case), strict=True))
    for number, names in enumerate(order.split()):
        events = [_event(simulated, case, ids[name], f"msg_{number}_{name}") for name in names.split("+")]
        assert failed(worker(batch(*events))) == []
    _require_right(store, case)


def test_codats_answer_to_the_wrong_event_is_enough(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, case: Case, aws: Aws
) -> None:
    """If it names the company. The wrong company learns nothing of it, and nothing becomes a dead letter."""
    simulated.faults.add(_NAMED)
    assert failed(start("worker")(batch(_event(simulated, case, case.wrong_id, "msg_1")))) == []
    _require_right(store, case)
    assert aws.messages("SYNC_DEAD_LETTER_QUEUE") == []
    assert store.load_processed_event_ids(case.sync.sync_id) == ["msg_1"]


@pytest.mark.usefixtures("answers")
def test_a_sync_that_is_known_is_not_asked_for_under_another_company(
    start: StartFunction, simulated: SimulatedCodat, case: Case
) -> None:
    """Codat has already said whose it is."""
    worker = start("worker")
    worker(batch(_event(simulated, case, case.sync.company_id, "msg_1")))
    simulated.requests.clear()
    worker(batch(_event(simulated, case, case.wrong_id, "msg_2")))
    assert {entry.company_id for entry in simulated.requests.entries} == {case.sync.company_id}


@pytest.mark.parametrize("is_first", [True, False])
def test_codats_answer_to_a_submission_decides_as_well(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, case: Case, *, is_first: bool
) -> None:
    """Whether the wrong event arrives before or after it is recorded."""
    now, sync = datetime.now(UTC).replace(microsecond=0), case.sync
    worker = start("worker")
    submitted = SubmittedSync(sync.company_id, sync.sync_id, (_TRANSACTION_ID,), None)
    check = Schedule().after_submission(now, "request-1")
    if is_first:
        worker(batch(_event(simulated, case, case.wrong_id, "msg_1")))
        store.announce(submitted, check, now)
        record = store.load_sync(sync.sync_id)
        assert record
        assert (record.company_id, record.pending_check) == (sync.company_id, check)
        worker(batch(_event(simulated, case, case.wrong_id, "msg_2")))
    else:
        store.announce(submitted, check, now)
        worker(batch(_event(simulated, case, case.wrong_id, "msg_1")))
    _require_right(store, case)


def test_nothing_of_an_erased_company_is_stored_under_another(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, case: Case
) -> None:
    """Codat names it in its answer."""
    simulated.faults.add(_NAMED)
    tombstone = {ERASURE_REQUESTED_AT: "2026-11-23T22:30:09.079Z", "companyId": case.sync.company_id}
    store.table.update(company_key(case.sync.company_id), tombstone, {})
    assert failed(start("worker")(batch(_event(simulated, case, case.wrong_id, "msg_1")))) == []
    assert store.load_sync(case.sync.sync_id) is None
