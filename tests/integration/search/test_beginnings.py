"""Whatever an expense is called: every beginning of what names it finds it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import boto3
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import body_key, submission_key
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.sync_details import SyncReader
from codat_sync.search.indexer import ItemChange, SearchIndexer
from codat_sync.search.kinds import SearchIndexScope, SearchKind
from codat_sync.search.repository import SearchRepository
from codat_sync.search.service import SearchService
from codat_sync.search.words import MAX_WORDS, split_words
from dev.stored_events import COMPANY_ID
from tests.support.moto_aws import moto_aws
from tests.support.tables.sync_table import create_sync_table

_ID, _SUBMISSION = "4d7c6929-7770-412b-91bb-44d3bc71d555", "5e7c6929-7770-412b-91bb-44d3bc71d555"
_NAMES = st.text(max_size=60) | st.from_regex(r"[A-Z][a-zé]{0,12}([ *&/-][A-Za-z0-9]{1,8}){0,4}", fullmatch=True)
_AMOUNTS = st.decimals(min_value=1, max_value=10**9, places=2)


class _Search:
    """An index with one expense, and a search in it."""

    def __init__(self) -> None:
        client = boto3.client("dynamodb")
        create_sync_table(client, "syncs")
        self._table = Table(client, "syncs")
        self._indexer = SearchIndexer(SearchRepository(self._table), SearchIndexScope.ALL)
        companies = CompanyRepository(self._table, event_retention=timedelta())
        self._service = SearchService(
            SearchRepository(self._table), companies, SyncReader(self._table, companies), SearchIndexScope.ALL
        )
        self._table.put_all([submission_key(_SUBMISSION) | {"submissionId": _SUBMISSION}])
        self._old: dict[str, str] = {}

    def replace(self, **body: object) -> None:
        """Index this expense instead of the one before."""
        text = json.dumps(body, default=float)
        new = body_key(COMPANY_ID, _ID, _SUBMISSION) | {"body": text, "recordedAt": "2026-11-24T00:00:00.000Z"}
        self._indexer.index([ItemChange(self._old, new)])
        self._old = new

    def kinds(self, text: str) -> set[SearchKind]:
        """Return the kinds by which a text finds the expense."""
        groups = self._service.search(text, may_see_expenses=True).groups
        assert all(each.subject_id == _ID for group in groups for each in group.results)
        return {group.kind for group in groups if group.results}


@pytest.fixture(scope="module")
def search() -> Iterator[_Search]:
    """Yield an index; a replaced expense leaves nothing in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
        with moto_aws():
            yield _Search()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=_NAMES, data=st.data())
def test_every_beginning_of_a_word_finds_it(search: _Search, name: str, data: st.DataObject) -> None:
    """From two characters on, of any of its first words, with the words that follow."""
    words = split_words(name)
    start = data.draw(st.integers(0, MAX_WORDS - 1))
    typed = " ".join(words[start:])
    assume(len(typed) >= 2)
    search.replace(merchantName=name, reference=name)
    text = typed[: data.draw(st.integers(2, len(typed)))]
    assume(len(text.strip()) >= 2)
    assert {SearchKind.MERCHANT, SearchKind.REFERENCE} <= search.kinds(text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(amount=_AMOUNTS, data=st.data())
def test_every_beginning_of_an_amount_finds_it(search: _Search, amount: Decimal, data: st.DataObject) -> None:
    """From two digits on, with a decimal point or comma."""
    search.replace(lines=[{"netAmount": amount}])
    text = f"{amount:.2f}"
    beginning = text[: data.draw(st.integers(2, len(text)))]
    assert SearchKind.AMOUNT in search.kinds(beginning)
    assert SearchKind.AMOUNT in search.kinds(beginning.replace(".", ","))
    assert SearchKind.AMOUNT not in search.kinds(f"1{text}")
