"""The application around one table, wired as the functions wire it, with steppable runs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Literal

from botocore.exceptions import ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import SUBMISSION, due_partition, unknown_partition
from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.companies.repository import CompanyRepository
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.ingestion.company_refresh import CompanyRefresh
from codat_sync.ingestion.dispatcher import TaskDispatcher
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.tasks import CompanyTask, SyncTask
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.retries.planner import Plan, RetryPolicy, plan
from codat_sync.retries.service import RetryService, summarize
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.outcome_check import OutcomeCheck
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.service import SubmissionService, WriteRequest
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.api.errors import CodatApiError
from dev.codat_simulator.books.models import FAILED, Sync
from dev.codat_simulator.books.submissions import Origin, SubmittedTransaction
from dev.codat_simulator.simulator import SimulatedCodat
from tests.property.never_twice.boundaries import Network, NoTurns
from tests.property.runs import Run, SteppedWorld
from tests.support.clock import ManualClock

COMPANY_ID = "3f8c2d1e-70a9-4a57-8a36-5b0d4c5e6f01"
EXPENSE_IDS = ("a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002")
TRANSFER_ID = "c0000000-0000-4000-8000-000000000003"
TRANSACTION_IDS = (*EXPENSE_IDS, TRANSFER_ID)
API_KEY = "an API key"
POLICY = RetryPolicy(3, timedelta(minutes=5), timedelta(hours=1))

_IN_PROGRESS = 1000
_RETENTION = timedelta(days=16)
_SUBMIT_TIMEOUT, _RETRY_TIMEOUT, _WORKER_TIMEOUT = (timedelta(seconds=seconds) for seconds in (29, 120, 120))
# How a function may fail: its caller gets the error, or it is called again.
_FAILURES = (CodatSyncError, ClientError)


@dataclass(frozen=True)
class Request:
    """A product's request: transactions, each with one of several bodies, and optionally an idempotency key."""

    transaction_ids: tuple[str, ...]
    version: int
    idempotency_key: str | None = None
    kind: Kind = Kind.EXPENSE
    method: Literal["POST", "PUT"] = "POST"

    def write(self) -> WriteRequest:
        """Return the command that the service gets."""
        body = _transfer if self.kind is Kind.TRANSFER else _body
        bodies = tuple(Body(each, body(each, self.version)) for each in self.transaction_ids)
        text = f"[{','.join(body.text for body in bodies)}]" if self.method == "POST" else bodies[0].text
        return WriteRequest(COMPANY_ID, self.kind, self.method, text, bodies, self.idempotency_key, "a request")


@dataclass(frozen=True)
class Written:
    """A request that Codat accepted from us, and the status of one of its transactions."""

    sync_id: str
    method: str
    status: str | None
    is_of_retry: bool

    @property
    def is_open(self) -> bool:
        """Whether it may still be written."""
        return self.status == "Pending"

    @property
    def is_done(self) -> bool:
        """Whether it is in the books."""
        return self.status == "Completed"


