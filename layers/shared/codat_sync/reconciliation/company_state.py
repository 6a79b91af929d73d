"""Track how complete the table is for a company, and when to compare it with Codat next. Rules only.

"Complete as of" is the time of a request for Codat's list of which every sync is in the table by now. Only our own
clock counts, and only what a comparison has found: an enqueued sync counts as stored once the next comparison finds it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from codat_sync.core.timestamps import has_elapsed
from codat_sync.reconciliation.comparison import Discrepancy

# Maximum number of syncs enqueued per company and comparison, and tracked until they are in the table.
MAX_UNRESOLVED = 200
# A sync that is still missing after this time is enqueued again: the message may be lost.
REQUEUE_AFTER = timedelta(hours=1)
# A dead letter is kept for two weeks. Once it has expired or was dropped, nothing else would check its sync again.
_REQUEUE_AFTER_BY_REASON = {Discrepancy.NOT_LISTED: timedelta(days=1), Discrepancy.DEAD_LETTERED: timedelta(days=14)}
# Longer than any comparison takes. No company is due again sooner than this: see ``Completeness.companies``.
LEASE = timedelta(minutes=5)
_BUSY_PERIOD = timedelta(days=1)
_RECENT_PERIOD = timedelta(days=7)
_RECENT_FACTOR = 4


@dataclass(frozen=True, slots=True)
class UnresolvedSync:
    """A sync whose record does not match Codat's list.

    ``complete_before`` is the last comparison in which it matched or was not listed; None if there was none.
    ``enqueued_at`` is when it was last enqueued, or when its dead letter was first noticed.
    """

    why: Discrepancy
    complete_before: datetime | None
    enqueued_at: datetime | None

    def refreshed(self, why: Discrepancy, now: datetime) -> "UnresolvedSync":
        """Update the discrepancy. A dead-lettered sync counts as enqueued: it was already fetched from Codat."""
        return replace(
            self, why=why, enqueued_at=self.enqueued_at or (now if why is Discrepancy.DEAD_LETTERED else None)
        )

    def is_enqueue_due(self, now: datetime) -> bool:
        """Return whether the sync has to be enqueued for the worker, or enqueued again."""
        after = _REQUEUE_AFTER_BY_REASON.get(self.why, REQUEUE_AFTER)
        return self.why.is_check_needed and (self.enqueued_at is None or has_elapsed(self.enqueued_at, after, now))


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Reconciliation state of a company, tracked since ``begun_at``. Other fields are empty until the first comparison.

    ``unresolved`` holds at most ``MAX_UNRESOLVED`` syncs; ``omitted`` counts the others, none of which was missing
    before ``omitted_before``. ``missing`` counts all syncs ever found whose webhook never arrived. ``problem`` says why
    the last comparison failed; ``stalled_runs`` counts the consecutive comparisons without progress.
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
        """Number of syncs that do not match Codat's list, by discrepancy; omitted ones are counted together."""
        counted: dict[str, int] = dict(Counter(each.why.value for each in self.unresolved.values()))
        return counted | ({"omitted": self.omitted} if self.omitted else {})

    @property
    def is_complete(self) -> bool:
        """Whether everything that Codat listed at the last comparison was in the table."""
        return not self.omitted and not any(each.why.is_incomplete for each in self.unresolved.values())

    def is_quiet(self, now: datetime) -> bool:
        """Return whether the company is complete, and has had no sync for a week."""
        is_incomplete = self.compared_at is None or not self.is_complete
        return not is_incomplete and (self.latest_at is None or now - self.latest_at >= _RECENT_PERIOD)

    def found(self, findings: Mapping[str, Discrepancy], now: datetime) -> dict[str, UnresolvedSync]:
        """Merge a comparison's findings with the known ones, which come first and keep their timestamps."""
        # The ids of omitted syncs are not stored: each new finding may be one of them.
        unknown = self.omitted_before if self.omitted else self.compared_at
        before = {sync_id: previous for sync_id, previous in self.unresolved.items() if sync_id in findings}
        new = {
            sync_id: UnresolvedSync(why, unknown, None) for sync_id, why in findings.items() if sync_id not in before
        }
        return {sync_id: previous.refreshed(findings[sync_id], now) for sync_id, previous in (before | new).items()}

    def is_new(self, sync_id: str) -> bool:
        """Return whether a finding is certainly new: not tracked before, and no syncs were omitted."""
        return sync_id not in self.unresolved and not self.omitted

    def after(
        self, listed_at: datetime, listed: int, found: Mapping[str, UnresolvedSync], latest_at: datetime | None
    ) -> "Reconciliation":
        """Return the state after a comparison with the list that Codat returned at ``listed_at``."""
        order = sorted(found, key=lambda sync_id: found[sync_id].enqueued_at is None)  # Keep those already enqueued.
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
    """Comparison intervals: ``active_interval`` for companies with recent syncs, up to ``idle_interval`` for others."""

    active_interval: timedelta = timedelta(minutes=30)
    idle_interval: timedelta = timedelta(hours=6)

    def next_at(self, state: Reconciliation, now: datetime, *, has_open: bool) -> datetime:
        """Return when to compare a company next. ``has_open`` means that one of its syncs is still in progress."""
        return now + max(LEASE, self._delay(state, now, has_open=has_open))

    def _delay(self, state: Reconciliation, now: datetime, *, has_open: bool) -> timedelta:
        if not state.is_complete:
            # Enqueued syncs arrive soon, which a prompt comparison confirms; without progress the interval doubles.
            return min(LEASE * (1 << min(state.stalled_runs, 10)), self.idle_interval)
        age = now - state.latest_at if state.latest_at else None
        if has_open or (age is not None and age < _BUSY_PERIOD):
            return self.active_interval
        return (
            min(self.active_interval * _RECENT_FACTOR, self.idle_interval)
            if age is not None and age < _RECENT_PERIOD
            else self.idle_interval
        )


def _complete_as_of(listed_at: datetime, found: Collection[UnresolvedSync]) -> datetime | None:
    incomplete = [each for each in found if each.why.is_incomplete]
    return _earliest(incomplete) if incomplete else listed_at


def _earliest(found: Collection[UnresolvedSync]) -> datetime | None:
    """Return the time before which none of them was missing; None if it is unknown."""
    moments = [each.complete_before for each in found]
    return min((each for each in moments if each), default=None) if None not in moments else None


def _is_progress(before: Reconciliation, after: Reconciliation) -> bool:
    return before.complete_as_of != after.complete_as_of or set(before.unresolved) != set(after.unresolved)
