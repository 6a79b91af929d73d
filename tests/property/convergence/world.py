"""The whole application around one table, wired as its functions wire it; each run of a function can be stepped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from codat_sync.messaging.messages import encode, webhook_message
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
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.wire import JsonObject, to_json
from tests.property.convergence.surroundings import (
    DEAD_LETTERS,
    RETRY_QUEUE,
    SYNC_QUEUE,
    Message,
    SimulatedSqs,
    SteppedDynamoDB,
    stepped_http,
)
from tests.support.clock import ManualClock
from tests.support.stepping import Crash, InlineExecutor, Job

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COMPANY_ID = "company"
EVENT_RETENTION = timedelta(days=16)

_API_KEY = "an API key"
_SIGNING_SECRET = "whsec_dGVzdA=="
# The function's time-out.
_LONGEST_RUN = timedelta(seconds=120)
_LARGEST_BATCH = 10
# What may come of a message beside success: it comes again. Whatever else is raised is a defect.
_FAILURES = (ClientError, CodatUnavailableError, QueueUnavailableError, UnprocessedError, VersionMovedError)
_ONCE = tenacity.Retrying(stop=tenacity.stop_after_attempt(1), reraise=True)


class _Connection(CodatConnection):
    """The connection to Codat, whose patience is measured in the time of this world."""

    def __init__(self, world: "World", gate: SharedGate) -> None:
        pace = Pace(at_once=1, per_minute=1, clock=world.clock.seconds, sleep=lambda _: None)
        super().__init__(world.http, lambda: _API_KEY, pace, gate, world.clock.now)
        self._clock = world.clock.seconds


class _WatchedCodat(Codat):
    """Codat's API, each answer noted: the table may hold one of them, and no other.

    Not what Codat had at one moment: it may change while it is being asked.
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
    """A process of the functions', warm from one run to the next until it crashes."""

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
        """Do as the worker does with a batch: what is done is deleted in the end, all else comes again."""
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
class Run:
    """A run of a process, with the messages that it has in hand. It ends by itself, or at ``ends_at``."""

    job: Job
    process: Process
    messages: Sequence[Message]
    ends_at: datetime

    @property
    def name(self) -> str:
        return self.job.name


class World:
    """All there is. ``answers`` are those that Codat gave about any sync, ``runs`` those that stand somewhere."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        self.table_name = table_name
        self.clock = ManualClock()
        self.codat = SimulatedCodat(_API_KEY, _SIGNING_SECRET, now=self.clock.now, sleep=lambda _: None)
        self.sqs = SimulatedSqs()
        self.dynamodb = SteppedDynamoDB(dynamodb, self.clock)
        self.http = stepped_http(self.codat, self.clock)
        self.answers: set[Sync] = set()
        self.runs: list[Run] = []
        self.webhooks: dict[str, str] = {}
        self._idle: list[Process] = []
        self._started = 0
        self.codat.add_company(company_id=COMPANY_ID)
        # It is known, and stays so: companies are another matter.
        known = {"fetchedAt": format_instant(self.clock.now() + timedelta(days=365)), "version": 1}
        Table(dynamodb, table_name).update(company_key(COMPANY_ID), known, {})

    # ------------------------------------------------------------ what Codat does

    def send_webhook(self, event: JsonObject) -> Message:
        """Have Codat send an event, which the receiver puts on the queue."""
        webhook_id, now = f"webhook-{len(self.webhooks) + 1}", self.clock.now()
        message = webhook_message(to_json(event), webhook_id=webhook_id, received_at=now, correlation_id=webhook_id)
        self.webhooks[webhook_id] = encode(message)
        return self.resend_webhook(webhook_id)

    def resend_webhook(self, webhook_id: str) -> Message:
        """Have a webhook delivered once more, however old it is."""
        return self.sqs.put(self.webhooks[webhook_id])

    # ------------------------------------------------------------ what runs

    def start_worker(self, messages: Sequence[Message]) -> Run:
        """Hand messages to a worker."""
        process, received = self._process(), [self.sqs.hand_out(message) for message in messages]
        return self._start("worker", process, lambda: process.work(received), received)

    def start_clock(self) -> Run:
        process = self._process()
        return self._start("clock", process, process.tick)

    def start_reader(self, sync_id: str) -> Run:
        process = self._process()
        return self._start("reader", process, lambda: process.read(sync_id))

    def end_runs(self) -> list[SyncDocument]:
        """Let those runs go that have ended; returns what they have read. Raises what no run may raise."""
        ended = [run for run in self.runs if run.job.next_call is None]
        self.runs = [run for run in self.runs if run.job.next_call]
        for run in ended:
            for message in run.messages:
                message.is_in_hand = False
            if not run.job.has_crashed:
                self._idle.append(run.process)
            if run.job.error and not isinstance(run.job.error, (*_FAILURES, Crash)):
                raise run.job.error
        return [run.job.result for run in ended if isinstance(run.job.result, SyncDocument)]

    def pass_by(self, time: timedelta) -> None:
        """Let time pass, and no run last longer than it may."""
        self.clock.pass_by(time)
        for run in self.runs:
            if run.ends_at < self.clock.now():
                run.job.crash()
        self.end_runs()

    def close(self) -> None:
        """End all that still runs."""
        for run in self.runs:
            run.job.crash()
        self.http.close()

    def _start(self, name: str, process: Process, work: Callable[[], object], messages: Sequence[Message] = ()) -> Run:
        self._started += 1
        run = Run(Job(f"{name} {self._started}", work), process, messages, self.clock.now() + _LONGEST_RUN)
        self.runs.append(run)
        return run

    def _process(self) -> Process:
        return self._idle.pop() if self._idle else Process(self)

    # ------------------------------------------------------------ all being well

    def work_off(self) -> None:
        """Have one worker do all that is on the queue."""
        while self.sqs.messages:
            self.start_worker(list(self.sqs.messages.values())[:_LARGEST_BATCH]).job.finish()
            self.end_runs()

    def tick(self) -> Ticked:
        """Have the clock do its work."""
        job = self.start_clock().job
        job.finish()
        self.end_runs()
        assert isinstance(job.result, Ticked)
        return job.result
