"""Build and parse the keys of SyncTable's items and indexes. No other module builds keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

Key = dict[str, str]

SYNC = "SYNC"
COMPANY = "COMPANY"
GATE: Key = {"pk": "GATE", "sk": "GATE"}
EVENT_PREFIX = "EVENT#"
PART_RUN_PREFIX = "PARTRUN#"
INDEX_ENTRY_PREFIX = "SYNC#"
BODY_PREFIX = "BODY#"
RETRY = "RETRY"
DROPPED = "DROPPED"
RECONCILIATION = "RECONCILIATION"

DIRECTORY: Key = {"pk": "RECONCILE", "sk": "DIRECTORY"}
ENDPOINT: Key = {"pk": "RECONCILE", "sk": "ENDPOINT"}
EXAMPLE_EVENT: Key = {"pk": "WEBHOOK", "sk": "EXAMPLE"}
COMPLETENESS: Key = {"pk": "RECONCILE", "sk": "COMPLETENESS"}
SEARCH: Key = {"pk": "RECONCILE", "sk": "SEARCH"}

RECONCILE = "RECONCILE"
DUE = "DUE"
DUE_BEHIND_GATE = "DUE#GATE"
UNKNOWN = "UNKNOWN"
SUBMISSION = "SUB"
_IDEMPOTENCY = "IDEMPOTENCY#"


def sync_key(sync_id: str) -> Key:
    """Return the key of a sync's record."""
    return {"pk": f"SYNC#{sync_id}", "sk": SYNC}


def parse_subject_id(pk: str) -> str:
    """Return the sync's or company's id from its partition key."""
    return pk.partition("#")[2]


def company_key(company_id: str) -> Key:
    """Return the key of a company's record."""
    return {"pk": f"COMPANY#{company_id}", "sk": COMPANY}


def reconciliation_key(company_id: str) -> Key:
    """Return the key of a company's reconciliation state."""
    return {"pk": f"COMPANY#{company_id}", "sk": RECONCILIATION}


def accepted_differences_key(company_id: str) -> Key:
    """Return the key of a company's known differences between Codat's list and its single-sync responses."""
    return {"pk": f"COMPANY#{company_id}", "sk": "ACCEPTED"}


def event_key(subject: Key, webhook_id: str) -> Key:
    """Return the key of a processed event, in the partition of its subject."""
    return {"pk": subject["pk"], "sk": f"{EVENT_PREFIX}{webhook_id}"}


def part_run_key(sync_id: str, part_run_id: str) -> Key:
    """Return the key of the item that records a run that wrote parts."""
    return {"pk": f"SYNC#{sync_id}", "sk": f"{PART_RUN_PREFIX}{part_run_id}"}


def part_keys(sync_id: str, part_run_id: str, count: int) -> Iterator[Key]:
    """Yield the keys of the parts that a run wrote, in order."""
    return (part_key(sync_id, part_run_id, number) for number in range(count))


def part_key(sync_id: str, part_run_id: str, number: int) -> Key:
    """Return the key of one part, counted from 0."""
    return {"pk": f"SYNC#{sync_id}", "sk": f"ITEMS#{part_run_id}#{number:04}"}


def index_entry_key(company_id: str, transaction_id: str, sync_id: str) -> Key:
    """Return the key of a transaction's index entry for a sync that contained it."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": f"{INDEX_ENTRY_PREFIX}{sync_id}"}


def claim_key(company_id: str, transaction_id: str) -> Key:
    """Return the key of the claim of a transaction's submission in flight."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": "CLAIM"}


def body_key(company_id: str, transaction_id: str, submission_id: str) -> Key:
    """Return the key of a transaction's body in a submission."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": f"{BODY_PREFIX}{submission_id}"}


def is_body(key: Key) -> bool:
    """Return whether ``key`` is the key of a transaction's body."""
    return key["sk"].startswith(BODY_PREFIX)


def submission_key(submission_id: str) -> Key:
    """Return the key of a submission."""
    return {"pk": f"SUB#{submission_id}", "sk": SUBMISSION}


def slots_key(company_id: str) -> Key:
    """Return the key of a company's slots, each for one concurrent call to Codat."""
    return {"pk": f"LIMIT#{company_id}", "sk": "SLOTS"}


def minute_counter_key(now: datetime) -> Key:
    """Return the key of the counter of calls to Codat in a minute."""
    return {"pk": f"LIMIT#{now:%Y-%m-%dT%H:%M}", "sk": "MINUTE"}


