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
CONFIGURATION = "CONFIG"
AUDIT = "AUDIT"
AUDIT_ENTRY_PREFIX = "ENTRY#"
RECONCILIATION = "RECONCILIATION"
BULK = "BULK"
BULK_ENTRY_PREFIX = "BULKSYNC#"
LATEST = "LATEST"
COMPANIES = "COMPANIES"

DIRECTORY: Key = {"pk": "RECONCILE", "sk": "DIRECTORY"}
ENDPOINT: Key = {"pk": "RECONCILE", "sk": "ENDPOINT"}
EXAMPLE_EVENT: Key = {"pk": "WEBHOOK", "sk": "EXAMPLE"}
COMPLETENESS: Key = {"pk": "RECONCILE", "sk": "COMPLETENESS"}
SEARCH: Key = {"pk": "RECONCILE", "sk": "SEARCH"}

FIND_PREFIX = "FIND#"
TRANSACTION_PREFIX = "TXN#"
RECONCILE = "RECONCILE"
DUE = "DUE"
DUE_BEHIND_GATE = "DUE#GATE"
UNKNOWN = "UNKNOWN"
SUBMISSION = "SUB"
_IDEMPOTENCY = "IDEMPOTENCY#"
# The item type of a record of a request with an Idempotency-Key: see ``get_item_type``.
STORED_RESPONSE = "IDEMPOTENCY/REQUEST"


def sync_key(sync_id: str) -> Key:
    """Return the key of a sync's record."""
    return {"pk": f"SYNC#{sync_id}", "sk": SYNC}


def parse_subject_id(pk: str) -> str:
    """Return the sync's or company's id from its partition key."""
    return pk.partition("#")[2]


def company_key(company_id: str) -> Key:
    """Return the key of a company's record."""
    return {"pk": f"COMPANY#{company_id}", "sk": COMPANY}


def latest_configuration_key(company_id: str) -> Key:
    """Return the key of the item that says which configuration of a company was read last, and when."""
    return {"pk": f"COMPANY#{company_id}", "sk": CONFIGURATION}


def configuration_key(company_id: str, digest: str) -> Key:
    """Return the key of a configuration of a company."""
    return {"pk": f"COMPANY#{company_id}", "sk": f"{CONFIGURATION}#{digest}"}


def sync_configuration_key(sync_id: str) -> Key:
    """Return the key of the item that says which configuration and connection applied when a sync failed."""
    return {"pk": f"SYNC#{sync_id}", "sk": CONFIGURATION}


def reconciliation_key(company_id: str) -> Key:
    """Return the key of a company's reconciliation state."""
    return {"pk": f"COMPANY#{company_id}", "sk": RECONCILIATION}


def latest_sync_key(company_id: str) -> Key:
    """Return the key of a company's latest sync."""
    return {"pk": f"COMPANY#{company_id}", "sk": LATEST}


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


def parse_transaction_key(key: Key) -> tuple[str, str] | None:
    """Return the ids of the company and of the transaction whose partition a key is in, None if it is in another."""
    if not key["pk"].startswith(TRANSACTION_PREFIX):
        return None
    company_id, _, transaction_id = parse_subject_id(key["pk"]).partition("#")  # Ids contain no "#".
    return company_id, transaction_id


def is_body(key: Key) -> bool:
    """Return whether ``key`` is the key of a transaction's body."""
    return key["sk"].startswith(BODY_PREFIX)


def find_key(kind: str, word: str, reference: str) -> Key:
    """Return the key of a search entry: words with the same first two characters share a partition."""
    return {"pk": find_partition(kind, word).value, "sk": f"{word}#{reference}"}


def parse_find_key(key: Key) -> tuple[str, str] | None:
    """Return the kind and the word of a search entry, None if the key is that of another item."""
    if not key["pk"].startswith(FIND_PREFIX):
        return None
    return parse_subject_id(key["pk"]).partition("#")[0], key["sk"].partition("#")[0]


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


