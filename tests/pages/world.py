"""Test data for the pages: three weeks of syncs of three companies, written by the worker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import format_timestamp
from dev.codat_simulator.books.models import Company, Item, Sync
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.sqs_batches import batch, failed, message, of
from tests.support.submit_requests import EXPENSES, ask, expense
from tests.support.tables.table_stream import Stream

Handler = Callable[[dict[str, Any]], dict[str, Any]]

TOKEN = {"token": "authentication-is-off"}
MERCHANT = "Café <b>Noir</b>"
HTML = "<script>document.title='broken'</script><b>not bold</b>"


@dataclass
class Indexing:
    """The table's stream and the function that indexes it."""

    stream: Stream
    index: Handler

    def catch_up(self) -> None:
        """Index the new records, in batches as Lambda hands them over."""
        for records in batched(self.stream.records(), 100):
            self.index({"Records": records})


@dataclass
class World:
    """Simulated Codat, the functions, and the URL of the pages."""

    simulated: SimulatedCodat
    worker: Handler
    submit: Handler
    retry: Handler
    reconcile: Handler
    indexing: Indexing
    url: str
    failed_sync: Sync = field(init=False)
    good_sync: Sync = field(init=False)
    submitted_ids: tuple[str, ...] = ()
    submitted_sync_id: str = ""

    def hears(self, *syncs: Sync) -> None:
        """Deliver the webhooks of syncs, in SQS batches of ten."""
        for some in batched(syncs, 10):
            messages = [of(self.simulated, each, f"msg_{each.sync_id}_{each.code}") for each in some]
            assert failed(self.worker(batch(*messages))) == []

    def _happens(self, company: Company, code: int, rows: Sequence[Item], days_ago: float = 0) -> Sync:
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days_ago))
        return self.simulated.add_sync(company, code, rows, sync_utc=at)

    def fill(self) -> None:
        """Create three weeks of syncs."""
        companies = [self.simulated.company(COMPANY_ID), self.simulated.add_company(), self.simulated.add_company()]
        for day in range(21):
            self._happens(companies[day % 3], 2000, generate_items(3 + day % 4), day)
            if day % 4 == 1:
                rows = [Item(f"a{day}{n}", "PushError", "expense", f"Account {n}{day} is archived.") for n in range(4)]
                self._happens(companies[day % 2], 5130, [Item(f"ok{day}"), *rows], day)
        self._happens(companies[2], 1000, generate_items(3, code=1000))
        self._happens(companies[1], 4000, [], 2)
        self.good_sync = self._happens(companies[0], 2000, [Item("good-one")])
        rows = [Item(f"t{n}", "Completed", "expense") for n in range(120)]
        rows += [
            Item("needle", "PushError", "bankfeeds", HTML),
            Item("other", "ValidationError", "expense", "Too old."),
        ]
        self.failed_sync = self._happens(companies[0], 5130, rows)
        self.hears(*self.simulated.syncs)

    def hears_what_it_does_not_know(self, event_type: str, number: int = 1) -> None:
        """Deliver webhooks of an unknown type, which become dead letters."""
        for _ in range(number):
            event = {"eventType": event_type, "payload": {"referenceCompany": {"id": COMPANY_ID}}}
            assert failed(self.worker(batch(message(event, syncId=None)))) == []

    def adds(self, code: int, rows: Sequence[Item]) -> Sync:
        """Add a sync of the first company, which ends now, and deliver its webhook."""
        added = self._happens(self.simulated.company(COMPANY_ID), code, rows)
        self.hears(added)
        return added

    def submits(self) -> str:
        """Submit an expense. Returns the id of its sync, which is in progress until it is settled."""
        return str(ask(self.submit, "POST", EXPENSES, [expense()]).body["syncId"])

    def submit_what_fails(self) -> None:
        """Submit two expenses, one of which fails and can be retried."""
        bodies = [expense(merchantName=MERCHANT, reference=f"INV-{number}") for number in (1, 2)]
        answer = ask(self.submit, "POST", EXPENSES, bodies)
        self.submitted_sync_id = answer.body["syncId"]
        self.submitted_ids = tuple(body["id"] for body in bodies)
        busy = Verdict("PushError", "The accounting software is busy.")
        self.settle(self.submitted_sync_id, {self.submitted_ids[0]: busy})

    def fails_with_a_body_for_the_last_two(self, number: int) -> tuple[Sync, tuple[str, ...]]:
        """Add a sync with ``number`` failed items, of which only the last two can be resubmitted; returns their ids."""
        ids = tuple(str(uuid4()) for _ in range(number))
        for each in ids[-2:]:
            recorded = ask(self.submit, "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{each}", expense(each))
            assert recorded.status == 204
        wrong = "The account is archived."
        rows = [Item(each, "ValidationError", "expense", wrong) for each in ids]
        # Its time is long ago: not among the syncs of the last month, which other tests list.
        sync = self._happens(self.simulated.company(COMPANY_ID), 5130, rows, 60)
        self.hears(sync)
        return sync, ids[-2:]

    def settle(self, sync_id: str, verdicts: dict[str, Verdict] | None = None) -> None:
        """Complete a submitted sync and deliver its webhook."""
        self.simulated.settle(sync_id, Outcome(transactions=verdicts or {}, webhook=None))
        self.hears(self.simulated.sync(sync_id))
