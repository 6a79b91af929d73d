"""Store retries of failed syncs in SyncTable: created with the sync's record, then maintained by retry.

A retry's category is written together with it: in the retry, which the worklist lists by category, and in the summaries
of the records of its syncs, for the lists of syncs. The worker replaces a record only if its category is unchanged.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    RETRY,
    UNKNOWN,
    due_index_keys,
    retry_key,
    sync_key,
    unknown_index_keys,
    work_index_keys,
)
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.syncs.retry_record import Decision, DecisionKind, Retry, RetryState
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import WorkCategory, categorize

_VERSION = 1
_MAX_DECISIONS = 50
# How often a write starts over that another one has overtaken.
_MAX_WRITES = 5
# A transaction has at most 100 items: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
_MAX_UPDATES = 90
_RECORD_NAMES = ("syncId", "version", "summary", "syncUtc", "firstSeenAt")
_FAILED = frozenset({Outcome.FAILED.value, Outcome.UNKNOWN.value})
_NO_SYNCS: Mapping[str, WorkCategory] = MappingProxyType({})

_Update = tuple[Attributes, Attributes, Attributes]


@dataclass(frozen=True, slots=True)
class _Stored:
    """The stored retry, empty if there is none, and the records of its syncs by id, as far as they are needed here."""

    values: Attributes
    records: Mapping[str, Attributes]

    @property
    def retry(self) -> Retry:
        """The retry that is stored."""
        return read_retry(self.values)

    @property
    def expected(self) -> Attributes:
        """What must be unchanged when the retry is replaced."""
        return {name: self.values.get(name) for name in ("version", "dueAt", "lastFailure")}


class RetryRepository:
    """The retries in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, sync_id: str) -> Retry | None:
        """Load the retry of a sync, None if there is none."""
        found = self._table.get([retry_key(sync_id)])
        return read_retry(found[0]) if found else None

    def ensure_due(self, company_id: str, sync_id: str, until: datetime) -> Retry | None:
        """Load a sync's retry. If it has no due time, make it due at ``until``, so that a crash can't lose it."""
        stored = self.load(sync_id)
        if stored is None or stored.due_at:
            return stored
        key, changes = due_retry_update(company_id, sync_id, until)
        changes["summary"] |= {"state": stored.state.value}
        try:
            self._table.update(key, changes, {"dueAt": None})
        except ConditionFailedError:
            return self.load(sync_id)
        return replace(stored, due_at=until)

    def reschedule(self, company_id: str, sync_id: str, now: datetime) -> None:
        """Make a sync's retry due for planning, if there is one and not all is written."""
        stored = self.load(sync_id)
        if stored and stored.state is not RetryState.RESOLVED:
            key, changes = due_retry_update(company_id, sync_id, now)
            self._table.update(key, changes, {})

    def reschedule_uncategorized(self, now: datetime) -> Iterator[bool]:
        """Make the retries due that no version with categories has planned; yield True for each.

        Reads the whole table: never use it while a user waits for a response.
        """
        for page in self._table.scan(["pk", "sk", "summary", "companyPk"]):
            for item in page:
                if item["sk"] == RETRY and "companyPk" not in item:
                    key, changes = due_retry_update(item["summary"]["companyId"], item["summary"]["syncId"], now)
                    with suppress(ConditionFailedError):  # It has just been planned.
                        self._table.update(key, changes, {"companyPk": None})
                        yield True

    def put(
        self,
        company_id: str,
        sync_id: str,
        retry: Retry,
        stored: Retry | None,
        retry_syncs: Mapping[str, WorkCategory] = _NO_SYNCS,
    ) -> None:
        """Store a sync's retry, planned from ``stored``. If it was made due in the meantime, it stays due.

        ``retry_syncs`` has the category of each sync that its retries created, by id.
        """
        seen = format_timestamp(stored.due_at) if stored and stored.due_at else None

        def write(found: _Stored) -> bool:
            if found.values.get("dueAt") != seen:
                return False  # It will be planned again.
            known = found.retry
            planned = replace(
                retry,
                acknowledged_ids=known.acknowledged_ids,
                last_failure=known.last_failure,
                decisions=known.decisions,
            )
            self._replace(sync_id, planned, found, _write_retry(company_id, sync_id, planned), retry_syncs)
            return True

        self._write(sync_id, retry_syncs, write)

    def decide(self, sync_id: str, decision: Decision) -> bool:
        """Add a user's decision about a failed sync; False if it has no retry. It is about the last failure so far."""

        def write(found: _Stored) -> bool:
            if not found.values:
                return False
            known = found.retry
            decisions = _trim((*known.decisions, replace(decision, failure=known.last_failure)))
            changes: Attributes = {"decisions": list(map(_write_decision, decisions))}
            if known.sync_ids and decision.kind is not DecisionKind.NOTE:
                # The plan has the categories of the syncs that its retries created.
                changes |= due_index_keys(format_timestamp(decision.at))
            self._replace(sync_id, replace(known, decisions=decisions), found, changes)
            return True

        return self._write(sync_id, (), write)

    def acknowledge(self, sync_id: str, by: str, reason: str, now: datetime) -> bool:
        """Take a retry off the list of unknown outcomes, and record who dealt with it; False if it is not on it.

        It is listed again if other transactions are unknown.
        """

        def write(found: _Stored) -> bool:
            if found.values.get("dayPk") != UNKNOWN:
                return False
            listed_ids = found.values.get("summary", {}).get("transactionIds", ())
            known = found.retry
            retry = replace(known, acknowledged_ids=tuple(sorted({*known.acknowledged_ids, *listed_ids})))
            ids = list(retry.acknowledged_ids)
            statement = {"by": by, "reason": reason, "at": format_timestamp(now), "ids": ids}
            changes: Attributes = {"acknowledged": statement, **unknown_index_keys(None)}
            self._replace(sync_id, retry, found, changes)
            return True

        return self._write(sync_id, (), write)

    def clear_due(self, sync_id: str) -> None:
        """Clear the due time of a sync's retry, and its place in the worklist: another sync's retry covers it."""
        self._table.update(retry_key(sync_id), {**due_index_keys(None), **work_index_keys(None, "", "")}, {})

    def _write(self, sync_id: str, retry_sync_ids: Collection[str], write: Callable[[_Stored], bool]) -> bool:
        """Read the retry and its syncs' records, and write; start over if another write was faster."""
        for _ in range(_MAX_WRITES - 1):
            with suppress(ConditionFailedError):
                return write(self._load(sync_id, retry_sync_ids))
        return write(self._load(sync_id, retry_sync_ids))

    def _load(self, sync_id: str, retry_sync_ids: Collection[str]) -> _Stored:
        found = self._table.get([retry_key(sync_id)])
        records = self._table.get(map(sync_key, {sync_id, *retry_sync_ids}), _RECORD_NAMES)
        return _Stored(found[0] if found else {}, {each["syncId"]: each for each in records})

    def _replace(
        self,
        sync_id: str,
        retry: Retry,
        found: _Stored,
        changes: Attributes,
        retry_syncs: Mapping[str, WorkCategory] = _NO_SYNCS,
    ) -> None:
        """Write a retry, and the categories of its syncs, atomically. Raises ConditionFailedError.

        What does not fit into one transaction is written before, while the retry is unchanged: it is repeatable.
        """
        category = categorize(retry)
        wanted = {sync_id: category} | {
            each: category if category is WorkCategory.DISMISSED and its is not WorkCategory.RESOLVED else its
            for each, its in retry_syncs.items()
        }
        updates = [update for record in found.records.values() for update in _update_category(record, wanted)]
        record = found.records.get(sync_id)
        at = (record.get("syncUtc") or record["firstSeenAt"]) if record else ""
        changes = {
            **changes,
            **work_index_keys(category.value if record else None, at, sync_id),
            "sync": record["summary"] | {"category": category.value} if record else None,
            "version": found.retry.version + 1,
        }
        key, expected = retry_key(sync_id), found.expected
        chunks = list(batched(updates, _MAX_UPDATES)) or [[]]
        for some in chunks[:-1]:
            self._table.transact([], some, [(key, expected)])
        self._table.transact([], [*chunks[-1], (key, changes, expected)])


