"""Implausible times from outside, at every place that reads one: they count as absent."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from codat_sync.auth.id_token import ExpectedClaims, read_id_token
from codat_sync.aws.table_schema import GATE, slots_key
from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.errors import LoginFailedError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.ingestion.tasks import QuotaTask, SyncTask, parse_task
from codat_sync.polling.schedule import PendingCheck
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.rate_limits.quota import closure_from_429, next_reset, read_quota
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.reconciliation.comparison import Discrepancy, KnownSync, find_discrepancy
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus
from codat_sync.webhooks.message import webhook_message
from tests.support.oidc_issuer import unsigned
from tests.support.tables.fake_table import FakeTable, fake_table

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_TEXTS = ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2999-01-01", "soon", "", None)

Json = dict[str, object]


def _codat(answer: object) -> CodatClient:
    http = httpx.Client(
        base_url="https://codat", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    )
    gate = SharedGate(fake_table(), lambda: _NOW)
    limiter = ProcessLimiter(at_once=1, per_minute=1_000_000)
    return CodatClient(CodatHttpClient(http, lambda: "key", limiter, gate, lambda: _NOW))


def _event(event: Json) -> SyncTask | QuotaTask:
    body = json.dumps(event).encode()
    task = parse_task(json.dumps(webhook_message(body, webhook_id="w", received_at=_NOW, correlation_id="c")))
    assert isinstance(task, SyncTask | QuotaTask)
    return task


def _sync_time(text: str | None) -> object:
    return _codat({"syncStatusCode": 5130, "syncUtc": text}).get_sync_status("c", "s").synced_at


def _listed_sync_time(text: str | None) -> object:
    (status,) = _codat([{"syncId": "s", "syncStatusCode": 5130, "syncUtc": text}]).list_sync_statuses("c")
    return status.synced_at


def _generated(text: str | None) -> object:
    payload = {"referenceCompany": {"id": "c"}, "syncId": "s"}
    task = _event({"eventType": "expenses.sync.successful", "generatedDate": text, "payload": payload})
    assert isinstance(task, SyncTask)
    assert task.event
    return task.event.generated_at


def _quota_generated(text: str | None) -> object:
    task = _event({"eventType": "client.rateLimit.reset", "generatedDate": text, "payload": {}})
    assert isinstance(task, QuotaTask)
    return task.event.at


def _expires(text: str | None) -> object:
    task = _event({"eventType": "client.rateLimit.reached", "payload": {"expiryDate": text}})
    assert isinstance(task, QuotaTask)
    return task.event.closure


def _legacy_expires(text: str | None) -> object:
    task = _event({"RuleType": "Rate Limit Reached", "Data": {"ExpiresUtc": text}})
    assert isinstance(task, QuotaTask)
    return task.event.closure


def _reset(text: str | None) -> object:
    quota = read_quota(
        {"X-Rate-Limit-Remaining": "7", "X-Rate-Limit-Limit": "9", "X-Rate-Limit-Reset": text or ""}, _NOW
    )
    assert quota
    return quota.resets_at


def _retry_after(text: str | None) -> object:
    return closure_from_429({"Retry-After": text or ""}, _NOW)


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize(
    "read",
    [_sync_time, _listed_sync_time, _generated, _quota_generated, _expires, _legacy_expires, _reset, _retry_after],
)
def test_an_implausible_time_is_read_as_none(read: Callable[[str | None], object], text: str | None) -> None:
    """Whatever is read from Codat: its answers, its headers, its events of both generations."""
    assert read(text) == read(None)


def test_plausible_times_are_read() -> None:
    """The table above compares with what an absent time leads to."""
    at = "2026-11-24T12:00:00Z"
    moment = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert (_sync_time(at), _listed_sync_time(at), _generated(at), _quota_generated(at)) == (moment,) * 4
    soon = "2026-11-24T18:30:00Z"
    for read in (_expires, _legacy_expires, _reset, _retry_after):
        assert read(soon) != read(None)
    assert _reset(None) == next_reset(_NOW)


@pytest.mark.parametrize("name", ["closedUntil", "changedAt", "asOf", "resetsAt"])
@pytest.mark.parametrize("text", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"])
def test_a_wrong_clock_does_not_keep_the_gate_as_it_is(name: str, text: str) -> None:
    """Another process has written the time: the gate still opens, closes, and counts the quota."""
    table = FakeTable()
    stored = {"reason": "quota", "closedUntil": "2026-11-24T17:00:00.000Z", "changedAt": "2026-11-24T16:00:00.000Z"}
    stored |= {"asOf": "2026-11-24T16:00:00.000Z", "resetsAt": "2026-11-25T00:00:00.000Z"}
    values: Json = {**stored, "remaining": 1, "limit": 1000, name: text}
    table.update(GATE, values, {})
    gate = SharedGate(cast("Table", table), lambda: _NOW, is_interactive=True)
    gate.require_open()
    gate.close(closure_from_429({"Retry-After": "60"}, _NOW))
    assert gate.state.closure_at(_NOW)
    quota = read_quota({"X-Rate-Limit-Remaining": "7", "X-Rate-Limit-Limit": "9"}, _NOW)
    assert quota
    gate.record_quota(quota)
    fresh = SharedGate(cast("Table", table), lambda: _NOW).state
    assert fresh.closure_at(_NOW)
    assert fresh.quota == quota


def test_a_429_closes_the_gate_although_another_clock_is_a_little_ahead() -> None:
    """The other process has just opened it."""
    table = FakeTable()
    table.update(GATE, {"changedAt": format_timestamp(_NOW + timedelta(seconds=3))}, {})
    gate = SharedGate(cast("Table", table), lambda: _NOW)
    gate.require_open()
    gate.close(closure_from_429({}, _NOW))
    assert gate.state.closure_at(_NOW)


def test_a_slot_leased_for_years_is_free() -> None:
    """No call takes longer than half a minute."""
    table = FakeTable()
    table.update(slots_key("c"), {"slot0": "9999-12-31T23:59:59.999Z", "slot1": "2027-11-24T18:00:00.000Z"}, {})
    with SharedLimiter(cast("Table", table), lambda: _NOW, lambda _: None).acquire("c"):
        pass


def test_a_check_scheduled_for_years_ahead_is_stuck() -> None:
    """Reconcile has it made now."""
    listed = SyncStatus("c", "s", 2000, None, None, None, None, None)
    check = PendingCheck(_NOW, 0, _NOW + timedelta(days=3), None, is_stuck=False, correlation_id="")
    known = KnownSync("s", 1, 2000, None, Outcome.IN_PROGRESS, check, _NOW, "c")
    assert find_discrepancy(listed, known, _NOW) is Discrepancy.STUCK


@pytest.mark.parametrize("expires_at", [0, -1, 1e300, float("inf"), float("nan"), 1_795_600_000_000, "9999", None, [1]])
def test_a_token_with_an_implausible_expiry_is_rejected(expires_at: object) -> None:
    """Milliseconds and infinity are no times: such a token would never expire."""
    claims = {"iss": "i", "aud": "client", "nonce": "nonce", "sub": "1", "exp": expires_at}
    with pytest.raises(LoginFailedError, match="exp"):
        read_id_token(unsigned(claims), ExpectedClaims("i", "client", "nonce"), _NOW)
