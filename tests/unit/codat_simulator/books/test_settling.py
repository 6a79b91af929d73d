"""Syncs that a request started come to the end that a test decides on, and only then is anything in the books."""

import json
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from dev.codat_simulator.books.models import Company, Sync
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.settling import CONNECTION_LOST_MESSAGE, Outcome, Rule, Settling, Verdict
from dev.codat_simulator.books.submissions import Entry
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.events import Generation
from tests.support.clock import ManualClock

Create = Callable[..., str]


@pytest.fixture
def announced(codat: SimulatedCodat) -> list[tuple[Sync, Generation]]:
    """Give the list of syncs whose end was announced."""
    announced: list[tuple[Sync, Generation]] = []
    codat.on_settled = lambda sync, generation: announced.append((sync, generation))
    return announced


@pytest.fixture
def create(codat: SimulatedCodat, company: Company) -> Create:
    """Give what creates transactions, and returns their sync."""

    def create(*transaction_ids: str) -> str:
        body = [generate_expense(transaction_id) for transaction_id in transaction_ids]
        return ask(codat, company, "POST expense-transactions", body).json()["syncId"]  # type: ignore[no-any-return]

    return create


def ask(codat: SimulatedCodat, company: Company, call: str, body: object = None) -> httpx.Response:
    """Ask for something of a company's."""
    method, path = call.split()
    url = f"https://api.codat.io/companies/{company.company_id}/sync/expenses/{path}"
    client = httpx.Client(transport=codat.transport(), headers={"Authorization": codat.credentials})
    return client.request(method, url, content=json.dumps(body).encode())


def statuses(sync: Sync) -> dict[str | None, str | None]:
    """Give what became of each transaction."""
    return {item.transaction_id: item.status for item in sync.items}


# ---------------------------------------------------------------- settled by hand


