"""The comparison of `make demo` detects every difference between the table and Codat."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from codat_sync.syncs.status_codes import STATUS_CODES
from dev.codat_simulator.books.models import Item, SyncChanges
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.control.messages import Snapshot
from dev.codat_simulator.simulator import SimulatedCodat
from dev.demo.scenario.delivery import Sent
from dev.demo.scenario.reconciliation import ReconciliationOutcome
from dev.demo.scenario.submissions import ExpenseOutcome
from dev.demo.scenario.syncs import SYNCS
from dev.demo.verification.comparison import Difference, Verdict, compare
from dev.demo.verification.expected import expected_records
from dev.demo.verification.published_events import PublishedEvents
from dev.demo.verification.records import Kind, Records
from dev.demo.verification.result import Result
from dev.demo.verification.stored import stored_records
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS, load
from tests.support.aws import Aws
from tests.support.handlers import Handler

WEBHOOK_ID = "msg_2pLxVrYw9bQk0002"  # of the payload
_RECONCILED = ReconciliationOutcome(1, 1, 5, datetime(2026, 11, 24, 22, 10, tzinfo=UTC))
DOCUMENT = (f"SYNC#{SYNC_ID}", "SYNC")
EVENT = (f"SYNC#{SYNC_ID}", f"EVENT#{WEBHOOK_ID}")
INDEX_ENTRY = (f"TXN#{COMPANY_ID}#{TRANSACTION_IDS[1]}", f"SYNC#{SYNC_ID}")


@pytest.fixture(autouse=True)
def _ingested(start: Callable[[str], Handler], simulated: SimulatedCodat) -> None:
    """Let the worker ingest a sync with unusual rows, so large that it is stored in parts."""
    long = (Item(f"long-{number}", message="a long story " * 1000) for number in range(20))
    items = (*simulated.sync(SYNC_ID).items, *generate_items(40, code=5130), *long)
    simulated.change_sync(SYNC_ID, items=items, sync_exception_message="Für den Beleg gilt: nein.")
    assert start("worker")(load("worker", "sync-unsuccessful")) == {"batchItemFailures": []}


def _compared(simulated: SimulatedCodat, aws: Aws) -> list[Difference]:
    """Compare the records of syncs only: no webhook was delivered."""
    snapshot = Snapshot(simulated.companies, simulated.syncs)
    expected = expected_records(snapshot, [Sent(WEBHOOK_ID, SYNC_ID, is_genuine=True)])
    return compare(_without_answers(expected), stored_records(aws.dynamodb, "syncs"))


def _without_answers(records: Records) -> Records:
    return {key: record for key, record in records.items() if key.kind is not Kind.WEBHOOK}


def test_an_ingested_sync_has_no_differences(simulated: SimulatedCodat, aws: Aws) -> None:
    """The baseline of the other tests."""
    assert _compared(simulated, aws) == []


@pytest.mark.parametrize(
    "change",
    [
        {"code": 5120, "sync_status": "PushError", "error_message": "The data could not be written."},
        {"sync_status": "Complete"},
        {"error_message": None},
        {"sync_exception_message": "Für den Beleg gilt: ja."},
        {"sync_utc": "2022-08-03T01:30:09.0807213Z"},
        {"data_pushed": True},
    ],
)
def test_a_sync_that_changes_without_a_webhook_differs(
    simulated: SimulatedCodat, aws: Aws, change: SyncChanges
) -> None:
    """Compare every field of the status."""
    simulated.change_sync(SYNC_ID, **change)
    assert (Verdict.DIFFERENT, Kind.SYNC) in {(found.verdict, found.key.kind) for found in _compared(simulated, aws)}


@pytest.mark.parametrize("change", [{"status": "Pending"}, {"message": "Account 6200 is archived."}])
def test_a_transaction_that_changes_without_a_webhook_differs(
    simulated: SimulatedCodat, aws: Aws, change: dict[str, str]
) -> None:
    """Report only that transaction."""
    first, second, *others = simulated.sync(SYNC_ID).items
    simulated.change_sync(SYNC_ID, items=(first, replace(second, **change), *others))
    (found,) = _compared(simulated, aws)
    assert (found.verdict, found.key.kind) == (Verdict.DIFFERENT, Kind.TRANSACTION)


def test_a_missing_or_additional_row_is_reported(simulated: SimulatedCodat, aws: Aws) -> None:
    """Also for one of several identical rows."""
    items = simulated.sync(SYNC_ID).items
    simulated.change_sync(SYNC_ID, items=(*items, items[-1]))
    assert [found.verdict for found in _compared(simulated, aws)] == [Verdict.LOST]
    simulated.change_sync(SYNC_ID, items=items[:-1])
    assert {(found.verdict, found.key.kind) for found in _compared(simulated, aws)} == {
        (Verdict.UNEXPECTED, Kind.TRANSACTION),
        (Verdict.UNEXPECTED, Kind.INDEX_ENTRY),
    }


@pytest.mark.parametrize(("key", "kind"), [(DOCUMENT, Kind.SYNC), (EVENT, Kind.EVENT), (INDEX_ENTRY, Kind.INDEX_ENTRY)])
def test_a_missing_item_is_lost(simulated: SimulatedCodat, aws: Aws, key: tuple[str, str], kind: Kind) -> None:
    """Omit the document, an event or an index entry."""
    pk, sk = key
    aws.dynamodb.delete_item(TableName="syncs", Key={"pk": {"S": pk}, "sk": {"S": sk}})
    assert (Verdict.LOST, kind) in {(found.verdict, found.key.kind) for found in _compared(simulated, aws)}


def test_an_unknown_item_is_unexpected(simulated: SimulatedCodat, aws: Aws) -> None:
    """Add a foreign event, a dangling index entry or an item of unknown kind."""
    for pk, sk in (EVENT[0], "EVENT#msg_other"), (INDEX_ENTRY[0], "SYNC#elsewhere"), ("OTHER", "OTHER"):
        aws.dynamodb.put_item(TableName="syncs", Item={"pk": {"S": pk}, "sk": {"S": sk}})
    assert [found.verdict for found in _compared(simulated, aws)] == [Verdict.UNEXPECTED] * 3


_PASSED = Result(
    {},
    {},
    0,
    Counter(),
    [],
    PublishedEvents(Counter(), None, unpublished_syncs=0),
    _RECONCILED,
    queued=0,
    dead_letters=0,
)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (replace(_PASSED, queued=6), "6 left in the queue"),
        (replace(_PASSED, dead_letters=1), "1 dead letters"),
        (replace(_PASSED, published=replace(_PASSED.published, unpublished_syncs=1)), "1 not published"),
        (replace(_PASSED, expense_outcomes=[ExpenseOutcome("", 2, "", "")]), "1 written twice"),
        (replace(_PASSED, reconciliation=replace(_RECONCILED, found=0)), "1 not found by reconciliation"),
        (replace(_PASSED, reconciliation=replace(_RECONCILED, complete_as_of=None)), "completeness unknown"),
    ],
)
def test_the_verdict_lists_every_problem(result: Result, says: str) -> None:
    """Also if the two sides agree."""
    assert _PASSED.passed
    assert _PASSED.verdict == "0 syncs, 0 transactions: 0 lost, 0 different"
    assert not result.passed
    assert result.verdict == f"{_PASSED.verdict}, {says}"


def test_the_demo_shows_every_status_code() -> None:
    """With the 3 syncs that it adds, at least 40."""
    assert SYNCS.keys() == STATUS_CODES.keys()
    assert sum(number for number, _ in SYNCS.values()) + 3 >= 40
