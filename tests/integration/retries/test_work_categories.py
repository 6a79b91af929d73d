"""A failed sync is in one category of the worklist, and everything that shows it agrees on which."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from codat_sync.aws.table_schema import retry_key, sync_key, work_partition
from codat_sync.companies.repository import CompanyRepository
from codat_sync.core.errors import VersionConflictError
from codat_sync.queries.sync_details import SyncReader
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import Decision, DecisionKind, RetryState
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import WorkCategory, categorize
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from tests.integration.retries.test_service import Product
from tests.support.aws import Aws
from tests.support.handlers import Handler
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import expense

_BUSY = Settled(otherwise=Verdict("PushError", "The accounting software is busy."))
_INVALID = Settled(otherwise=Verdict("ValidationError", "Account 6100 is archived."))
_DISMISSAL = Decision(DecisionKind.DISMISS, "Ann", "Entered by hand.", datetime(2026, 7, 1, tzinfo=UTC), None)


class Books:
    """What the lists say about the failed syncs: their records' summaries, and the worklist."""

    def __init__(self, store: SyncRepository) -> None:
        self._table = store.table
        self._details = SyncReader(store.table, CompanyRepository(store.table, event_retention=timedelta()))

    def category(self, sync_id: str) -> WorkCategory | None:
        """Return the category that lists show. The worklist has the sync exactly once, in the same one."""
        (listed,) = self._details.load_listed([sync_id])
        is_retry = not self._table.get([retry_key(sync_id)])
        assert self._listed_in(sync_id) == ([] if is_retry else [listed.category])
        return listed.category

    def _listed_in(self, sync_id: str) -> list[WorkCategory]:
        return [
            category
            for category in WorkCategory
            for item in self._table.query_page(work_partition(category), None, None, newest_first=True)[0]
            if item["pk"] == sync_key(sync_id)["pk"]
        ]