def test_by_default_all_is_written(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """A sync without an outcome of its own succeeds, as can be read, and is in the books."""
    sync_id = create("t-1", "t-2")
    assert codat.books(company.company_id) == ()
    assert statuses(codat.settle(sync_id)) == {"t-1": "Completed", "t-2": "Completed"}
    assert ask(codat, company, f"GET syncs/{sync_id}/status").json()["syncStatusCode"] == 2000
    (submission,) = codat.submissions
    assert codat.books(company.company_id) == tuple(
        Entry(each.transaction_id, "expense-transactions", "POST", sync_id, each.body)
        for each in submission.transactions
    )


def test_what_failed_is_not_in_the_books(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """Each transaction has its own end; one that failed makes a failed sync."""
    verdicts = {"t-1": Verdict("PushError", "Account 6100 is archived."), "t-3": Verdict("ValidationError", "No rate")}
    sync = codat.settle(create("t-1", "t-2", "t-3"), Outcome(verdicts))
    assert (sync.code, sync.successful) == (5130, False)
    assert statuses(sync) == {"t-1": "PushError", "t-2": "Completed", "t-3": "ValidationError"}
    assert [item.message for item in sync.items] == ["Account 6100 is archived.", None, "No rate"]
    assert [entry.transaction_id for entry in codat.books(company.company_id)] == ["t-2"]


def test_any_code_can_be_had(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """A sync can fail as a whole, and can say that it failed though all was written."""
    failed = codat.settle(create("t-1", "t-2"), Outcome(code=5000, otherwise=Verdict("PushError", "Try again")))
    assert (failed.code, set(statuses(failed).values())) == (5000, {"PushError"})
    assert codat.books(company.company_id) == ()
    lying = codat.settle(create("t-1"), Outcome(code=5000))
    assert (lying.successful, codat.times_created(company.company_id, "t-1")) == (False, 1)


def test_failed_transaction_can_be_created_again(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """The retry is a new sync; the old one stays as it was."""
    first = codat.settle(create("t-1"), Outcome(otherwise=Verdict("PushError", "Try again")))
    second = codat.settle(create("t-1"))
    assert (codat.sync(first.sync_id).code, second.code) == (5130, 2000)
    assert [entry.sync_id for entry in codat.books(company.company_id)] == [second.sync_id]
    assert ask(codat, company, "POST expense-transactions", [generate_expense("t-1")]).status_code == 400


def test_double_writing_shows(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """Codat does not prevent it while the first one is in progress: the books have it twice."""
    for sync_id in [create("t-1"), create("t-1")]:
        codat.settle(sync_id)
    assert codat.times_created(company.company_id, "t-1") == 2
    assert codat.times_created(company.company_id, "t-2") == 0


def test_update_is_in_the_books_but_creates_nothing(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """Every entry says how it came."""
    codat.settle(create("t-1"))
    update = generate_expense("t-1", notes="changed")
    codat.settle(ask(codat, company, "PUT expense-transactions/t-1", update).json()["syncId"])
    assert [entry.method for entry in codat.books(company.company_id)] == ["POST", "PUT"]
    assert json.loads(codat.books(company.company_id)[1].body) == update
    assert codat.times_created(company.company_id, "t-1") == 1


def test_books_are_the_companys_own(codat: SimulatedCodat, create: Create) -> None:
    """Another company's are empty, as are those of one that nobody knows."""
    codat.settle(create("t-1"))
    assert codat.books(codat.add_company().company_id) == codat.books("unknown") == ()


def test_sync_ends_once(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """A second end is a mistake of the test's, and writes nothing."""
    sync_id = create("t-1")
    codat.settle(sync_id)
    with pytest.raises(ValueError, match="settled already"):
        codat.settle(sync_id)
    assert codat.times_created(company.company_id, "t-1") == 1


def test_outcome_that_fits_no_sync_is_refused(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """A misspelt id is an error, not a success; a sync that no request started cannot be settled."""
    sync_id = create("t-1")
    with pytest.raises(ValueError, match="no t-9"):
        codat.settle(sync_id, Outcome({"t-9": Verdict("PushError")}))
    assert codat.sync(sync_id).code == 1000
    with pytest.raises(KeyError):
        codat.settle(codat.add_sync(company, 1000).sync_id)


# ---------------------------------------------------------------- companies that are out of reach


@pytest.mark.parametrize(("asked", "code"), [(None, 4220), (2000, 4220), (4040, 4040), (4220, 4220)])
def test_deauthorized_company_is_found_out_at_the_end(
    codat: SimulatedCodat, company: Company, create: Create, asked: int | None, code: int
) -> None:
    """The sync is accepted, then fails as a whole with 4220, or 4040 if that is asked for."""
    codat.set_connection_status(company.company_id, "Deauthorized")
    sync = codat.settle(create("t-1", "t-2"), Outcome(code=asked))
    assert (sync.code, sync.successful) == (code, False)
    assert [(item.status, item.message) for item in sync.items] == [("PushError", CONNECTION_LOST_MESSAGE)] * 2
    assert codat.books(company.company_id) == ()


def test_company_that_is_linked_again_is_written_to(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """What counts is how the connection is when the sync ends."""
    codat.set_connection_status(company.company_id, "Deauthorized")
    sync_id = create("t-1")
    codat.set_connection_status(company.company_id, "Linked")
    assert codat.settle(sync_id).code == 2000


def test_company_that_is_deleted_meanwhile(
    codat: SimulatedCodat, company: Company, create: Create, announced: list[tuple[Sync, Generation]]
) -> None:
    """Its sync fails with 4040, nothing is written, and no webhook announces it."""
    sync_id = create("t-1")
    codat.delete_company(company.company_id)
    assert codat.settle(sync_id).code == 4040
    assert (codat.books(company.company_id), announced) == ((), [])


# ---------------------------------------------------------------- the end is announced


def test_end_is_announced(codat: SimulatedCodat, create: Create, announced: list[tuple[Sync, Generation]]) -> None:
    """Once, with the sync as it ended, in the generation that was asked for; or never, as a webhook that gets lost."""
    first = codat.settle(create("t-1"))
    second = codat.settle(create("t-2"), Outcome(webhook="old"))
    codat.settle(create("t-3"), Outcome(webhook=None))
    assert announced == [(first, "current"), (second, "old")]


# ---------------------------------------------------------------- settled by plan


def test_without_a_plan_syncs_stay_in_progress(codat: SimulatedCodat, clock: ManualClock, create: Create) -> None:
    """Nothing ends by itself, however long it takes."""
    sync_id = create("t-1")
    clock.time += timedelta(days=1)
    codat.settle_due()
    assert codat.sync(sync_id).code == 1000


def test_plan_ends_syncs_when_it_is_time(
    codat: SimulatedCodat, clock: ManualClock, create: Create, announced: list[tuple[Sync, Generation]]
) -> None:
    """Not before, and not twice."""
    codat.auto_settle = Settling(after_seconds=10)
    sync_id = create("t-1")
    clock.time += timedelta(seconds=9)
    codat.settle_due()
    assert codat.sync(sync_id).code == 1000
    clock.time += timedelta(seconds=1)
    codat.settle_due()
    codat.settle_due()
    assert announced == [(codat.sync(sync_id), "current")]
    assert announced[0][0].code == 2000


def test_whoever_asks_finds_what_is_due_settled(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """In process nothing runs in the background: each request settles first what is due."""
    codat.auto_settle = Settling()
    sync_id = create("t-1")
    assert codat.sync(sync_id).code == 1000
    assert ask(codat, company, f"GET syncs/{sync_id}/status").json()["syncStatusCode"] == 2000


def test_plan_has_rules(codat: SimulatedCodat, company: Company, create: Create) -> None:
    """Some fail the first time, some always, others never; the first rule that matches decides."""
    codat.auto_settle = Settling(
        rules=(
            Rule("^t-1$", times=1, message="Locked"),
            Rule("^t-[12]$", status="ValidationError", message="No rate"),
            Rule(company_id="another"),
        )
    )
    rounds = []
    for transaction_ids in [("t-1", "t-2", "t-3"), ("t-1", "t-2")]:
        sync_id = create(*transaction_ids)
        codat.settle_due()
        rounds.append({item.transaction_id: (item.status, item.message) for item in codat.sync(sync_id).items})
    assert rounds == [
        {"t-1": ("PushError", "Locked"), "t-2": ("ValidationError", "No rate"), "t-3": ("Completed", None)},
        {"t-1": ("ValidationError", "No rate"), "t-2": ("ValidationError", "No rate")},
    ]
    assert [entry.transaction_id for entry in codat.books(company.company_id)] == ["t-3"]


def test_what_failed_once_by_plan_succeeds_when_created_again(
    codat: SimulatedCodat, company: Company, create: Create
) -> None:
    """As often as the rule says, and no more."""
    codat.auto_settle = Settling(rules=(Rule("t-1", times=2),))
    codes = []
    for _ in range(3):
        sync_id = create("t-1")
        codat.settle_due()
        codes.append(codat.sync(sync_id).code)
    assert codes == [5130, 5130, 2000]
    assert codat.times_created(company.company_id, "t-1") == 1


def test_plan_may_be_any_function(codat: SimulatedCodat, create: Create) -> None:
    """It is asked until it decides."""
    answers = iter([None, Outcome(code=2040)])
    codat.auto_settle = lambda *_: next(answers)
    sync_id = create("t-1")
    codat.settle_due()
    assert codat.sync(sync_id).code == 1000
    codat.settle_due()
    assert codat.sync(sync_id).code == 2040


def test_plan_can_be_set_while_syncs_are_in_progress(codat: SimulatedCodat, create: Create) -> None:
    """It is for those, too; those that were settled by hand are left alone."""
    waiting, settled = create("t-1"), create("t-2")
    codat.settle(settled, Outcome(code=5000))
    codat.auto_settle = Settling()
    codat.settle_due()
    assert [codat.sync(sync_id).code for sync_id in (waiting, settled)] == [2000, 5000]


def test_rule_that_is_no_regular_expression_is_refused() -> None:
    """The mistake shows where it was made."""
    with pytest.raises(ValueError, match="transaction_id"):
        Rule("(")
