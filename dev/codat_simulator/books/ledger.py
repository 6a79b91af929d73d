"""Record submissions to simulated Codat and the customers' books."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from dev.codat_simulator.api.errors import CodatApiError
from dev.codat_simulator.books.models import Company, Item, Sync
from dev.codat_simulator.books.settling import AutoSettle, Outcome
from dev.codat_simulator.books.state import State
from dev.codat_simulator.books.submissions import Attachment, Entry, Origin, Submission, SubmittedTransaction
from dev.codat_simulator.books.timestamps import utc_now
from dev.codat_simulator.webhooks.events import Generation


class Ledger(State):
    """Codat's state including submissions and books."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now)
        # How syncs finish automatically; None: each stays in progress until it is settled.
        self.auto_settle: AutoSettle | None = None
        # Called with each finished sync, to send its webhook.
        self.on_settled: Callable[[Sync, Generation], object] = lambda *_: None
        self._submissions: dict[str, Submission] = {}  # by sync
        self._in_progress: dict[str, Submission] = {}
        self._books: dict[str, list[Entry]] = {}  # by company
        self._attachments: tuple[Attachment, ...] = ()

    # ---------------------------------------------------------------- submissions

    @property
    def submissions(self) -> tuple[Submission, ...]:
        """All accepted requests, with their bodies."""
        with self._lock:
            return tuple(self._submissions.values())

    def accept(self, company: Company, origin: Origin, transactions: Iterable[SubmittedTransaction]) -> Submission:
        """Start a sync; raises a 400 for transactions that were already written."""
        with self._lock:
            submitted = self._counted(company.company_id, transactions)
            if origin.method == "POST":
                self._reject_settled(company.company_id, submitted)
            items = [Item(each.transaction_id, "Pending") for each in submitted]
            sync = self.add_sync(company, 1000, items)
            submission = Submission(sync.sync_id, self.now(), origin, submitted)
            self._submissions[sync.sync_id] = self._in_progress[sync.sync_id] = submission
            return submission

    def _counted(
        self, company_id: str, transactions: Iterable[SubmittedTransaction]
    ) -> tuple[SubmittedTransaction, ...]:
        before = Counter(
            each.transaction_id
            for submission in self._submissions.values()
            if submission.origin.company_id == company_id
            for each in submission.transactions
        )
        return tuple(replace(each, attempt=before[each.transaction_id] + 1) for each in transactions)

    def _reject_settled(self, company_id: str, submitted: Iterable[SubmittedTransaction]) -> None:
        """Reject Completed transactions only: the same id may be in progress any number of times."""
        processed = self._processed(company_id)
        refused = [each.transaction_id for each in submitted if each.transaction_id in processed]
        if refused:
            error = f"One or more transactions have previously been processed: {', '.join(refused)}"
            raise CodatApiError(400, error, "False")

    def _processed(self, company_id: str) -> set[str | None]:
        """Return the ids in the books, and those of syncs whose rows are all Completed."""
        found: set[str | None] = {entry.transaction_id for entry in self.books(company_id)}
        for sync in self.syncs_of(company_id):
            not_in_books = {item.transaction_id for item in sync.items if item.status != "Completed"}
            found |= {item.transaction_id for item in sync.items} - not_in_books
        return found

    # ---------------------------------------------------------------- settling

    def settle(self, sync_id: str, outcome: Outcome | None = None) -> Sync:
        """Finish a sync. Raises KeyError if none was submitted, ValueError if it has finished already."""
        with self._lock:
            submission = self._submissions[sync_id]
            if sync_id not in self._in_progress:
                raise ValueError(f"{sync_id} was settled already")
            end = self._end(submission, outcome or Outcome())
        self._announce(*end)
        return end[0]

    def settle_due(self) -> None:
        """Finish all syncs that are due."""
        if (decide := self.auto_settle) is None:
            return
        with self._lock:
            ended = [
                self._end(submission, outcome)
                for submission in tuple(self._in_progress.values())
                if (outcome := decide(submission, self.now())) is not None
            ]
        for end in ended:
            self._announce(*end)

    def _end(self, submission: Submission, outcome: Outcome) -> tuple[Sync, Generation | None]:
        outcome = outcome.for_company(self._companies.get(submission.origin.company_id))
        items = outcome.items(submission)
        sync = self.change_sync(submission.sync_id, code=outcome.code_for(items), items=items)
        del self._in_progress[sync.sync_id]
        written = {item.transaction_id for item in items if item.status == "Completed"}
        self._books.setdefault(sync.company_id, []).extend(
            Entry(each.transaction_id, submission.origin.kind, submission.origin.method, sync.sync_id, each.body)
            for each in submission.transactions
            if each.transaction_id in written
        )
        return sync, outcome.webhook

    def _announce(self, sync: Sync, generation: Generation | None) -> None:
        # Codat returns nothing for a deleted company.
        if generation is not None and sync.company_id in self._companies:
            self.on_settled(sync, generation)

    # ---------------------------------------------------------------- the books

    def books(self, company_id: str) -> tuple[Entry, ...]:
        """Return everything written for a company, in order; duplicates appear twice."""
        with self._lock:
            return tuple(self._books.get(company_id, ()))

    def times_created(self, company_id: str, transaction_id: str) -> int:
        """Count how often a transaction was created in a company's books: more than once is a duplicate."""
        return sum(
            entry.transaction_id == transaction_id and entry.method == "POST" for entry in self.books(company_id)
        )

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All uploaded files."""
        return self._attachments

    def attach(self, attachment: Attachment) -> None:
        """Add an uploaded file."""
        with self._lock:
            self._attachments += (attachment,)