def due_retry_update(company_id: str, sync_id: str, now: datetime) -> tuple[Attributes, Attributes]:
    """Return the key and the changes that create a sync's retry, or make it due for planning."""
    summary = {"companyId": company_id, "syncId": sync_id}
    return dict(retry_key(sync_id)), {"v": _VERSION, "summary": summary, **due_index_keys(format_timestamp(now))}


def new_work_keys(record: Mapping[str, Any]) -> Attributes:
    """Return the attributes that list the retry of a sync that has just failed, by the sync's record."""
    at = record["syncUtc"] or record["firstSeenAt"]
    keys = work_index_keys(WorkCategory.SCHEDULED.value, at, record["syncId"])
    return {**keys, "sync": record["summary"]}


def read_retry(values: Mapping[str, Any]) -> Retry:
    """Read a retry from its item's ``values``. Attributes that an older version omitted are empty."""
    return Retry(
        state=parse_enum(RetryState, values.get("state", ""), RetryState.OPEN),
        sync_ids=tuple(values.get("syncIds", ())),
        steps={name: int(number) for name, number in values.get("steps", {}).items()},
        due_at=parse_timestamp(values.get("dueAt")),
        blocked={step: tuple(names) for step, names in values.get("blocked", {}).items()},
        version=int(values.get("version", 0)),
        acknowledged_ids=tuple((values.get("acknowledged") or {}).get("ids", ())),
        retriable=None if values.get("retriable") is None else int(values["retriable"]),
        retriable_ids=tuple(values.get("retriableIds", ())),
        last_failure=values.get("lastFailure"),
        decisions=tuple(each for written in values.get("decisions", ()) for each in _read_decision(written)),
    )


