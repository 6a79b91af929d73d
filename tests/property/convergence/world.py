"""The application around one table, wired as the functions wire it, with steppable runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import tenacity
from botocore.exceptions import ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_key
from codat_sync.codat.client import Codat, Transactions
from codat_sync.codat.http import CodatConnection
from codat_sync.companies.repository import CompanyStore
from codat_sync.core.errors import (
    CodatUnavailableError,
    PoisonError,
    QueueUnavailableError,
    UnprocessedError,
    VersionMovedError,
)
from codat_sync.core.timestamps import format_instant
from codat_sync.ingestion import batch
from codat_sync.ingestion.company_refresh import Refreshing
from codat_sync.ingestion.dispatcher import Work
from codat_sync.ingestion.results import Done
from codat_sync.ingestion.sync_ingestion import Ingestion
from codat_sync.messaging.messages import encode
from codat_sync.messaging.queues import DeadLetterQueue, RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import Queues, Ticked, tick
from codat_sync.polling.due_items import DueItems
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import Pace
from codat_sync.syncs.items import TransactionRow, fold
from codat_sync.syncs.record import SyncDocument
from codat_sync.syncs.repository import Store
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
# Errors after which a message is redelivered. Any other is a defect.
_FAILURES = (ClientError, CodatUnavailableError, QueueUnavailableError, UnprocessedError, VersionMovedError)
_ONCE = tenacity.Retrying(stop=tenacity.stop_after_attempt(1), reraise=True)


class _Connection(CodatConnection):
    """The connection to Codat, on this world's clock."""

    def __init__(self, world: "World", gate: SharedGate) -> None:
        pace = Pace(at_once=1, per_minute=1, clock=world.clock.seconds, sleep=lambda _: None)
        super().__init__(world.http, lambda: _API_KEY, pace, gate, world.clock.now)
        self._clock = world.clock.seconds


class _WatchedCodat(Codat):
    """Codat's API, recording each answer: the table may hold one of these and nothing else.

    An answer is not Codat's state at one moment: that may change between the requests of one answer.
    """

    _status: SyncStatus

    def __init__(self, connection: CodatConnection, answers: set[Sync]) -> None:
        super().__init__(connection, _ONCE)
        self._answers = answers

    def sync_status(self, company_id: str, sync_id: str) -> SyncStatus:
        self._status = super().sync_status(company_id, sync_id)
        return self._status

    def transactions(self, company_id: str, sync_id: str) -> Transactions:
        found = super().transactions(company_id, sync_id)
        return _WatchedTransactions(found, self._status, self._answers)


class _WatchedTransactions(Transactions):
    def __init__(self, found: Transactions, status: SyncStatus, answers: set[Sync]) -> None:
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
        store = Store(table, event_retention=EVENT_RETENTION)
        self.read = store.load_sync
        self._sqs = world.sqs
        self._work = Work(
            Ingestion(codat, store, Schedule(), now, chance=lambda: 0.5),
            Refreshing(codat, CompanyStore(table, event_retention=EVENT_RETENTION), Schedule(), now),
            store,
            gate,
        )
        self._dead_letters = DeadLetterQueue(sqs, DEAD_LETTERS)
        queues = Queues(SyncQueue(sqs, SYNC_QUEUE), RetryQueue(sqs, RETRY_QUEUE))
        self.tick = lambda: tick(DueItems(table), queues, gate, now)

    def work(self, messages: Sequence[Message]) -> None:
        """Process a batch as the worker does: completed messages are deleted, all others are redelivered."""
        received = [batch.Received(each.message_id, each.body, each.receives) for each in messages]
        tasks = batch.start(received, self._work.do, InlineExecutor())
        self._sqs.delete([each.message_id for each in messages if self._is_done(each, tasks[each.message_id])])

    def _is_done(self, message: Message, task: batch.Task[Done]) -> bool:
        try:
            task.outcome.result()
        except PoisonError as poison:
            self._dead_letters.set_aside(message.body, None, poison)
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
        known = {"fetchedAt": format_instant(self.clock.now() + timedelta(days=365)), "version": 1}
        Table(dynamodb, table_name).update(company_key(COMPANY_ID), known, {})

    # ------------------------------------------------------------ webhooks

    def send_webhook(self, event: JsonObject) -> Message:
        """Enqueue the webhook of an event, as the receiver does."""
        webhook_id, now = f"webhook-{len(self.webhooks) + 1}", self.clock.now()
        message = webhook_message(to_json(event), webhook_id=webhook_id, received_at=now, correlation_id=webhook_id)
        self.webhooks[webhook_id] = encode(message)
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
        return self._start("clock", process, process.tick)

    def start_reader(self, sync_id: str) -> Run:
        process = self._process()
        return self._start("reader", process, lambda: process.read(sync_id))

    def end_runs(self) -> list[SyncDocument]:
        """Remove the runs that have ended; returns the documents they have read. Raises an unexpected error."""
        return [run.job.result for run in self.reap_runs() if isinstance(run.job.result, SyncDocument)]

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

    def tick(self) -> Ticked:
        """Run the clock once."""
        job = self.start_clock().job
        job.finish()
        self.end_runs()
        assert isinstance(job.result, Ticked)
        return job.result