def daily_budget_key(now: datetime) -> Key:
    """Return the key of the daily budget that reconcile has used."""
    return {"pk": f"LIMIT#{RECONCILE}#{now:%Y-%m-%d}", "sk": "DAY"}


def retry_key(sync_id: str) -> Key:
    """Return the key of the retry record of a failed sync."""
    return {"pk": f"SYNC#{sync_id}", "sk": RETRY}


def dropped_key(at: str, message_id: str) -> Key:
    """Return the key of the record of a dropped dead letter."""
    return {"pk": DROPPED, "sk": f"{DROPPED}#{at}#{message_id}"}


def idempotency_key(record_id: str) -> Key:
    """Return the key of the record of a request with an Idempotency-Key."""
    return {"pk": f"{_IDEMPOTENCY}{record_id}", "sk": "REQUEST"}


def is_idempotency_record(key: Key) -> bool:
    """Return whether ``key`` is the key of such a record."""
    return key["pk"].startswith(_IDEMPOTENCY)


def parse_sync_id(key: Key) -> str | None:
    """Return the id of the sync that an item belongs to or an index entry refers to, None if there is none."""
    for part in key["pk"], key["sk"]:
        if part.startswith(INDEX_ENTRY_PREFIX):
            return part.removeprefix(INDEX_ENTRY_PREFIX)
    return None


def belongs_to_company(key: Key, company_id: str) -> bool:
    """Return whether the key names this company; keys of syncs and submissions name no company."""
    pk = key["pk"]
    return pk in {f"COMPANY#{company_id}", slots_key(company_id)["pk"]} or pk.startswith(f"TXN#{company_id}#")


def get_item_type(key: Key) -> str:
    """Return the item type of a key, such as `SYNC/EVENT`."""
    return "/".join(part.partition("#")[0] for part in (key["pk"], key["sk"]))


def listing_index_keys(company_id: str, sync_id: str, at: str) -> Key:
    """Return the attributes that list a sync by company and by day, sorted by time."""
    position = f"{at}#{sync_id}"
    return {
        "companyPk": f"COMPANY#{company_id}",
        "companySk": position,
        "dayPk": f"DAY#{at[:10]}",
        "daySk": position,
    }


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: its index (empty: the table itself), the names of its partition and sort keys, and its value."""

    index: str
    name: str
    sort: str
    value: str


def company_partition(company_id: str) -> Partition:
    """Return the partition that lists a company's syncs."""
    return Partition("byCompany", "companyPk", "companySk", f"COMPANY#{company_id}")


def day_partition(day: date) -> Partition:
    """Return the partition that lists the syncs of a day (UTC)."""
    return Partition("byDay", "dayPk", "daySk", f"DAY#{day.isoformat()}")


def dropped_partition() -> Partition:
    """Return the partition of the dropped dead letters, in the order in which they were dropped."""
    return Partition("", "pk", "sk", DROPPED)


def unknown_partition() -> Partition:
    """Return the partition that lists the unknown outcomes, the oldest first. It shares the index of the days."""
    return Partition("byDay", "dayPk", "daySk", UNKNOWN)


def reconcile_partition() -> Partition:
    """Return the partition that lists the companies by their next reconciliation."""
    return Partition("byReconcile", "reconcilePk", "reconcileAt", RECONCILE)


def due_partition(*, behind_gate: bool = False) -> Partition:
    """Return the partition that lists the items by their next check: of those that wait for the gate, or the others."""
    return Partition("byDue", "duePk", "dueAt", DUE_BEHIND_GATE if behind_gate else DUE)


def reconcile_index_keys(at: str | None) -> dict[str, str | None]:
    """Return the attributes that list a company by its next reconciliation; None for both removes it."""
    return {"reconcilePk": at and RECONCILE, "reconcileAt": at}


def unknown_index_keys(position: str | None) -> dict[str, str | None]:
    """Return the attributes that list an item as one with an unknown outcome; None for both removes it."""
    return {"dayPk": position and UNKNOWN, "daySk": position}


def due_index_keys(due_at: str | None, *, behind_gate: bool = False) -> dict[str, str | None]:
    """Return the attributes that list an item by its next check; None for both removes it."""
    if due_at is None:
        return {"duePk": None, "dueAt": None}
    return {"duePk": DUE_BEHIND_GATE if behind_gate else DUE, "dueAt": due_at}
