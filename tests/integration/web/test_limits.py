"""At every limit of a list, search, export, sum or grouping, what lies beyond it is mentioned: in JSON, HTML and CSV.

Each limit is set to three, and tried with two, three and four of what it limits. `docs/api.md` lists the limits.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.core.timestamps import format_timestamp
from codat_sync.dead_letters.dead_letter import DeadLetter, DropDecision
from codat_sync.dead_letters.queue import DroppedLetterRepository
from codat_sync.queries.sync_history import HistoryLimits
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of

_LIMIT = 3
_TODAY = datetime.now(UTC)
_LONGEST = {"from": (_TODAY - timedelta(days=90)).date().isoformat(), "to": _TODAY.date().isoformat()}
_CAUSES = ("Account is archived.", "Period is closed.", "Rate is missing.", "Supplier is blocked.")


@dataclass(frozen=True)
class Answer:
    """A response of the function."""

    headers: Mapping[str, str]
    text: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a CSV file, without its header."""
        return list(csv.reader(io.StringIO(self.text)))[1:]


class World:
    """The worker and health, whose pages and JSON API need no login."""

    def __init__(self, start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
        aws.environment.update({"ENVIRONMENT": "local", "AUTHENTICATION": "off"})
        self._worker, self._health = start("worker"), start("health")
        self.aws = aws
        self.simulated = simulated

    def get(self, path: str, **query: str) -> Answer:
        """Get a path of the pages or of the JSON API."""
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["rawQueryString"], event["queryStringParameters"] = urlencode(query), query
        answer = self._health(event)
        assert answer["statusCode"] == 200, answer["body"]
        return Answer({name.lower(): value for name, value in answer["headers"].items()}, answer["body"])

    def hears(self, sync: Sync, webhook_id: str = "msg") -> None:
        """Deliver the webhook of a sync."""
        assert failed(self._worker(batch(of(self.simulated, sync, f"{webhook_id}_{sync.sync_id}")))) == []

    def adds(self, code: int, *rows: Item, days_ago: int = 0) -> str:
        """Add a sync and deliver its webhook; returns its id."""
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days_ago))
        sync = self.simulated.add_sync(self.simulated.company(COMPANY_ID), code, rows, sync_utc=at)
        self.hears(sync)
        return sync.sync_id


