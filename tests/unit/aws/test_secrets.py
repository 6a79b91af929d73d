"""How long a secret is kept. Secrets Manager itself is met in the integration tests."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import boto3
import pytest
from botocore.stub import Stubber

from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.errors import SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """Any time will do."""
    return Clock()


@pytest.fixture
def service() -> Iterator[Stubber]:
    """Secrets Manager, answering what a test lines up, and nothing else."""
    client = boto3.client("secretsmanager", "eu-west-2")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _secret(service: Stubber, clock: Clock) -> CachedSecret[str]:
    def parse(text: str) -> str:
        if text == "bad":
            raise SecretUnavailableError("bad")
        return text.upper()

    return CachedSecret(cast("SecretsManagerClient", service.client), "arn", parse, clock)


def test_a_secret_is_read_once_and_again_when_it_is_old(service: Stubber, clock: Clock) -> None:
    """So that one that was taken away is refused within minutes."""
    secret = _secret(service, clock)
    service.add_response("get_secret_value", {"SecretString": "old"})
    assert secret.value() == "OLD"
    clock.seconds += 299
    assert secret.value() == "OLD"
    service.add_response("get_secret_value", {"SecretString": "new"})
    clock.seconds += 2
    assert secret.value() == "NEW"


def test_it_is_refreshed_at_once_but_not_at_any_rate(service: Stubber, clock: Clock) -> None:
    """Sixty reads in a row, then every five seconds: else each forged webhook would cost a call to Secrets Manager."""
    secret = _secret(service, clock)
    for number in range(60):
        service.add_response("get_secret_value", {"SecretString": f"v{number}"})
    secret.value()
    assert [secret.refresh() for _ in range(60)] == [*(f"V{number}" for number in range(1, 60)), None]
    assert secret.value() == "V59"
    clock.seconds += 4
    assert secret.refresh() is None
    clock.seconds += 1
    service.add_response("get_secret_value", {"SecretString": "new"})
    assert (secret.refresh(), secret.refresh()) == ("NEW", None)


def test_it_is_not_refreshed_before_the_age_that_a_caller_asks_for(service: Stubber, clock: Clock) -> None:
    """A failed attempt counts as well."""
    secret = _secret(service, clock)
    service.add_response("get_secret_value", {"SecretString": "old"})
    secret.value()
    clock.seconds += 59
    assert secret.refresh(60) is None
    clock.seconds += 2
    service.add_response("get_secret_value", {"SecretString": "new"})
    assert secret.refresh(60) == "NEW"
    assert secret.refresh(60) is None


def test_a_missing_secret_is_not_read_at_any_rate(service: Stubber, clock: Clock) -> None:
    """Nobody has to know it to cause a read."""
    secret = _secret(service, clock)
    for _ in range(60):
        service.add_client_error("get_secret_value", "ResourceNotFoundException")
    for _ in range(100):
        with pytest.raises(SecretUnavailableError):
            secret.value()
    clock.seconds += 5
    service.add_response("get_secret_value", {"SecretString": "new"})
    assert secret.value() == "NEW"


def test_an_unusable_secret_is_logged_while_an_older_one_serves(
    service: Stubber, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise it would show at the next cold start only."""
    secret = _secret(service, clock)
    service.add_response("get_secret_value", {"SecretString": "old"})
    secret.value()
    assert not caplog.records
    clock.seconds += 301
    service.add_response("get_secret_value", {"SecretString": "bad"})
    assert secret.value() == "OLD"
    assert [record.message for record in caplog.records] == ["secret unavailable"]


def test_an_old_secret_serves_while_it_cannot_be_read_again(service: Stubber, clock: Clock) -> None:
    """An outage of Secrets Manager does not stop what was known before."""
    secret = _secret(service, clock)
    service.add_response("get_secret_value", {"SecretString": "old"})
    secret.value()
    service.add_client_error("get_secret_value", "InternalServiceError")
    clock.seconds += 301
    assert secret.value() == "OLD"
    assert secret.value() == "OLD"
    service.add_response("get_secret_value", {"SecretString": "bad"})
    clock.seconds += 301
    assert secret.value() == "OLD"


def test_a_secret_that_was_never_read_is_unavailable(service: Stubber, clock: Clock) -> None:
    """Not there, no text, or not what it has to be."""
    secret = _secret(service, clock)
    service.add_client_error("get_secret_value", "ResourceNotFoundException")
    with pytest.raises(SecretUnavailableError):
        secret.value()
    service.add_response("get_secret_value", {"SecretBinary": json.dumps("x").encode()})
    with pytest.raises(SecretUnavailableError):
        secret.value()
    service.add_response("get_secret_value", {"SecretString": "bad"})
    with pytest.raises(SecretUnavailableError):
        secret.value()
