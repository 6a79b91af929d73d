"""The index follows the table: whatever is repeated, renamed, purged, erased or was there before."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.audit.repository import AuditRepository
from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline
from codat_sync.aws.table_schema import body_key, company_key, submission_key
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.core.errors import InvocationDeadlineError
from codat_sync.erasure.body_retention import BodyPurger
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import ErasureService
from codat_sync.search.indexer import SearchIndexer
from codat_sync.search.kinds import EXPENSE_KINDS, SearchIndexScope
from codat_sync.search.rebuild import SearchRebuilder
from codat_sync.search.repository import SearchRepository
from codat_sync.search.words import split_words
from dev.codat_simulator.books.models import Item
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.clock import ManualClock
from tests.support.handlers import StartFunction
from tests.support.searching import Searching
from tests.support.sqs_batches import batch, failed, message, of

_OTHER_ID = "11111111-6988-11ed-a1eb-0242ac120002"
_SOON = timedelta(minutes=1)
_RECORDED = {"recordedAt": "2026-11-24T00:00:00.000Z"}


def _erasure(table: Table) -> ErasureService:
    clock = ManualClock()
    wait = lambda seconds: clock.pass_by(timedelta(seconds=seconds))  # noqa: E731
    audit = AuditRepository(table)
    return ErasureService(TombstoneRepository(table), CompanyItems(table), [], audit, "me", clock.now, sleep=wait)


def _rebuild(table: Table, scope: SearchIndexScope = SearchIndexScope.ALL) -> tuple[int, int]:
    pages = list(SearchRebuilder(table, SearchIndexer(SearchRepository(table), scope)).rebuild())
    return sum(page.written for page in pages), sum(page.deleted for page in pages)


def _kinds(searching: Searching) -> Counter[str]:
    return Counter(entry["pk"].split("#")[1] for entry in searching.entries())


def test_an_expense_costs_so_many_writes(searching: Searching) -> None:
    """One per id and for its amounts, and one per word of its merchant and reference."""
    searching.submit_expense(merchantName="Uber *Eats", reference="INV-2026/7")
    searching.catch_up()
    # The product's sync, its transaction, two words, three words, and the amount with tax and without.
    assert _kinds(searching) == {"sync": 1, "transaction": 1, "merchant": 2, "reference": 3, "amount": 2}
    # Each is a write unit: JSON is longer than DynamoDB's own form.
    assert max(len(json.dumps(entry, default=str)) for entry in searching.entries()) <= 1024
    assert searching.catch_up() == 0


def test_what_changes_nothing_to_be_found_writes_nothing(searching: Searching) -> None:
    """Such as the further life of a sync."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    assert searching.catch_up() > 0
    searching.simulated.change_sync(SYNC_ID, code=2000)
    assert (
        failed(searching.worker(batch(of(searching.simulated, searching.simulated.sync(SYNC_ID), "msg_later")))) == []
    )
    records = searching.stream.records()
    assert [each["eventName"] for each in records] == ["MODIFY"]
    assert searching.index({"Records": records}) == {"entriesWritten": 0}