class Functions:
    """The functions' services, as if each run were a process of its own."""

    def __init__(self, table: Table, network: Network, clock: ManualClock) -> None:
        now = self._now = clock.now

        def connect(*, is_interactive: bool) -> CodatHttpClient:
            gate = SharedGate(table, now, is_interactive=is_interactive, clock=clock.seconds)
            connection = CodatHttpClient(network.http, lambda: API_KEY, NoTurns(), gate, now)
            connection._clock = clock.seconds  # noqa: SLF001 - there is no other way to set it
            return connection

        self.table = table
        self.store = SyncRepository(table, event_retention=_RETENTION)
        self.submissions = SubmissionRepository(table)
        companies = CompanyRepository(table, event_retention=_RETENTION)
        self.histories = TransactionHistories(self.store, self.submissions, companies)
        self._retries = RetryRepository(table)
        self._submitting = self._submission_service(connect(is_interactive=True))
        service = self._submission_service(connect(is_interactive=False))
        self._retrying = RetryService(service, self.submissions, self.histories, POLICY, now)
        self._outcome_check = OutcomeCheck(service, self.submissions, lambda _: True, now)
        self._codat = CodatClient(connect(is_interactive=False))
        self._companies, self._gate = companies, SharedGate(table, now, clock=clock.seconds)

    def _submission_service(self, connection: CodatHttpClient) -> SubmissionService:
        outcome_lookup = OutcomeLookup(CodatClient(connection))
        writer, retries = CodatWriter(connection), self._retries
        return SubmissionService(writer, self.submissions, self.store, retries, outcome_lookup, Schedule(), self._now)

    def submit(self, request: Request) -> int:
        return int(self._submitting.submit(request.write()).status_code)

    def record(self, request: Request) -> None:
        self._submitting.store_body(request.write())

    def retry(self, sync_id: str, *, is_for_operator: bool) -> None:
        root_id = str(self.store.load_snapshot("", sync_id, []).values.get("retryOf") or sync_id)
        known = self._retries.load(root_id)
        done = self._retrying.retry(root_id, None, "a retry", is_manual=is_for_operator)
        if done is not None:
            self._retries.put(COMPANY_ID, root_id, summarize(known, done, self._now()), known)

    def check_outcome(self, submission_id: str) -> None:
        self._outcome_check.execute(submission_id)

    def ingest(self, sync_id: str, webhook_id: str) -> None:
        event = WebhookEvent(webhook_id, "expenses.sync", self._now(), self._now(), webhook_id)
        self._work().dispatch([SyncTask(COMPANY_ID, sync_id, event, None, webhook_id)], 1)

    def refresh_company(self, webhook_id: str) -> None:
        event = WebhookEvent(webhook_id, "connection", self._now(), self._now(), webhook_id)
        task = CompanyTask(COMPANY_ID, event, None, is_deletion=False, correlation_id=webhook_id)
        self._work().dispatch([task], 1)

    def _work(self) -> TaskDispatcher:
        ingestion = SyncIngestion(self._codat, self.store, Schedule(), self._now, jitter=lambda: 0.5)
        company_refresh = CompanyRefresh(self._codat, self._companies, Schedule(), self._now, jitter=lambda: 0.5)
        return TaskDispatcher(ingestion, company_refresh, self.store, self._gate, lambda *_: None)


