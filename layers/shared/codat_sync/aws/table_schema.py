"""The keys of SyncTable's items and of its indexes. They are made here and nowhere else."""

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
COMPLETENESS: Key = {"pk": "RECONCILE", "sk": "COMPLETENESS"}

BY_RECONCILE = "byReconcile"
RECONCILE = "RECONCILE"
BY_DUE = "byDue"
DUE = "DUE"
DUE_BEHIND_GATE = "DUE#GATE"


def sync_key(sync_id: str) -> Key:
    """Return the key of a sync's document."""
    return {"pk": f"SYNC#{sync_id}", "sk": SYNC}


def parse_subject_id(pk: str) -> str:
    """Return the id that a partition of a sync or a company is named after."""
    return pk.partition("#")[2]


def company_key(company_id: str) -> Key:
    """Return the key of a company's record."""
    return {"pk": f"COMPANY#{company_id}", "sk": COMPANY}


def reconciliation_key(company_id: str) -> Key:
    """Return the key of what is known of a company's completeness."""
    return {"pk": f"COMPANY#{company_id}", "sk": RECONCILIATION}


def accepted_differences_key(company_id: str) -> Key:
    """Return the key of where Codat's list and its own answer about a sync are known to differ."""
    return {"pk": f"COMPANY#{company_id}", "sk": "ACCEPTED"}


def event_key(subject: Key, webhook_id: str) -> Key:
    """Return the key of an event that was seen, beside the item that it is about."""
    return {"pk": subject["pk"], "sk": f"{EVENT_PREFIX}{webhook_id}"}


def part_run_key(sync_id: str, part_run_id: str) -> Key:
    """Return the key of what tells that a run has written parts."""
    return {"pk": f"SYNC#{sync_id}", "sk": f"{PART_RUN_PREFIX}{part_run_id}"}


def part_keys(sync_id: str, part_run_id: str, count: int) -> Iterator[Key]:
    """Yield the keys of the parts that a run has written, in order."""
    return (part_key(sync_id, part_run_id, number) for number in range(count))


def part_key(sync_id: str, part_run_id: str, number: int) -> Key:
    """Return the key of one part, counted from 0."""
    return {"pk": f"SYNC#{sync_id}", "sk": f"ITEMS#{part_run_id}#{number:04}"}


def index_entry_key(company_id: str, transaction_id: str, sync_id: str) -> Key:
    """Return the key of a pointer from a transaction to a sync that it was in."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": f"{INDEX_ENTRY_PREFIX}{sync_id}"}


def claim_key(company_id: str, transaction_id: str) -> Key:
    """Return the key of what says which submission of a transaction is in flight."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": "CLAIM"}


def body_key(company_id: str, transaction_id: str, submission_id: str) -> Key:
    """Return the key of a transaction's body, as a submission has it."""
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": f"{BODY_PREFIX}{submission_id}"}


def is_body(key: Key) -> bool:
    """Return whether it is the key of a transaction's body."""
    return key["sk"].startswith(BODY_PREFIX)


def submission_key(submission_id: str) -> Key:
    """Return the key of a submission."""
    return {"pk": f"SUB#{submission_id}", "sk": "SUB"}


def slots_key(company_id: str) -> Key:
    """Return the key of the places of a company, each for one call to Codat at a time."""
    return {"pk": f"LIMIT#{company_id}", "sk": "SLOTS"}


def minute_counter_key(now: datetime) -> Key:
    """Return the key of how many calls to Codat were made in a minute."""
    return {"pk": f"LIMIT#{now:%Y-%m-%dT%H:%M}", "sk": "MINUTE"}


def daily_budget_key(now: datetime) -> Key:
    """Return the key of how much of a day's quota reconcile has used."""
    return {"pk": f"LIMIT#{RECONCILE}#{now:%Y-%m-%d}", "sk": "DAY"}


def retry_key(sync_id: str) -> Key:
    """Return the key of what is done about a failed sync."""
    return {"pk": f"SYNC#{sync_id}", "sk": RETRY}


def dropped_key(at: str, message_id: str) -> Key:
    """Return the key of the record of a dead letter that was dropped."""
    return {"pk": DROPPED, "sk": f"{DROPPED}#{at}#{message_id}"}


def parse_sync_id(key: Key) -> str | None:
    """Return the sync that an item is of, or that a pointer points to; None for what is of no sync."""
    for part in key["pk"], key["sk"]:
        if part.startswith(INDEX_ENTRY_PREFIX):
            return part.removeprefix(INDEX_ENTRY_PREFIX)
    return None


def belongs_to_company(key: Key, company_id: str) -> bool:
    """Return whether an item's key says that it is of a company; those of syncs and submissions do not say."""
    pk = key["pk"]
    return pk in {f"COMPANY#{company_id}", slots_key(company_id)["pk"]} or pk.startswith(f"TXN#{company_id}#")


def get_item_type(key: Key) -> str:
    """Return which kind of item has such a key, as `SYNC/EVENT`."""
    return "/".join(part.partition("#")[0] for part in (key["pk"], key["sk"]))


def listing_index_keys(company_id: str, sync_id: str, at: str) -> Key:
    """Return what lists a sync by company and by day, at a time."""
    position = f"{at}#{sync_id}"
    return {
        "companyPk": f"COMPANY#{company_id}",
        "companySk": position,
        "dayPk": f"DAY#{at[:10]}",
        "daySk": position,
    }


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: the index (empty: of the table itself), its attributes for it and the order in it, and which one."""

    index: str
    name: str
    sort: str
    value: str


def company_partition(company_id: str) -> Partition:
    """Return where the syncs of a company are listed."""
    return Partition("byCompany", "companyPk", "companySk", f"COMPANY#{company_id}")


def day_partition(day: date) -> Partition:
    """Return where the syncs of a day (UTC) are listed."""
    return Partition("byDay", "dayPk", "daySk", f"DAY#{day.isoformat()}")


def dropped_partition() -> Partition:
    """Return where the records of dropped letters are, in the order in which they were dropped."""
    return Partition("", "pk", "sk", DROPPED)


def reconcile_index_keys(at: str | None) -> dict[str, str | None]:
    """Return what lists a company by when it is compared next; None for both if it is not."""
    return {"reconcilePk": at and RECONCILE, "reconcileAt": at}


def due_index_keys(due_at: str | None, *, behind_gate: bool = False) -> dict[str, str | None]:
    """Return what lists an item by when it has to be looked at again; None for both where it has not."""
    if due_at is None:
        return {"duePk": None, "dueAt": None}
    return {"duePk": DUE_BEHIND_GATE if behind_gate else DUE, "dueAt": due_at}