def test_repeated_and_late_records_lead_to_the_same_entries(searching: Searching) -> None:
    """Lambda repeats a batch that failed, from its beginning."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.submit_expense(merchantName="Hotel")
    records = searching.stream.records()
    searching.index({"Records": records})
    before = searching.entries()
    searching.index({"Records": records})
    for record in records:
        searching.index({"Records": [record]})
    assert searching.entries() == before
    assert _kinds(searching)["company"] > 1


def test_a_failed_write_fails_the_batch(searching: Searching, aws: Aws) -> None:
    """So Lambda repeats it; the function has no other way to lose an entry."""
    searching.submit_expense(merchantName="Hotel")
    records = searching.stream.records()
    aws.dynamodb.delete_table(TableName="syncs")
    with pytest.raises(Exception, match="ResourceNotFound"):
        searching.index({"Records": records})


def test_a_company_is_found_by_its_new_name_only(searching: Searching) -> None:
    """The words of its old name are deleted, and until then they do not lead to it. The others are kept up to date."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.catch_up()
    old = searching.simulated.company(COMPANY_ID).name
    first, last = old.split()
    searching.simulated.add_company(company_id=COMPANY_ID, name=f"New {last}")
    event = {
        "id": "e",
        "eventType": "connection.linked",
        "payload": {"referenceCompany": {"id": COMPANY_ID, "name": "x"}},
    }
    searching.worker(batch(message(event, "msg_renamed", companyId=COMPANY_ID, syncId=None)))
    assert "company" not in searching.find(old)
    searching.catch_up()
    for text in ("new", last, f"new {last}", f"{last} new"):
        assert searching.find(text)["company"] == [COMPANY_ID], text
    assert "company" not in searching.find(first)
    (gone,) = split_words(first)
    assert not [each for each in searching.entries() if each["sk"].startswith(gone)]


def test_a_search_is_bounded_whatever_is_indexed(searching: Searching) -> None:
    """Of a hundred companies and expenses with the same word, the one with another word is found."""
    ids = [f"company-{number:03}" for number in range(100)]
    named = {each: {"companyId": each, "fetchedAt": "2026-11-24T00:00:00.000Z", "name": f"Acme {each}"} for each in ids}
    searching.table.put_all(company_key(each) | {"version": 1} | fields for each, fields in named.items())
    bodies = [body_key(each, "t", each) | _RECORDED | {"body": '{"merchantName": "Acme 7"}'} for each in ids]
    searching.table.put_all([*bodies, *(submission_key(each) | {"submissionId": each} for each in ids)])
    _rebuild(searching.table)
    with count_requests() as requests:
        assert searching.find("077 acme")["company"] == ["company-077"]
    assert sum(requests.values()) <= 20
    with count_requests() as requests:
        groups = {each["kind"]: each for each in searching.answer("acme 7")["groups"]}
    assert sum(requests.values()) <= 20
    assert {kind: (len(each["results"]), each["hasMore"]) for kind, each in groups.items()} == {"merchant": (10, True)}


def test_purging_bodies_purges_what_they_are_found_by(searching: Searching) -> None:
    """By the command alone, without the function; the ids stay, and what is younger."""
    wanted = searching.submit_expense(merchantName="Hotel", reference="INV-1")
    searching.catch_up()
    now = datetime.now(UTC)
    assert sum(BodyPurger(searching.table).purge(now - _SOON, now)) == 0
    assert searching.find("hotel")["merchant"] == [wanted]
    assert sum(BodyPurger(searching.table).purge(now + _SOON, now)) == 1
    assert not EXPENSE_KINDS & set(_kinds(searching))
    assert searching.find(wanted) == {"transaction": [wanted]}


def test_a_body_that_was_purged_before_it_was_indexed_is_not_found(searching: Searching) -> None:
    """The stream has its purge, too, after it."""
    searching.submit_expense(merchantName="Hotel")
    now = datetime.now(UTC)
    assert sum(BodyPurger(searching.table).purge(now + _SOON, now)) == 1
    for record in searching.stream.records():
        searching.index({"Records": [record]})
    assert not EXPENSE_KINDS & set(_kinds(searching))