class World(SteppedWorld[Run]):
    """Codat with the customer's books, the table, the runs and the clock."""

    failures = _FAILURES

    def __init__(self, make_table: Callable[[ManualClock], Table]) -> None:
        super().__init__()
        self.codat = SimulatedCodat(API_KEY, "whsec_dGVzdA==", now=self.clock.now, sleep=lambda _: None)
        self.codat.add_company(company_id=COMPANY_ID)
        self.network = Network(self.codat, self.clock)
        self.functions = Functions(make_table(self.clock), self.network, self.clock)
        self.retried_in_portal: set[str] = set()
        self.updated: set[str] = set()

    # ------------------------------------------------------------ runs

    def submit(self, request: Request) -> Run:
        self.updated |= set(request.transaction_ids) if request.method == "PUT" else set()
        return self._start("submit", _SUBMIT_TIMEOUT, lambda: self.functions.submit(request))

    def record(self, request: Request) -> Run:
        return self._start("keep", _SUBMIT_TIMEOUT, lambda: self.functions.record(request))

    def retry(self, sync_id: str, *, is_for_operator: bool) -> Run:
        return self._start(
            "retry", _RETRY_TIMEOUT, lambda: self.functions.retry(sync_id, is_for_operator=is_for_operator)
        )

    def check_outcome(self, submission_id: str) -> Run:
        """Look up the outcome of a submission, as retry does when it is due."""
        return self._start("retry", _RETRY_TIMEOUT, lambda: self.functions.check_outcome(submission_id))

    def deliver_sync_event(self, sync_id: str) -> Run:
        """Deliver the webhook of a sync to a worker, which ingests the sync."""
        webhook_id = f"webhook-{self.started + 1}"
        return self._start("worker", _WORKER_TIMEOUT, lambda: self.functions.ingest(sync_id, webhook_id))

    def deliver_company_event(self) -> Run:
        """Deliver an event about the company's connection to a worker, which refreshes the company."""
        webhook_id = f"webhook-{self.started + 1}"
        return self._start("worker", _WORKER_TIMEOUT, lambda: self.functions.refresh_company(webhook_id))

    def pass_by(self, time: timedelta) -> None:
        """Advance the clock: runs may exceed their timeout, and delayed requests arrive."""
        self.network.deliver_before(self.clock.now() + time)
        super().pass_by(time)

    def close(self) -> None:
        super().close()
        self.network.http.close()

    def _start(self, name: str, timeout: timedelta, work: Callable[[], object]) -> Run:
        run = Run(self.start_job(name, work), self.clock.now() + timeout)
        self.runs.append(run)
        return run

    # ------------------------------------------------------------ state of the table

    def due_submission_ids(self) -> list[str]:
        """Return the submissions whose outcome is due to be looked up."""
        now = format_timestamp(self.clock.now())
        due = self.functions.table.query_until(due_partition(), now)
        return [item["summary"]["submissionId"] for item in due if item["sk"] == SUBMISSION]

    def forgotten_submission_ids(self) -> list[str]:
        """Return the submissions in flight that are neither due at some time nor listed for an operator."""
        table, last = self.functions.table, "9999"
        due = chain(table.query_until(due_partition(), last), table.query_until(unknown_partition(), last))
        known = {item["summary"].get("submissionId") for item in due}
        submissions = chain.from_iterable(
            self.functions.submissions.load_submissions(COMPANY_ID, each) for each in TRANSACTION_IDS
        )
        in_flight = {each.submission_id for each, _ in submissions if each.is_in_flight}
        return sorted(in_flight - known)

    # ------------------------------------------------------------ state of Codat

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
        """Let the customer reconnect the accounting software."""
        self.codat.set_connection_status(COMPANY_ID, "Linked")

    def retry_in_portal(self, transaction_id: str) -> None:
        """Retry a transaction in Codat's own portal, if Codat allows it."""
        origin = Origin(COMPANY_ID, "POST", "expense-transactions")
        body = _body(transaction_id, 0)
        try:
            made = self.codat.accept(
                self.codat.company(COMPANY_ID), origin, [SubmittedTransaction(transaction_id, body)]
            )
        except CodatApiError:
            return
        self.retried_in_portal.add(made.sync_id)

    def writes(self, transaction_id: str) -> list[Written]:
        """Return our requests by which Codat writes, has written or failed to write a transaction, oldest first."""
        return [
            Written(
                made.sync_id,
                made.origin.method,
                _status(self.codat.sync(made.sync_id), transaction_id),
                is_of_retry=self.network.makers[made.sync_id].startswith("retry"),
            )
            for made in self.codat.submissions
            if made.sync_id not in self.retried_in_portal
            and any(each.transaction_id == transaction_id for each in made.transactions)
        ]

    def is_in_books(self, transaction_id: str) -> bool:
        return any(entry.transaction_id == transaction_id for entry in self.codat.books(COMPANY_ID))

    def plans(self, transaction_ids: Sequence[str]) -> dict[str, Plan]:
        """Return the current retry plans of transactions."""
        histories = self.functions.histories.load(COMPANY_ID, transaction_ids)
        return {name: plan(history, self.clock.now(), POLICY) for name, history in histories.items()}


def _status(sync: Sync, transaction_id: str) -> str | None:
    """Return a transaction's status in a sync, Pending while the sync is open."""
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
