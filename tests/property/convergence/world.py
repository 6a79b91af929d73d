"""The application around one table, wired as the functions wire it, with steppable runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import tenacity
from botocore.exceptions import ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_key, company_list_keys
from codat_sync.codat.client import CodatClient, SyncTransactions
from codat_sync.codat.http import CodatHttpClient
from codat_sync.companies.repository import CompanyRepository
from codat_sync.core.errors import (
    CodatUnavailableError,
    ConditionFailedError,
    PoisonMessageError,
    QueueUnavailableError,
    UnprocessedItemsError,
    VersionConflictError,
)
from codat_sync.core.timestamps import format_timestamp
from codat_sync.ingestion import batch
from codat_sync.ingestion.company_refresh import CompanyRefresh
from codat_sync.ingestion.dispatcher import TaskDispatcher
from codat_sync.ingestion.results import TaskResult
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.messaging.messages import encode_message
from codat_sync.messaging.queues import DeadLetterQueue, RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import DispatchQueues, DispatchResult, dispatch_due_items
from codat_sync.polling.due_items import DueItemRepository
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.items import TransactionRow, fold
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.sync import Sync, SyncStatus
from codat_sync.webhooks.message import webhook_message
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.wire import JsonObject, to_json
from tests.property import runs
from tests.property.convergence.boundaries import (
    DEAD_LETTERS,
    RETRY_QUEUE,
    SYNC_QUEUE,
    DynamoDB,
    Message,
    SimulatedSqs,
    stepped_http,
)
from tests.support.stepping import InlineExecutor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COMPANY_ID = "company"
EVENT_RETENTION = timedelta(days=16)

_API_KEY = "an API key"
_SIGNING_SECRET = "whsec_dGVzdA=="
# The functions' timeout.
_TIMEOUT = timedelta(seconds=120)
_BATCH_SIZE = 10
_PLAN_LEASE = timedelta(minutes=15)
# Errors after which a message is redelivered. Any other is a defect.
_FAILURES = (
    ClientError,
    CodatUnavailableError,
    ConditionFailedError,
    QueueUnavailableError,
    UnprocessedItemsError,
    VersionConflictError,
)
_ONCE = tenacity.Retrying(stop=tenacity.stop_after_attempt(1), reraise=True)


class _Connection(CodatHttpClient):
    """The connection to Codat, on this world's clock."""

    def __init__(self, world: "World", gate: SharedGate) -> None:
        pace = ProcessLimiter(at_once=1, per_minute=1, clock=world.clock.seconds, sleep=lambda _: None)
        super().__init__(world.http, lambda: _API_KEY, pace, gate, world.clock.now)
        self._clock = world.clock.seconds


class _WatchedCodat(CodatClient):
    """Codat's API, recording each answer: the table may hold one of these and nothing else.

    An answer is not Codat's state at one moment: that may change between the requests of one answer.
    """

    _status: SyncStatus

    def __init__(self, connection: CodatHttpClient, answers: set[Sync]) -> None:
        super().__init__(connection, _ONCE)
        self._answers = answers

    def get_sync_status(self, company_id: str, sync_id: str) -> SyncStatus:
        self._status = super().get_sync_status(company_id, sync_id)
        return self._status

    def get_transactions(self, company_id: str, sync_id: str) -> SyncTransactions:
        found = super().get_transactions(company_id, sync_id)
        return _WatchedTransactions(found, self._status, self._answers)


class _WatchedTransactions(SyncTransactions):
    def __init__(self, found: SyncTransactions, status: SyncStatus, answers: set[Sync]) -> None:
        self.total = found.total
        self._found = found
        self._status = status
        self._answers = answers

    def rows(self) -> list[TransactionRow]:
        rows = self._found.rows()
        self._answers.add(Sync(self._status, fold(rows)))
        return rows


class Process:
    """A Lambda execution environment, reused between runs until one crashes."""

    def __init__(self, world: "World") -> None:
        now, sqs = world.clock.now, world.sqs.as_client()
        table = Table(world.dynamodb.as_client(), world.table_name)
        gate = SharedGate(table, now, clock=world.clock.seconds)
        codat = _WatchedCodat(_Connection(world, gate), world.answers)
        store = SyncRepository(table, event_retention=EVENT_RETENTION)
        self.read = store.load_sync
        self._sqs = world.sqs
        self._work = TaskDispatcher(
            SyncIngestion(codat, store, Schedule(), now, jitter=lambda: 0.5),
            CompanyRefresh(codat, CompanyRepository(table, event_retention=EVENT_RETENTION), Schedule(), now),
            store,
            gate,
            lambda _company_id, _sync_id: None,  # It neither reads nor writes records of syncs.
        )
        self._dead_letters = DeadLetterQueue(sqs, DEAD_LETTERS)
        self._retries = RetryRepository(table)
        self._now = now
        queues = DispatchQueues(SyncQueue(sqs, SYNC_QUEUE), RetryQueue(sqs, RETRY_QUEUE))
        self.dispatch_due_items = lambda: dispatch_due_items(DueItemRepository(table), queues, gate, now)

    def work(self, messages: Sequence[Message]) -> None:
        """Process a batch as the worker does: completed messages are deleted, all others are redelivered."""
        received = [batch.ReceivedMessage(each.message_id, each.body, each.receive_count) for each in messages]
        pending = batch.start(received, self._work.dispatch, InlineExecutor())
        self._sqs.delete([each.message_id for each in messages if self._is_done(each, pending[each.message_id])])

    def plan(self, sync_id: str, retry: Retry) -> None:
        """Store a plan as the retry function does: due first, so that a crash loses nothing."""
        stored = self._retries.ensure_due(COMPANY_ID, sync_id, self._now() + _PLAN_LEASE)
        if stored:
            self._retries.put(COMPANY_ID, sync_id, retry, stored)

    def _is_done(self, message: Message, task: batch.PendingResult[TaskResult]) -> bool:
        try:
            task.outcome.result()
        except PoisonMessageError as poison:
            self._dead_letters.send(message.body, None, poison)
        except _FAILURES:
            return False
        return True