def test_nothing_of_an_erased_company_remains_or_comes_back(searching: Searching) -> None:
    """Whatever its expenses were called meanwhile, and whichever changes are still in the stream."""
    simulated = searching.simulated
    simulated.add_company(company_id=_OTHER_ID)
    simulated.add_sync(simulated.company(_OTHER_ID), 5130, [Item("other", "PushError", "expense")])
    for sync in list(simulated.syncs):
        searching.hear(sync)
    first = searching.submit_expense(merchantName="Old Hotel", reference="shared")
    searching.submit_expense(_OTHER_ID, merchantName="Other Hotel", reference="shared")
    searching.catch_up()
    made = next(each for each in simulated.syncs if each.company_id == COMPANY_ID and each.sync_id != SYNC_ID)
    simulated.change_sync(made.sync_id, code=5130, items=(Item(first, "PushError"),))
    searching.hear(simulated.sync(made.sync_id))
    searching.submit_expense(id=first, merchantName="New Hotel", reference="shared")
    late = searching.stream.records()
    searching.index({"Records": late})
    others = [entry for entry in searching.entries() if entry["companyId"] == _OTHER_ID]
    assert len(others) < len(searching.entries())

    counted: Counter[str] = sum(CompanyItems(searching.table).count(COMPANY_ID), Counter())
    assert {kind for kind in counted if kind.startswith("FIND")} == {f"FIND/{kind}" for kind in _kinds(searching)}
    erased = _erasure(searching.table).erase(COMPANY_ID, "ticket 7")
    assert {kind for kind in erased.items if kind.startswith("FIND")} == {f"FIND/{kind}" for kind in _kinds(searching)}
    assert searching.entries() == others
    searching.index({"Records": late})
    searching.catch_up()
    _rebuild(searching.table)
    assert searching.entries() == others
    assert searching.find("hotel")["merchant"] == searching.find("shared")["reference"]
    assert len(searching.find("hotel")["merchant"]) == 1


def test_what_is_still_in_the_stream_is_not_written_after_the_tombstone(searching: Searching) -> None:
    """The erasure then deletes what was written before it."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    _erasure(searching.table).tombstones.put(COMPANY_ID, "me", "ticket 7", datetime.now(UTC))
    searching.catch_up()
    assert searching.entries() == []


def test_a_rebuilt_index_is_the_one_that_follows_the_table(searching: Searching) -> None:
    """Of a table from before the index, too."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.submit_expense(merchantName="Hotel", reference="INV-1")
    assert _rebuild(searching.table)[1] == 0
    rebuilt = searching.entries()
    searching.table.delete_all({"pk": each["pk"], "sk": each["sk"]} for each in rebuilt)
    searching.catch_up()
    assert searching.entries() == rebuilt
    assert rebuilt


def test_what_is_not_to_be_indexed_is_deleted(searching: Searching, aws: Aws, start: StartFunction) -> None:
    """By a rebuild, after the parameter was changed; and it is neither written nor found any more."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    wanted = searching.submit_expense(merchantName="Hotel", reference="INV-1")
    searching.catch_up()
    assert _rebuild(searching.table, SearchIndexScope.IDS)[1] > 0
    assert set(_kinds(searching)) == {"sync", "company", "transaction"}
    aws.environment["SEARCH_INDEX"] = "ids"
    searching.index, searching.health = start("index"), start("health")
    searching.submit_expense(merchantName="Hotel")
    searching.catch_up()
    assert searching.find("hotel") == {}
    assert searching.find(wanted) == {"transaction": [wanted]}
    assert set(searching.answer("x")["unindexedKinds"]) == EXPENSE_KINDS

    _rebuild(searching.table, SearchIndexScope.OFF)
    assert searching.entries() == []
    aws.environment["SEARCH_INDEX"] = "off"
    searching.health = start("health")
    assert searching.find(SYNC_ID) == {"sync": [SYNC_ID]}
    assert searching.find(COMPANY_ID.upper()) == {"company": [COMPANY_ID]}
    assert searching.find(SYNC_ID[:10]) == {}


def test_a_rebuild_that_was_suspended_writes_nothing(searching: Searching, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure that began meanwhile has waited for it no longer than for a function."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    monkeypatch.setattr("codat_sync.search.rebuild._MAX_PAGE_SECONDS", 0)
    with pytest.raises(InvocationDeadlineError):
        _rebuild(Table(enforce_deadline(searching.aws.dynamodb), "syncs"))
    assert searching.entries() == []