@pytest.fixture
def world(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> World:
    """Return a world without syncs."""
    return World(start, aws, simulated)


def _failing(number: int) -> list[Item]:
    return [Item(f"t{each}", "PushError", "expense", _CAUSES[each]) for each in range(number)]


def _failed_syncs(world: World, number: int) -> str:
    busy = Item("t", "PushError", "expense", "busy")
    return [world.adds(5130, busy, days_ago=20 * each) for each in range(number)][-1]


def _good_syncs(world: World, number: int) -> str:
    return [world.adds(2000, Item("t"), days_ago=20 * each) for each in range(number)][-1]


def _syncs_of_a_day(world: World, number: int) -> str:
    return [world.adds(2000, Item("t")) for _ in range(number)][-1]


def _one_sync(world: World, number: int) -> str:
    return world.adds(5130, *_failing(number))


def _one_sync_of_an_older_version(world: World, number: int) -> str:
    """Add one that was stored in parts before the causes were kept with its record."""
    sync_id = _one_sync(world, number)
    world.aws.dynamodb.update_item(
        TableName=world.aws.environment["SYNC_TABLE_NAME"],
        Key={"pk": {"S": f"SYNC#{sync_id}"}, "sk": {"S": "SYNC"}},
        UpdateExpression="REMOVE parts.causes",
    )
    return sync_id


def _events(world: World, number: int) -> str:
    sync = world.simulated.add_sync(world.simulated.company(COMPANY_ID), 2000, [Item("t")])
    for each in range(number):
        world.hears(sync, f"msg_{each}")
    return sync.sync_id


def _dead_letters(world: World, number: int) -> str:
    for _ in range(number):
        url = world.aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"]
        world.aws.sqs.send_message(QueueUrl=url, MessageBody="crashed")
    return ""


def _dropped_letters(world: World, number: int) -> str:
    records = DroppedLetterRepository(Table(world.aws.dynamodb, world.aws.environment["SYNC_TABLE_NAME"]))
    for each in range(number):
        letter = DeadLetter("sync", f"m{each}", "reason", "", _TODAY, None, None, None, "{}", "receipt")
        records.put(letter, DropDecision("a test", "Ann", _TODAY + timedelta(seconds=each)))
    return ""


@dataclass(frozen=True)
class Limit:
    """A limit: how to set it, what fills it, and what says that there is more.

    ``says`` are the fields of the JSON response, ``words`` those of the page. ``csv`` is where the same is exported,
    which continues to the end unless ``csv_says``; ``csv_rows`` is the number of its rows.
    """

    names: tuple[str, ...]
    fill: Callable[[World, int], str]
    page: str
    words: str
    api: str = ""
    says: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    csv: bool = False
    csv_rows: Callable[[int], int] = lambda number: number
    csv_says: str = ""


# Each item is a part of its own.
_LARGE = ("codat_sync.syncs.record.INLINE_BYTES=0", "codat_sync.syncs.record.PART_BYTES=200")
_LIMITS = {
    "rows sorted": Limit(
        names=("sorted",),
        fill=_failed_syncs,
        query={"sort": "failed", **_LONGEST},
        api="/syncs",
        says={"isTruncated": True},
        page="/syncs",
        words="Only the newest 3 syncs, back to",
        csv=True,
    ),
    "rows examined for a filter": Limit(
        names=("examined",),
        fill=_good_syncs,
        query={"outcome": "failed", **_LONGEST},
        api="/syncs",
        says={"isTruncated": True},
        page="/syncs",
        words="so far; there may be more matches",
        csv=True,
        csv_rows=lambda _: 0,
    ),
    "rows examined for the last successful sync": Limit(
        names=("examined",),
        fill=_failed_syncs,
        api=f"/companies/{COMPANY_ID}",
        says={"isTruncated": True, "lastSuccessful": None},
        page=f"/company/{COMPANY_ID}",
        words="Continue searching",
    ),
    "rows examined for the latest failed syncs": Limit(
        names=("examined",), fill=_good_syncs, query=_LONGEST, page="/", words="Continue searching"
    ),
    "latest failed syncs of the dashboard's causes": Limit(
        names=("failed",),
        fill=_failed_syncs,
        query=_LONGEST,
        page="/",
        words="Based on the newest 3 failed syncs, back to",
    ),
    "failed syncs examined for causes": Limit(
        names=("failed",),
        fill=_failed_syncs,
        query=_LONGEST,
        api="/causes",
        says={"isTruncated": True, "syncs": 3},
        page="/causes",
        words="Only the newest 3 failed syncs, back to",
        csv=True,
        csv_rows=lambda _: 1,
    ),
    "failed syncs whose items are listed": Limit(
        names=("failed",),
        fill=_failed_syncs,
        query=_LONGEST,
        api="/failed-items",
        says={"isTruncated": True},
        page="/failed-items",
        words="Searched back to",
        csv=True,
    ),
    "parts read for a page of failed items": Limit(
        names=("codat_sync.queries.failures.failed_items.MAX_PARTS", *_LARGE),
        fill=_one_sync,
        api="/failed-items",
        says={"isTruncated": True},
        page="/failed-items",
        words="Searched back to",
        csv=True,
    ),
    "parts of failed syncs examined for causes": Limit(
        names=("codat_sync.queries.sync_details.MAX_PARTS", *_LARGE),
        fill=_one_sync_of_an_older_version,
        api="/causes",
        says={"isTruncated": True, "partialSyncs": 1},
        page="/causes",
        words="1 very large sync was analysed only in part",
        csv=True,
        csv_rows=lambda number: min(number, _LIMIT),
        csv_says="1 very large sync counted only in part",
    ),
    "causes kept with a sync that does not fit into its record": Limit(
        names=("codat_sync.syncs.repository.MAX_KEPT", *_LARGE),
        fill=_one_sync,
        api="/causes",
        says={"isTruncated": True, "otherFailures": 1},
        page="/causes",
        words="1 failure of very large syncs is not included",
        csv=True,
        csv_rows=lambda number: min(number, _LIMIT),
        csv_says="1 failure of very large syncs with rarer causes not included",
    ),
    "causes listed": Limit(
        names=("codat_sync.web.api.presenters.MAX_CAUSES",),
        fill=_one_sync,
        api="/causes",
        says={"isTruncated": True, "omittedCauses": 1},
        page="/causes",
        words="1 less frequent cause is not shown",
        csv=True,
    ),
    "causes of the dashboard": Limit(
        names=("codat_sync.web.pages.history_pages._TOP_CAUSES",),
        fill=_one_sync,
        page="/",
        words="The 3 most frequent of 4 causes",
    ),
    "syncs counted per day": Limit(
        names=("counted",),
        fill=_syncs_of_a_day,
        api="/totals",
        says={"isTruncated": True},
        page="/",
        words="The totals are too low",
        csv=True,
        csv_rows=lambda _: 30,
        csv_says="1 day counted only in part",
    ),
    "syncs counted per company": Limit(
        names=("counted",),
        fill=_syncs_of_a_day,
        query={"companyId": COMPANY_ID},
        api="/totals",
        says={"isTruncated": True},
        page=f"/company/{COMPANY_ID}",
        words="The totals are too low",
        csv=True,
        csv_rows=lambda _: 30,
        csv_says="counted only in part",
    ),
    "latest syncs of a company": Limit(
        names=("codat_sync.web.pages.company_pages._LATEST",),
        fill=_syncs_of_a_day,
        page=f"/company/{COMPANY_ID}",
        words="The latest 3.",
    ),
    "parts searched": Limit(
        names=("codat_sync.queries.item_search.MAX_PARTS", *_LARGE),
        fill=_one_sync,
        query={"search": "none"},
        api="/syncs/{}/transactions",
        says={"isTruncated": True, "reachedTo": 3},
        page="/syncs/{}/items",
        words="Searched the first 3 of 4 items so far",
        csv=True,
        csv_rows=lambda _: 0,
    ),
    "characters of a page of items": Limit(
        names=(f"codat_sync.queries.item_search._MAX_CHARACTERS={sum(map(len, _CAUSES[:_LIMIT]))}",),
        fill=_one_sync,
        api="/syncs/{}/transactions",
        says={"isTruncated": True, "reachedTo": 3},
        page="/syncs/{}/items",
        words="Searched the first 3 of 4 items so far",
        csv=True,
    ),
    "events of a sync": Limit(
        names=("codat_sync.webhooks.processed_events.MAX_EVENTS", "codat_sync.queries.sync_details.MAX_EVENTS"),
        fill=_events,
        api="/syncs/{}",
        says={"hasMoreEvents": True},
        page="/syncs/{}/timeline",
        words="Only 3 events are shown",
    ),
    "transactions planned": Limit(
        names=("codat_sync.retries.preview.MAX_PLANNED", "codat_sync.retries.preview.MAX_SHOWN"),
        fill=_one_sync,
        api="/syncs/{}/plan",
        says={"isTruncated": True, "failed": 4},
        page="/syncs/{}/retry",
        words="4 items failed; the first 3 are shown",
    ),
    "dead letters shown": Limit(
        names=("codat_sync.web.pages.operations.dead_letter_pages._MAX_SHOWN",),
        fill=_dead_letters,
        page="/dead-letters",
        words="About 1 more is not shown",
    ),
    "dead letters read": Limit(
        names=(
            "codat_sync.web.pages.operations.dead_letter_pages._MAX_READ",
            "codat_sync.web.api.dead_letter_routes._MAX_READ",
        ),
        fill=_dead_letters,
        page="/dead-letters",
        words="About 1 more is not shown",
        api="/dead-letters",
        says={"unexamined": 1},
    ),
    "dropped dead letters shown": Limit(
        names=(
            "codat_sync.web.pages.operations.dead_letter_pages._MAX_DROPPED",
            "codat_sync.web.api.dead_letter_routes._MAX_DROPPED",
        ),
        fill=_dropped_letters,
        page="/dead-letters",
        words="Only the latest 3 are shown",
        api="/dead-letters",
        says={"hasMoreDropped": True},
    ),
}


def _set(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in limit.names:
        name, _, value = each.partition("=")
        if "." in name:
            monkeypatch.setattr(name, int(value or _LIMIT))
        else:
            limits: Any = {name: _LIMIT}
            monkeypatch.setattr("codat_sync.queries.sync_history.LIMITS", replace(HistoryLimits(), **limits))


@pytest.mark.parametrize("number", [_LIMIT - 1, _LIMIT, _LIMIT + 1])
@pytest.mark.parametrize("limit", _LIMITS.values(), ids=_LIMITS)
def test_what_lies_beyond_a_limit_is_mentioned(
    limit: Limit, number: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is mentioned where nothing lies beyond it."""
    _set(limit, monkeypatch)
    world = request.getfixturevalue("world")  # once the limit is set
    sync_id = limit.fill(world, number)
    has_more = number > _LIMIT
    page = unescape(world.get(limit.page.format(sync_id), **limit.query).text)
    assert (limit.words in page) == has_more, page
    if limit.api:
        path = f"/api/v1{limit.api.format(sync_id)}"
        body = json.loads(world.get(path, **limit.query).text)
        assert ({name: body[name] for name in limit.says} == limit.says) == has_more
        assert has_more or not body.get("isTruncated")
        if "reachedTo" in body and "partialSyncs" not in body:
            assert (body["reachedTo"] is not None) == has_more
    if limit.csv:
        _check_csv(world.get(path, format="csv", **limit.query), limit, number)


def _check_csv(exported: Answer, limit: Limit, number: int) -> None:
    """Check that an export continues to the end, or says in its last line and a header that it does not."""
    if limit.csv_says and number > _LIMIT:
        *rows, (last,) = exported.rows
        assert limit.csv_says in last
        assert limit.csv_says in exported.headers["x-truncated"]
    else:
        rows = exported.rows
        assert "x-truncated" not in exported.headers
    assert len(rows) == limit.csv_rows(number)


_EXPORTS = {
    "/syncs": _syncs_of_a_day,
    f"/syncs?companyId={COMPANY_ID}": _syncs_of_a_day,
    "/syncs?sort=failed": _syncs_of_a_day,
    "/syncs/{}/transactions": _one_sync,
    "/causes": _one_sync,
}


@pytest.mark.parametrize("number", [_LIMIT - 1, _LIMIT, _LIMIT + 1])
@pytest.mark.parametrize(("path", "fill"), _EXPORTS.items(), ids=_EXPORTS)
def test_an_export_that_does_not_fit_into_a_response_says_how_to_continue(
    path: str, fill: Callable[[World, int], str], number: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda would lose a larger one. Together, the parts are the whole export."""
    path, _, query = f"/api/v1{path.format(fill(world, number))}".partition("?")
    asked = dict([query.split("=")] if query else [])
    whole = world.get(path, format="csv", **asked)
    assert (len(whole.rows), "x-truncated" in whole.headers) == (number, False)
    lines = whole.text.splitlines(keepends=True)[1:]
    room = sum(len(json.dumps(line)) for line in lines[:_LIMIT])
    monkeypatch.setattr("codat_sync.web.csv_export.MAX_BYTES", room)
    part = world.get(path, format="csv", **asked)
    if number <= _LIMIT:
        assert part == whole
        return
    *rows, (last,) = part.rows
    assert last.startswith(f"Not complete: {len(rows)} ")
    assert part.headers["x-truncated"] in last
    if path.endswith("/causes"):
        assert (rows, "3 of 4 causes" in last) == (whole.rows[:_LIMIT], True)
        return
    cursor = part.headers["x-next-cursor"]
    assert last.endswith(f"cursor={quote(cursor)}")
    rest = world.get(path, format="csv", cursor=cursor, **asked)
    assert sorted(rows + rest.rows) == sorted(whole.rows)
    assert "x-truncated" not in rest.headers


def test_an_export_has_more_than_a_page_of_a_hundred_days(world: World) -> None:
    """One sync on the first day of the longest period, and one on the last."""
    made = [world.adds(5130, *_failing(1), days_ago=days) for days in (0, 60, 90)]
    for query in ({}, {"sort": "code"}, {"outcome": "failed"}, {"companyId": COMPANY_ID}, {"search": COMPANY_ID}):
        exported = world.get("/api/v1/syncs", format="csv", **_LONGEST, **query)
        assert sorted(row[0] for row in exported.rows) == sorted(made), query
        found = json.loads(world.get("/api/v1/syncs", **_LONGEST, **query).text)
        assert (len(found["syncs"]), found["nextCursor"], found["isTruncated"], found["reachedTo"]) == (
            *(3, None, False, None),
        )
    assert world.get("/api/v1/causes", format="csv", **_LONGEST).rows[0][1:3] == ["3", "3"]