@dataclass
class Run(runs.Run):
    """A run of a function in a process, with the messages it has received."""

    process: Process
    messages: Sequence[Message]


class World(runs.SteppedWorld[Run]):
    """Codat, the queues, the table and the runs. ``answers`` holds every answer that Codat gave about a sync."""

    failures = _FAILURES

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        super().__init__()
        self.table_name = table_name
        self.codat = SimulatedCodat(_API_KEY, _SIGNING_SECRET, now=self.clock.now, sleep=lambda _: None)
        self.sqs = SimulatedSqs()
        self.dynamodb = DynamoDB(dynamodb, self.clock)
        self.http = stepped_http(self.codat, self.clock)
        self.answers: set[Sync] = set()
        self.webhooks: dict[str, str] = {}
        self._idle: list[Process] = []
        self.codat.add_company(company_id=COMPANY_ID)
        # The company is known and never refreshed: companies are another test's subject.
        fetched_at = format_timestamp(self.clock.now() + timedelta(days=365))
        known = {"companyId": COMPANY_ID, "fetchedAt": fetched_at, "version": 1, **company_list_keys(COMPANY_ID)}
        Table(dynamodb, table_name).update(company_key(COMPANY_ID), known, {})

    # ------------------------------------------------------------ webhooks

    def send_webhook(self, event: JsonObject) -> Message:
        """Enqueue the webhook of an event, as the receiver does."""
        webhook_id, now = f"webhook-{len(self.webhooks) + 1}", self.clock.now()
        message = webhook_message(to_json(event), webhook_id=webhook_id, received_at=now, correlation_id=webhook_id)
        self.webhooks[webhook_id] = encode_message(message)
        return self.resend_webhook(webhook_id)

    def resend_webhook(self, webhook_id: str) -> Message:
        """Deliver a webhook again, however old it is."""
        return self.sqs.put(self.webhooks[webhook_id])

    # ------------------------------------------------------------ runs

    def start_worker(self, messages: Sequence[Message]) -> Run:
        """Deliver messages to a worker."""
        process, received = self._process(), [self.sqs.deliver(message) for message in messages]
        return self._start("worker", process, lambda: process.work(received), received)

    def start_clock(self) -> Run:
        process = self._process()
        return self._start("clock", process, process.dispatch_due_items)

    def start_reader(self, sync_id: str) -> Run:
        process = self._process()
        return self._start("reader", process, lambda: process.read(sync_id))

    def start_retry(self, sync_id: str, retry: Retry) -> Run:
        """Store the plan of a sync's failed transactions."""
        process = self._process()
        return self._start("retry", process, lambda: process.plan(sync_id, retry))

    def end_runs(self) -> list[SyncRecord]:
        """Remove the runs that have ended; returns the documents they have read. Raises an unexpected error."""
        return [run.job.result for run in self.reap_runs() if isinstance(run.job.result, SyncRecord)]

    def on_end(self, run: Run) -> None:
        """Make its messages visible again and its process available."""
        for message in run.messages:
            message.is_in_flight = False
        if not run.job.has_crashed:
            self._idle.append(run.process)

    def close(self) -> None:
        super().close()
        self.http.close()

    def _start(self, name: str, process: Process, work: Callable[[], object], messages: Sequence[Message] = ()) -> Run:
        run = Run(self.start_job(name, work), self.clock.now() + _TIMEOUT, process, messages)
        self.runs.append(run)
        return run

    def _process(self) -> Process:
        return self._idle.pop() if self._idle else Process(self)

    # ------------------------------------------------------------ undisturbed

    def drain_queue(self) -> None:
        """Process all messages with one worker."""
        while self.sqs.messages:
            self.start_worker(list(self.sqs.messages.values())[:_BATCH_SIZE]).job.finish()
            self.end_runs()

    def dispatch_due_items(self) -> DispatchResult:
        """Run the clock once."""
        job = self.start_clock().job
        job.finish()
        self.end_runs()
        assert isinstance(job.result, DispatchResult)
        return job.result