@pytest.fixture
def product(
    start: Callable[[str], Handler], aws: Aws, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> Product:
    """Return a product whose functions read the gate before each call."""
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    return Product(start, aws, simulated)


@pytest.fixture
def retries(store: SyncRepository) -> RetryRepository:
    """Return the stored retries."""
    return RetryRepository(store.table)


@pytest.fixture
def books(store: SyncRepository) -> Books:
    """Return what lists show."""
    return Books(store)


def test_a_failed_sync_is_resolved_once_everything_is_written(
    product: Product, books: Books, simulated: SimulatedCodat, store: SyncRepository
) -> None:
    """So are the failed syncs that its retries created: what failed in them is written, too. Codat's outcome stays."""
    one, two = expense(), expense()
    first = product.submits(one, two)
    product.hears(first, _BUSY)
    assert books.category(first) is WorkCategory.SCHEDULED
    product.minute()
    assert books.category(first) is WorkCategory.IN_PROGRESS
    second = simulated.submissions[-1].sync_id
    assert books.category(second) is None
    product.hears(second, Settled({one["id"]: Verdict("PushError", "busy")}))
    assert (books.category(first), books.category(second)) == (WorkCategory.IN_PROGRESS, WorkCategory.SCHEDULED)
    product.minute()
    third = simulated.submissions[-1].sync_id
    assert third not in {first, second}
    assert (books.category(first), books.category(second)) == (WorkCategory.IN_PROGRESS, WorkCategory.IN_PROGRESS)
    product.hears(third)
    product.minute()
    assert (books.category(first), books.category(second)) == (WorkCategory.RESOLVED, WorkCategory.RESOLVED)
    assert books.category(third) is None
    record = store.load_sync(first)
    assert record
    assert (record.outcome, product.minute()) == (Outcome.FAILED, [])


@pytest.fixture
def becomes(product: Product, simulated: SimulatedCodat) -> Callable[..., None]:
    """Return a callable that gives a sync another state at Codat, and lets its webhook come."""

    def become(sync_id: str, code: int, *items: Item) -> None:
        sync = simulated.change_sync(sync_id, code=code, items=items)
        assert failed(product.worker(batch(of(simulated, sync, f"msg_{uuid4()}")))) == []

    return become


def test_a_resolved_sync_that_fails_again_is_open_at_once(
    product: Product, books: Books, becomes: Callable[..., None], retries: RetryRepository
) -> None:
    """The write that replaces its record says so, before retry has planned it."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _INVALID)
    product.minute()
    becomes(sync_id, 2000, Item(body["id"]))
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert retry.state is RetryState.RESOLVED
    becomes(sync_id, 5130, Item(body["id"], "ValidationError"))
    assert books.category(sync_id) is WorkCategory.SCHEDULED
    product.minute()
    assert books.category(sync_id) is WorkCategory.CUSTOMER


def test_a_sync_that_failed_is_planned_again_whatever_it_becomes(
    product: Product, books: Books, becomes: Callable[..., None], retries: RetryRepository
) -> None:
    """In progress again at Codat, then written: nobody has to act."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _INVALID)
    product.minute()
    assert books.category(sync_id) is WorkCategory.CUSTOMER
    becomes(sync_id, 1000)
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert categorize(retry) is WorkCategory.IN_PROGRESS
    becomes(sync_id, 2000, Item(body["id"]))
    product.minute()
    retry = retries.load(sync_id)
    assert retry
    assert categorize(retry) is WorkCategory.RESOLVED


def test_a_dismissed_sync_is_resubmitted_by_users_only(
    product: Product, books: Books, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Who dismissed it may have entered the expense by hand: an automatic retry would write it a second time."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _BUSY)
    assert retries.decide(sync_id, _DISMISSAL)
    product.minute()
    assert len(simulated.submissions) == 1
    assert books.category(sync_id) is WorkCategory.DISMISSED
    retry = retries.load(sync_id)
    assert retry
    assert retry.due_at is None
    product.asks(sync_id)
    assert len(simulated.submissions) == 2


def test_a_dismissed_sync_reopens_when_it_fails_again(
    product: Product, books: Books, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """A user who dismissed it did not know of the new failure. Notes keep it dismissed; a plan does, too."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _INVALID)
    product.minute()
    assert books.category(sync_id) is WorkCategory.CUSTOMER
    assert retries.decide(sync_id, _DISMISSAL)
    assert books.category(sync_id) is WorkCategory.DISMISSED
    product.asks(sync_id)
    assert books.category(sync_id) is WorkCategory.DISMISSED
    second = simulated.submissions[-1].sync_id
    product.hears(second, _INVALID)
    product.minute()
    assert (books.category(sync_id), books.category(second)) == (WorkCategory.CUSTOMER, WorkCategory.CUSTOMER)
    retry = retries.load(sync_id)
    assert retry
    assert [(each.kind, each.by, each.reason) for each in retry.decisions] == [
        (DecisionKind.DISMISS, "Ann", "Entered by hand.")
    ]


def test_dismissing_covers_the_syncs_that_retries_created(
    product: Product, books: Books, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """They follow within a minute; so they do when it is reopened."""
    sync_id = product.submits(expense())
    product.hears(sync_id, _INVALID)
    product.asks(sync_id)
    second = simulated.submissions[-1].sync_id
    product.hears(second, _INVALID)
    product.minute()
    for kind, category in (
        (DecisionKind.DISMISS, WorkCategory.DISMISSED),
        (DecisionKind.REOPEN, WorkCategory.CUSTOMER),
    ):
        decision = Decision(kind, "Ann", "why", datetime.now(UTC), None)
        assert retries.decide(sync_id, decision)
        assert books.category(sync_id) is category
        product.minute()
        assert (books.category(sync_id), books.category(second)) == (category, category)


def test_a_worker_that_read_the_record_before_starts_over(
    product: Product, books: Books, store: SyncRepository, retries: RetryRepository
) -> None:
    """Otherwise its write would restore the category that it has read."""
    sync_id = product.submits(expense())
    sync = product.hears(sync_id, _INVALID)
    product.minute()
    snapshot = store.load_snapshot(sync.company_id, sync_id, [])
    assert retries.decide(sync_id, _DISMISSAL)
    with pytest.raises(VersionConflictError):
        store.set_pending_check(None, snapshot, datetime.now(UTC))
    assert books.category(sync_id) is WorkCategory.DISMISSED
    fresh = store.load_snapshot(sync.company_id, sync_id, [])
    assert fresh.version == snapshot.version
    store.set_pending_check(None, fresh, datetime.now(UTC))
    assert books.category(sync_id) is WorkCategory.DISMISSED


def test_a_plan_that_was_overtaken_changes_nothing(product: Product, books: Books, retries: RetryRepository) -> None:
    """The sync was made due meanwhile, so it is planned again; neither list shows the older plan."""
    sync_id = product.submits(expense())
    sync = product.hears(sync_id, _INVALID)
    product.minute()
    before = retries.load(sync_id)
    assert before
    retries.reschedule(sync.company_id, sync_id, datetime.now(UTC))
    retries.put(sync.company_id, sync_id, before, before)
    retry = retries.load(sync_id)
    assert retry
    assert retry.due_at
    assert books.category(sync_id) is WorkCategory.CUSTOMER


def test_what_an_older_version_stored_is_categorized_once_it_is_planned(
    product: Product, books: Books, retries: RetryRepository, store: SyncRepository
) -> None:
    """A resolved sync is not due by itself. What has a category is left alone."""
    body = expense()
    old, new = product.submits(body), product.submits(expense())
    product.hears(old, _INVALID)
    product.hears(new, _INVALID)
    product.minute()
    store.table.update(sync_key(old), {"summary.category": None}, {})
    store.table.update(retry_key(old), {"companyPk": None, "companySk": None, "lastFailure": None, "sync": None}, {})
    details = SyncReader(store.table, CompanyRepository(store.table, event_retention=timedelta())).load(old)
    assert details
    assert (details.listed.category, product.minute()) == (WorkCategory.CUSTOMER, [])
    assert list(retries.reschedule_uncategorized(datetime.now(UTC))) == [True]
    assert [each["syncId"] for each in product.minute()] == [old]
    assert books.category(old) is WorkCategory.CUSTOMER
    assert list(retries.reschedule_uncategorized(datetime.now(UTC))) == []


def test_what_the_product_submits_again_itself_resolves_the_failed_sync(
    product: Product, books: Books, retries: RetryRepository, simulated: SimulatedCodat
) -> None:
    """Although retry has stopped: the submission has it planned again, until the new sync has ended."""
    body = expense()
    first = product.submits(body)
    product.hears(first, _INVALID)
    product.minute()
    assert books.category(first) is WorkCategory.CUSTOMER
    second = product.submits(body | {"note": "corrected"})
    retry = retries.load(first)
    assert retry
    assert retry.due_at
    product.hears(second)
    retries.reschedule(simulated.sync(first).company_id, first, datetime.now(UTC))
    product.minute()
    assert (books.category(first), books.category(second)) == (WorkCategory.RESOLVED, None)