def _write_retry(company_id: str, sync_id: str, retry: Retry) -> Attributes:
    """Return the attributes of a planned retry."""
    due_at = format_timestamp(retry.due_at) if retry.due_at else None
    is_listed = bool(set(retry.unknown_ids) - set(retry.acknowledged_ids))
    summary = {"companyId": company_id, "syncId": sync_id, "state": retry.state.value}
    return {
        "v": _VERSION,
        "state": retry.state.value,
        "syncIds": list(retry.sync_ids),
        "steps": dict(retry.steps),
        "blocked": {step: list(names) for step, names in retry.blocked.items()},
        "retriable": retry.retriable,
        "retriableIds": list(retry.retriable_ids),
        "summary": {**summary, "transactionIds": list(retry.unknown_ids)} if is_listed else summary,
        **due_index_keys(due_at),
        # After the submissions, which are listed by time.
        **unknown_index_keys(f"SYNC#{sync_id}" if is_listed else None),
    }


def _update_category(record: Attributes, wanted: Mapping[str, WorkCategory]) -> Iterator[_Update]:
    """Yield the update that sets the category of a sync's record, if it has failed and has another one."""
    summary, category = record["summary"], wanted[record["syncId"]].value
    has_failed = "category" in summary or summary.get("outcome") in _FAILED
    if has_failed and summary.get("category") != category:
        expected = {"version": record["version"], "summary.category": summary.get("category")}
        yield dict(sync_key(record["syncId"])), {"summary.category": category}, expected


def _trim(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Return the newest decisions, with the one that holds."""
    decisive = [each for each in decisions[:-_MAX_DECISIONS] if each.kind is not DecisionKind.NOTE]
    newest = decisions[-_MAX_DECISIONS:]
    is_decided = any(each.kind is not DecisionKind.NOTE for each in newest)
    return newest if is_decided else (*decisive[-1:], *newest)


def _write_decision(decision: Decision) -> Attributes:
    return {
        "kind": decision.kind.value,
        "by": decision.by,
        "reason": decision.reason,
        "at": format_timestamp(decision.at),
        "failure": decision.failure,
    }


def _read_decision(values: Mapping[str, Any]) -> Iterator[Decision]:
    """Yield a decision; one of a newer version's kind counts as a note."""
    at = parse_timestamp(values["at"])
    if at:
        kind = parse_enum(DecisionKind, values["kind"], DecisionKind.NOTE)
        yield Decision(kind, values["by"], values["reason"], at, values["failure"])
