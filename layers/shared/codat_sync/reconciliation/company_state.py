"""How complete the table is for a company, and when it is compared with Codat next. Rules only.

"Complete as of" is a moment at which Codat was asked for its list, such that everything that it listed then is in the
table by now. Only our own clock counts, and only what a comparison has found: what was enqueued is in the table when
the next comparison finds it there.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from codat_sync.reconciliation.comparison import Discrepancy

# So many syncs of a company are enqueued in one comparison, and remembered until they are in the table.
MAX_UNRESOLVED = 200
# What was enqueued is enqueued again if it is still not there after this: the message may be lost.
REQUEUE_AFTER = timedelta(hours=1)
# A dead letter is kept for two weeks: then, or if it was dropped, nobody else would ever ask about its sync again.
_REQUEUE_AFTER_BY_REASON = {Discrepancy.NOT_LISTED: timedelta(days=1), Discrepancy.DEAD_LETTERED: timedelta(days=14)}
# A comparison is over long before. Nothing is due again sooner than that: see ``Completeness.overall``.
LEASE = timedelta(minutes=5)
_BUSY_FOR = timedelta(days=1)
_LIVELY_FOR = timedelta(days=7)
_LIVELY = 4


@dataclass(frozen=True, slots=True)
class UnresolvedSync:
    """A sync that is not in the table as Codat lists it.

    ``complete_before`` is the last comparison in which it was, or was not listed; None if there was none.
    ``enqueued_at`` is when the worker was told last, or when it was found that it had been set aside.
    """

    why: Discrepancy
    complete_before: datetime | None
    enqueued_at: datetime | None

    def refreshed(self, why: Discrepancy, now: datetime) -> "UnresolvedSync":
        """Return it as it is found now. What is set aside has been asked about: that counts from now on."""
        return replace(
            self, why=why, enqueued_at=self.enqueued_at or (now if why is Discrepancy.DEAD_LETTERED else None)
        )

    def is_enqueue_due(self, now: datetime) -> bool:
        """Return whether the worker has to be told, or told again."""
        after = _REQUEUE_AFTER_BY_REASON.get(self.why, REQUEUE_AFTER)
        return self.why.is_check_needed and (self.enqueued_at is None or now - self.enqueued_at >= after)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How it stands with a company, known since ``begun_at``. All else is empty while it was never compared.

    ``unresolved`` holds at most ``MOST`` syncs; ``left_out`` counts the others, none of which was missing before
    ``left_out_before``. ``missing`` counts all syncs ever found whose webhook never came. ``problem`` says why the last
    comparison came to nothing; ``rounds`` how many in a row have brought no progress.
    """

    company_id: str
    begun_at: datetime | None = None
    compared_at: datetime | None = None
    complete_as_of: datetime | None = None
    listed: int = 0
    unresolved: Mapping[str, UnresolvedSync] = field(default_factory=dict)
    omitted: int = 0
    omitted_before: datetime | None = None
    missing: int = 0
    last_missed_at: datetime | None = None
    latest_at: datetime | None = None
    stalled_runs: int = 0
    problem: str | None = None

    @property
    def reasons(self) -> dict[str, int]:
        """How many syncs are not in the table as Codat lists them, by why; those left out are not known apart."""
        counted: dict[str, int] = dict(Counter(each.why.value for each in self.unresolved.values()))
        return counted | ({"omitted": self.omitted} if self.omitted else {})

    @property
    def is_complete(self) -> bool:
        """Whether everything that Codat listed at the last comparison was in the table."""
        return not self.omitted and not any(each.why.is_incomplete for each in self.unresolved.values())

    def is_quiet(self, now: datetime) -> bool:
        """Return whether there is nothing to hurry for: all is there, and has been for days."""
        is_new = self.compared_at is None or not self.is_complete
        return not is_new and (self.latest_at is None or now - self.latest_at >= _LIVELY_FOR)

    def found(self, findings: Mapping[str, Discrepancy], now: datetime) -> dict[str, UnresolvedSync]:
        """Return what a comparison has found, those first that were found before: since when each is not there."""
        # Of what was left out nobody knows which syncs they were: each may have been one of them.
        unknown = self.omitted_before if self.omitted else self.compared_at
        before = {sync_id: known for sync_id, known in self.unresolved.items() if sync_id in findings}
        new = {
            sync_id: UnresolvedSync(why, unknown, None) for sync_id, why in findings.items() if sync_id not in before
        }
        return {sync_id: known.refreshed(findings[sync_id], now) for sync_id, known in (before | new).items()}

    def is_new(self, sync_id: str) -> bool:
        """Return whether a sync that was found was not found before, as far as that is known."""
        return sync_id not in self.unresolved and not self.omitted

    def after(
        self, listed_at: datetime, listed: int, found: Mapping[str, UnresolvedSync], latest_at: datetime | None
    ) -> "Reconciliation":
        """Return how it stands after a comparison with what Codat listed at ``listed_at``."""
        order = sorted(found, key=lambda sync_id: found[sync_id].enqueued_at is None)  # Those stay that are on the way.
        kept, omitted = order[:MAX_UNRESOLVED], [found[sync_id] for sync_id in order[MAX_UNRESOLVED:]]
        after = replace(
            self,
            compared_at=listed_at,
            complete_as_of=_complete_as_of(listed_at, found.values()),
            listed=listed,
            unresolved={sync_id: found[sync_id] for sync_id in kept},
            omitted=len(omitted),
            omitted_before=_earliest(omitted) if omitted else None,
            latest_at=latest_at,
            problem=None,
        )
        return replace(after, stalled_runs=0 if _is_progress(self, after) else self.stalled_runs + 1)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often companies are compared: ``busy`` where something goes on, ever more seldom, up to ``quiet``."""

    active_interval: timedelta = timedelta(minutes=30)
    idle_interval: timedelta = timedelta(hours=6)

    def next_at(self, known: Reconciliation, now: datetime, *, has_open: bool) -> datetime:
        """Return when a company is compared next. ``has_open`` tells that one of its syncs has not ended."""
        return now + max(LEASE, self._delay(known, now, has_open=has_open))

    def _delay(self, known: Reconciliation, now: datetime, *, has_open: bool) -> timedelta:
        if not known.is_complete:
            # What was enqueued is there soon, and is confirmed then; what does not come is looked at ever more seldom.
            return min(LEASE * (1 << min(known.stalled_runs, 10)), self.idle_interval)
        age = now - known.latest_at if known.latest_at else None
        if has_open or (age is not None and age < _BUSY_FOR):
            return self.active_interval
        return (
            min(self.active_interval * _LIVELY, self.idle_interval)
            if age is not None and age < _LIVELY_FOR
            else self.idle_interval
        )


def _complete_as_of(listed_at: datetime, found: Collection[UnresolvedSync]) -> datetime | None:
    incomplete = [each for each in found if each.why.is_incomplete]
    return _earliest(incomplete) if incomplete else listed_at


def _earliest(found: Collection[UnresolvedSync]) -> datetime | None:
    """Return the moment before which none of them was missing; None if nobody knows of any."""
    moments = [each.complete_before for each in found]
    return min((each for each in moments if each), default=None) if None not in moments else None


def _is_progress(before: Reconciliation, after: Reconciliation) -> bool:
    return before.complete_as_of != after.complete_as_of or set(before.unresolved) != set(after.unresolved)
