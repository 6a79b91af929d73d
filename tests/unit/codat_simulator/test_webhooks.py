"""Simulated Codat's webhooks are signed as Codat's and say what Codat's say."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dev.codat_simulator.books.models import Company, Item, Sync
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.signing import HeaderFamily
from tests.support.aws import API_KEY, SIGNING_SECRET

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def codat() -> SimulatedCodat:
    """Return one on the system's clock, which the verifier of standardwebhooks reads."""
    return SimulatedCodat(API_KEY, SIGNING_SECRET)


@pytest.fixture
def failed(codat: SimulatedCodat, company: Company) -> Sync:
    """Give a sync that failed, with a row of nulls."""
    return codat.add_sync(company, 5130, [Item("t-1", "ValidationError", "expense", "no tax rate"), Item(None, None)])


def test_signature_of_codats_own_example(codat: SimulatedCodat) -> None:
    """The example of Codat's documentation comes out the same."""
    signed = codat.sign(
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
    )
    assert signed.headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_signature_holds_for_these_bytes_only(codat: SimulatedCodat, failed: Sync, family: HeaderFamily) -> None:
    """The library takes the body as it came, but not once it was parsed and written again."""
    signed = codat.sign(codat.event(failed), headers=family)
    headers = {name.replace(family, "webhook"): value for name, value in signed.headers.items()}
    Webhook(SIGNING_SECRET).verify(signed.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING_SECRET).verify(json.dumps(json.loads(signed.body)), headers)


def test_rotation_signs_with_every_secret(codat: SimulatedCodat, failed: Sync) -> None:
    """While a secret is rotated, the old one and the new one both verify."""
    codat.signing_secrets = (OTHER, SIGNING_SECRET)
    signed = codat.sign(codat.event(failed))
    for secret in (SIGNING_SECRET, OTHER):
        Webhook(secret).verify(signed.body, signed.headers)
    assert len(signed.headers["webhook-signature"].split(" ")) == 2


def test_authorization_is_sent_if_the_client_wants_it() -> None:
    """What the client has configured comes with each webhook."""
    codat = SimulatedCodat("key", SIGNING_SECRET, authorization="Bearer of-the-client")
    assert codat.sign(b"{}").headers["Authorization"] == "Bearer of-the-client"


def test_event_of_today(codat: SimulatedCodat, failed: Sync) -> None:
    """The envelope names sync and company; a status that webhooks do not have is `Failed`."""
    event = codat.event(failed)
    assert set(event) == {"id", "eventType", "generatedDate", "payload"}
    assert event["eventType"] == "expenses.sync.unsuccessful"
    payload = event["payload"]
    assert (payload["syncId"], payload["referenceCompany"]["id"]) == (failed.sync_id, failed.company_id)
    assert payload["transactions"] == [
        {"id": "t-1", "status": "Failed", "errorMessage": "no tax rate"},
        {"id": None, "status": None, "errorMessage": None},
    ]


def test_event_of_before(codat: SimulatedCodat, failed: Sync) -> None:
    """The fields of before mix two conventions."""
    event = codat.event(failed, generation="old")
    assert (event["RuleType"], event["CompanyId"]) == ("Sync Failed", failed.company_id)
    assert (event["Data"]["syncId"], event["Data"]["FailureStage"]) == (failed.sync_id, "Pushing")


def test_outcome_decides_on_the_type(codat: SimulatedCodat, company: Company) -> None:
    """One failed item makes a failed sync, whatever its code."""
    assert codat.event(codat.add_sync(company, 2040))["eventType"] == "expenses.sync.successful"
    mixed = codat.add_sync(company, 2000, [Item("t-1"), Item("t-2", "PushError")])
    assert codat.event(mixed, generation="old")["RuleType"] == "Sync Failed"


@pytest.mark.parametrize("rule_type", ["SyncFailed", "SyncCompleted", "Sync Completed"])
def test_rule_type_is_written_as_asked(codat: SimulatedCodat, failed: Sync, rule_type: str) -> None:
    """Both spellings can be had."""
    assert codat.event(failed, generation="old", event_type=rule_type)["RuleType"] == rule_type


def test_overrides_reach_into_the_event(codat: SimulatedCodat, failed: Sync) -> None:
    """An event of another product is one override away, and the rest stays."""
    event = codat.event(failed, generation="old", overrides={"Data": {"syncType": "Commerce"}, "CompanyId": None})
    assert event["Data"]["syncType"] == "Commerce"
    assert event["Data"]["syncId"] == failed.sync_id
    assert event["CompanyId"] is None


def test_rate_limits_have_no_company(codat: SimulatedCodat) -> None:
    """Rate limit events are the client's own, and the reset has a date that cannot be."""
    reset = codat.event(event_type="client.rateLimit.reset")["payload"]
    assert set(reset) == {"dailyQuota", "quotaRemaining", "expiryDate"}
    assert reset["expiryDate"] == "2024-09-01T23:59:99Z"
    assert codat.event(event_type="client.rateLimit.reached")["payload"]["quotaRemaining"] == 0
    reached = codat.event(generation="old", event_type="Rate Limit Reached")
    assert (reached["Data"]["QuotaRemaining"], "CompanyId" in reached) == (0, False)


def test_other_events_of_a_company(codat: SimulatedCodat, company: Company) -> None:
    """Connections, a deleted company and other data types each have their own payload."""
    connection = codat.event(company=company, event_type="connection.disconnected")["payload"]["connection"]
    assert (connection["sourceType"], connection["status"]) == ("Accounting", "Deauthorized")
    deleted = codat.event(company=company, event_type="company.deleted")["payload"]
    assert (deleted["id"], "referenceCompany" in deleted) == (company.company_id, False)
    other = codat.event(company=company, event_type="bills.write.successful")["payload"]
    assert set(other) == {"referenceCompany"}


def test_event_that_lacks_its_subject_is_refused(codat: SimulatedCodat, company: Company) -> None:
    """A sync event without a sync is a mistake of the test's."""
    with pytest.raises(ValueError, match="needs a sync"):
        codat.event(company=company, event_type="expenses.sync.successful")
    with pytest.raises(ValueError, match="needs a company"):
        codat.event(event_type="company.deleted")
