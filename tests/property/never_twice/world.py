"""The application around one table, wired as its functions wire it, each of their runs a job that can be stepped."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from botocore.exceptions import ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.codat.client import Codat
from codat_sync.codat.http import CodatConnection
from codat_sync.companies.repository import CompanyStore
from codat_sync.core.errors import CodatSyncError
from codat_sync.ingestion.company_refresh import Refreshing
from codat_sync.ingestion.dispatcher import Work
from codat_sync.ingestion.sync_ingestion import Ingestion
from codat_sync.ingestion.tasks import CompanyNews, SyncNews
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.retries.planner import Plan, Policy, plan
from codat_sync.retries.service import Retrying, summed_up
from codat_sync.retries.transaction_history import Standings
from codat_sync.submissions.codat_writer import Writer
from codat_sync.submissions.expense_schemas import Body, Kind
from codat_sync.submissions.outcome_lookup import Tracing
from codat_sync.submissions.repository import SubmissionStore
from codat_sync.submissions.service import Submitting, Write
from codat_sync.syncs.repository import Store
from codat_sync.syncs.retry_repository import RetryStore
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.api.errors import CodatApiError
from dev.codat_simulator.books.models import FAILED, Sync
from dev.codat_simulator.books.submissions import Origin, Submitted
from dev.codat_simulator.simulator import SimulatedCodat
from tests.property.never_twice.surroundings import Network, NoTurns
from tests.support.clock import ManualClock
from tests.support.stepping import Crash, Job

COMPANY_ID = "3f8c2d1e-70a9-4a57-8a36-5b0d4c5e6f01"
EXPENSE_IDS = ("a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002")
TRANSFER_ID = "c0000000-0000-4000-8000-000000000003"
TRANSACTION_IDS = (*EXPENSE_IDS, TRANSFER_ID)
API_KEY = "an API key"
POLICY = Policy(3, timedelta(minutes=5), timedelta(hours=1))

_IN_PROGRESS = 1000
_RETENTION = timedelta(days=16)
_LONGEST_SUBMIT, _LONGEST_RETRY, _LONGEST_WORK = (timedelta(seconds=seconds) for seconds in (29, 120, 120))
# How a function may fail: whoever called it hears of it, or it is called again.
_FAILURES = (CodatSyncError, ClientError)


@dataclass(frozen=True)
class Request:
    """What a product asks for: transactions, each with a body of which there are several, perhaps with a key."""

    transaction_ids: tuple[str, ...]
    version: int
    idempotency_key: str | None = None
    kind: Kind = Kind.EXPENSE
    method: Literal["POST", "PUT"] = "POST"

    def write(self) -> Write:
        """Return it as submit hands it on."""
        body = _transfer if self.kind is Kind.TRANSFER else _body
        bodies = tuple(Body(each, body(each, self.version)) for each in self.transaction_ids)
        text = f"[{','.join(body.text for body in bodies)}]" if self.method == "POST" else bodies[0].text
        return Write(COMPANY_ID, self.kind, self.method, text, bodies, self.idempotency_key, "a request")


@dataclass(frozen=True)
class Written:
    """A request of ours that Codat took, and how one of its transactions stands."""

    sync_id: str
    method: str
    status: str | None
    is_of_retry: bool

    @property
    def is_open(self) -> bool:
        """Whether it may yet be written."""
        return self.status == "Pending"

    @property
    def is_done(self) -> bool:
        """Whether it is in the books."""
        return self.status == "Completed"


@dataclass
class Run:
    """A run of a function, which has to be over by ``ends_at``."""

    job: Job
    ends_at: datetime

    @property
    def name(self) -> str:
        return self.job.name


class Functions:
    """What the functions are made of, as if each run were a process of its own."""

    def __init__(self, table: Table, network: Network, clock: ManualClock) -> None:
        now = self._now = clock.now

        def connect(*, is_for_people: bool) -> CodatConnection:
            gate = SharedGate(table, now, is_for_people=is_for_people, clock=clock.seconds)
            connection = CodatConnection(network.http, lambda: API_KEY, NoTurns(), gate, now)
            connection._clock = clock.seconds  # noqa: SLF001 - it has no other way in
            return connection

        self.store = Store(table, event_retention=_RETENTION)
        self.submissions = SubmissionStore(table)
        companies = CompanyStore(table, event_retention=_RETENTION)
        self.standings = Standings(self.store, self.submissions, companies)
        self._retries = RetryStore(table)
        self._submitting = self._made(connect(is_for_people=True))
        self._retrying = Retrying(
            self._made(connect(is_for_people=False)), self.submissions, self.standings, POLICY, now
        )
        self._codat = Codat(connect(is_for_people=False))
        self._companies, self._gate = companies, SharedGate(table, now, clock=clock.seconds)

    def _made(self, connection: CodatConnection) -> Submitting:
        tracing = Tracing(Codat(connection))
        writer, retries = Writer(connection), self._retries
        return Submitting(writer, self.submissions, self.store, retries, tracing, Schedule(), self._now)

    def submit(self, request: Request) -> int:
        return int(self._submitting.submit(request.write()).status_code)

    def keep(self, request: Request) -> None:
        self._submitting.keep(request.write())

    def retry(self, sync_id: str, *, is_for_person: bool) -> None:
        root_id = str(self.store.load_head("", sync_id, []).values.get("retryOf") or sync_id)
        known = self._retries.load(root_id)
        done = self._retrying.retry(root_id, None, "a retry", is_for_person=is_for_person)
        if done is not None:
            self._retries.put(COMPANY_ID, root_id, summed_up(known, done, self._now()), known)

    def take_in(self, sync_id: str, webhook_id: str) -> None:
        event = WebhookEvent(webhook_id, "expenses.sync", self._now(), self._now(), webhook_id)
        self._work().do([SyncNews(COMPANY_ID, sync_id, event, None, webhook_id)], 1)

    def look_up(self, webhook_id: str) -> None:
        event = WebhookEvent(webhook_id, "connection", self._now(), self._now(), webhook_id)
        news = CompanyNews(COMPANY_ID, event, None, is_deletion=False, correlation_id=webhook_id)
        self._work().do([news], 1)

    def _work(self) -> Work:
        ingestion = Ingestion(self._codat, self.store, Schedule(), self._now, chance=lambda: 0.5)
        refreshing = Refreshing(self._codat, self._companies, Schedule(), self._now, chance=lambda: 0.5)
        return Work(ingestion, refreshing, self.store, self._gate)


class World:
    """All there is: Codat with the customer's books, the table, the runs, and the time."""

    def __init__(self, make_table: Callable[[ManualClock], Table]) -> None:
        self.clock = ManualClock()
        self.codat = SimulatedCodat(API_KEY, "whsec_dGVzdA==", now=self.clock.now, sleep=lambda _: None)
        self.codat.add_company(company_id=COMPANY_ID)
        self.network = Network(self.codat, self.clock)
        self.functions = Functions(make_table(self.clock), self.network, self.clock)
        self.runs: list[Run] = []
        self.of_portal: set[str] = set()
        self.updated: set[str] = set()
        self._started = 0

    # ------------------------------------------------------------ what runs

    def submit(self, request: Request) -> Run:
        self.updated |= set(request.transaction_ids) if request.method == "PUT" else set()
        return self._start("submit", _LONGEST_SUBMIT, lambda: self.functions.submit(request))

    def keep(self, request: Request) -> Run:
        return self._start("keep", _LONGEST_SUBMIT, lambda: self.functions.keep(request))

    def retry(self, sync_id: str, *, is_for_person: bool) -> Run:
        return self._start("retry", _LONGEST_RETRY, lambda: self.functions.retry(sync_id, is_for_person=is_for_person))

    def hear(self, sync_id: str) -> Run:
        """Have the webhook of a sync come, and a worker take the sync in."""
        webhook_id = f"webhook-{self._started + 1}"
        return self._start("worker", _LONGEST_WORK, lambda: self.functions.take_in(sync_id, webhook_id))

    def hear_of_company(self) -> Run:
        """Have an event of the company's connection come, and a worker look it up."""
        webhook_id = f"webhook-{self._started + 1}"
        return self._start("worker", _LONGEST_WORK, lambda: self.functions.look_up(webhook_id))

    def tidy(self) -> None:
        """Forget the runs that have ended; raises what none of them may end with."""
        ended = [run for run in self.runs if run.job.next_call is None]
        self.runs = [run for run in self.runs if run.job.next_call]
        for run in ended:
            if run.job.error and not isinstance(run.job.error, (*_FAILURES, Crash)):
                raise run.job.error

    def pass_by(self, time: timedelta) -> None:
        """Let time pass: no run lasts longer than it may, and what is on its way arrives."""
        self.network.deliver_before(self.clock.now() + time)
        self.clock.pass_by(time)
        for run in self.runs:
            if run.ends_at < self.clock.now():
                run.job.crash()
        self.tidy()

    def close(self) -> None:
        """End all that still runs."""
        for run in self.runs:
            run.job.crash()
        self.network.http.close()

    def _start(self, name: str, longest: timedelta, work: Callable[[], object]) -> Run:
        self._started += 1
        run = Run(Job(f"{name} {self._started}", work), self.clock.now() + longest)
        self.runs.append(run)
        return run

    # ------------------------------------------------------------ what Codat has

    def open_syncs(self) -> list[str]:
        return [sync.sync_id for sync in self.codat.syncs if sync.code == _IN_PROGRESS]

    def ended_syncs(self) -> list[str]:
        return [sync.sync_id for sync in self.codat.syncs if sync.code != _IN_PROGRESS]

    def failed_syncs(self) -> list[str]:
        return [sync.sync_id for sync in self.codat.syncs if any(item.status in FAILED for item in sync.items)]

    def failed_ids(self) -> list[str]:
        """Return the transactions that failed at least once."""
        failed = {item.transaction_id for sync in self.codat.syncs for item in sync.items if item.status in FAILED}
        return [each for each in TRANSACTION_IDS if each in failed]

    @property
    def is_linked(self) -> bool:
        return self.codat.company(COMPANY_ID).connection_status == "Linked"

    def link(self) -> None:
        """Let the customer connect his accounting software again."""
        self.codat.set_connection_status(COMPANY_ID, "Linked")

    def press_in_portal(self, transaction_id: str) -> None:
        """Have somebody retry a transaction in Codat's own portal, if Codat lets him."""
        origin = Origin(COMPANY_ID, "POST", "expense-transactions")
        body = _body(transaction_id, 0)
        try:
            made = self.codat.accept(self.codat.company(COMPANY_ID), origin, [Submitted(transaction_id, body)])
        except CodatApiError:
            return
        self.of_portal.add(made.sync_id)

    def writes(self, transaction_id: str) -> list[Written]:
        """Return the requests of ours by which Codat writes a transaction, has done so or could not, oldest first."""
        return [
            Written(
                made.sync_id,
                made.origin.method,
                _status(self.codat.sync(made.sync_id), transaction_id),
                is_of_retry=self.network.makers[made.sync_id].startswith("retry"),
            )
            for made in self.codat.submissions
            if made.sync_id not in self.of_portal
            and any(each.transaction_id == transaction_id for each in made.transactions)
        ]

    def is_in_books(self, transaction_id: str) -> bool:
        return any(entry.transaction_id == transaction_id for entry in self.codat.books(COMPANY_ID))

    def plans(self, transaction_ids: Sequence[str]) -> dict[str, Plan]:
        """Return what can be done about transactions, as it stands now."""
        standings = self.functions.standings.load(COMPANY_ID, transaction_ids)
        return {name: plan(standing, self.clock.now(), POLICY) for name, standing in standings.items()}


def _status(sync: Sync, transaction_id: str) -> str | None:
    """Return how a transaction stands in a sync, Pending while the sync is open."""
    (status,) = (item.status for item in sync.items if item.transaction_id == transaction_id)
    return status


def _body(transaction_id: str, version: int) -> str:
    body = {
        "id": transaction_id,
        "type": "Payment",
        "issueDate": "2026-01-05T00:00:00+00:00",
        "currency": "GBP",
        "merchantName": f"version {version}",
        "lines": [{"netAmount": 100, "taxAmount": 20}],
    }
    return json.dumps(body)


def _transfer(_: str, version: int) -> str:
    side = {"accountRef": {"id": f"account {version}"}, "amount": 100}
    return json.dumps({"date": "2026-01-05T00:00:00+00:00", "from": side, "to": side})