def bulk_retry_key(bulk_retry_id: str) -> Key:
    """Return the key of a bulk retry."""
    return {"pk": f"{BULK}#{bulk_retry_id}", "sk": BULK}


def bulk_entry_key(bulk_retry_id: str, sync_id: str) -> Key:
    """Return the key of a sync within a bulk retry."""
    return {"pk": f"{BULK}#{bulk_retry_id}", "sk": f"{BULK_ENTRY_PREFIX}{sync_id}"}


def dropped_key(at: str, message_id: str) -> Key:
    """Return the key of the record of a dropped dead letter."""
    return {"pk": DROPPED, "sk": f"{DROPPED}#{at}#{message_id}"}


def audit_sort_key(position: str) -> str:
    """Return the sort key of an audit entry at a position in the order of time."""
    return f"{AUDIT_ENTRY_PREFIX}{position}"


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
    """Return the item type of a key, such as `SYNC/EVENT`. Of a search entry, it names the kind and not the word."""
    if found := parse_find_key(key):
        return FIND_PREFIX.replace("#", "/") + found[0]
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


def company_list_keys(company_id: str, *, is_latest_sync: bool = False) -> Key:
    """Return the attributes that list a company's record, or its latest sync right after it, among all companies."""
    return {"companyPk": COMPANIES, "companySk": f"{company_id}#{LATEST}" if is_latest_sync else company_id}


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


def company_list_partition() -> Partition:
    """Return the partition that lists all companies' records and latest syncs. It shares the index of their syncs."""
    return Partition("byCompany", "companyPk", "companySk", COMPANIES)


def day_partition(day: date) -> Partition:
    """Return the partition that lists the syncs of a day (UTC)."""
    return Partition("byDay", "dayPk", "daySk", f"DAY#{day.isoformat()}")


def find_partition(kind: str, word: str) -> Partition:
    """Return the partition of the search entries of words that begin as ``word`` does, in the order of the words."""
    return Partition("", "pk", "sk", f"{FIND_PREFIX}{kind}#{word[:2]}")


def work_partition(category: str) -> Partition:
    """Return the partition that lists the retries in a category of the worklist. It shares the index of companies."""
    return Partition("byCompany", "companyPk", "companySk", f"WORK#{category}")


def dropped_partition() -> Partition:
    """Return the partition of the dropped dead letters, in the order in which they were dropped."""
    return Partition("", "pk", "sk", DROPPED)


def audit_month(month: str) -> Partition:
    """Return the partition of the audit entries of a month (``2026-11``), in order of time."""
    return Partition("", "pk", "sk", f"{AUDIT}#{month}")


def audit_of_sync(sync_id: str) -> Partition:
    """Return the partition of the audit entries about a sync.

    It is not the sync's own: health may write audit entries, but not records of syncs.
    """
    return Partition("", "pk", "sk", f"{AUDIT}#SYNC#{sync_id}")


def unknown_partition() -> Partition:
    """Return the partition that lists the unknown outcomes, the oldest first. It shares the index of the days."""
    return Partition("byDay", "dayPk", "daySk", UNKNOWN)


def bulk_partition() -> Partition:
    """Return the partition that lists the bulk retries by time. It shares the index of the days."""
    return Partition("byDay", "dayPk", "daySk", BULK)


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


def bulk_index_keys(position: str) -> Key:
    """Return the attributes that list a bulk retry by time."""
    return {"dayPk": BULK, "daySk": position}


def work_index_keys(category: str | None, at: str, sync_id: str) -> dict[str, str | None]:
    """Return the attributes that list a retry by category, sorted by its sync's time; None removes it."""
    return {"companyPk": category and f"WORK#{category}", "companySk": category and f"{at}#{sync_id}"}


def due_index_keys(due_at: str | None, *, behind_gate: bool = False) -> dict[str, str | None]:
    """Return the attributes that list an item by its next check; None for both removes it."""
    if due_at is None:
        return {"duePk": None, "dueAt": None}
    return {"duePk": DUE_BEHIND_GATE if behind_gate else DUE, "dueAt": due_at}
