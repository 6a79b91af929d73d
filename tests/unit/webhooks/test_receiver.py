"""The verification of webhooks while their secret changes: the runbook of its rotation, played with forgeries."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import pytest
from standardwebhooks import Webhook

from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.errors import SecretUnavailableError, WebhookAuthenticationError, WebhookUnverifiableError
from codat_sync.webhooks.receiver import authenticate
from codat_sync.webhooks.signature import parse_signing_secrets

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_OLD, _NEW, _FORGED = ("whsec_" + base64.b64encode(text * 24).decode() for text in (b"o", b"n", b"f"))
_BODY = '{"test": 1}'
_MINUTE = 60.0


def _signed(*secrets: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signatures = [Webhook(secret).sign("msg_1", now, _BODY) for secret in secrets]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@dataclass
class _SecretsManager:
    """Secrets Manager with one secret."""

    text: str = ""
    reads: int = 0

    def store(self, *secrets: str, rotating: bool = False) -> None:
        self.text = json.dumps({"signingSecrets": secrets, "authorization": None, "rotating": rotating})

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert SecretId == "arn"
        self.reads += 1
        return {"SecretString": self.text}


@dataclass
class _Receiver:
    """A process of the receiver, with a clock of its own for the age of what it has read."""

    secrets_manager: _SecretsManager
    seconds: float = 0
    _signing: Any = field(init=False)

    def __post_init__(self) -> None:
        client = cast("SecretsManagerClient", self.secrets_manager)
        self._signing = CachedSecret(client, "arn", parse_signing_secrets, lambda: self.seconds)

    def status(self, headers: dict[str, str]) -> int:
        """Return the status of the answer to a webhook with these headers."""
        try:
            authenticate(headers, _BODY.encode(), self._signing)
        except WebhookAuthenticationError:
            return 401
        except (WebhookUnverifiableError, SecretUnavailableError):
            return 503
        return 202


@pytest.fixture
def secrets_manager() -> _SecretsManager:
    made = _SecretsManager()
    made.store(_OLD)
    return made


@pytest.mark.parametrize("forgeries", [0, 1, 58, 1_000])
def test_forgeries_do_not_cost_genuine_webhooks_their_reading(secrets_manager: _SecretsManager, forgeries: int) -> None:
    """With both secrets configured, the next webhook that the new one signed is accepted, or at least sent again."""
    receiver = _Receiver(secrets_manager)
    assert receiver.status(_signed(_OLD)) == 202
    answers = [receiver.status(_signed(_FORGED)) for _ in range(forgeries)]
    secrets_manager.store(_OLD, _NEW)
    assert receiver.status(_signed(_NEW)) == (202 if forgeries < 59 else 503)
    receiver.seconds += 5
    assert receiver.status(_signed(_NEW)) == 202
    assert receiver.status(_signed(_OLD)) == 202
    assert set(answers) <= {401, 503}
    assert answers[:59] == [401] * min(59, forgeries)
    assert secrets_manager.reads <= 62


def _without(name: str) -> dict[str, str]:
    return {key: value for key, value in _signed(_FORGED).items() if key != name}


@pytest.mark.parametrize(
    "forgery",
    [
        dict,
        lambda: _without("webhook-id"),
        lambda: _without("webhook-timestamp"),
        lambda: _without("webhook-signature"),
        lambda: _signed(_FORGED) | {"webhook-signature": "v1,short"},
        lambda: _signed(_FORGED) | {"webhook-signature": f"v2,{'A' * 43}="},
        lambda: _signed(_FORGED) | {"webhook-timestamp": "1614265330"},
        lambda: _signed(_FORGED) | {"webhook-timestamp": "99999999999"},
        lambda: _signed(_FORGED) | {"webhook-timestamp": "9" * 400},
        lambda: _signed(_FORGED) | {"webhook-timestamp": "now"},
        lambda: _signed(_FORGED) | {"webhook-timestamp": "nan"},
    ],
)
def test_what_no_secret_could_verify_costs_no_reading(
    secrets_manager: _SecretsManager, forgery: Callable[[], dict[str, str]]
) -> None:
    """It is rejected for good, whether or not a rotation is in progress."""
    secrets_manager.store(_OLD, rotating=True)
    receiver = _Receiver(secrets_manager)
    assert receiver.status(_signed(_OLD)) == 202
    assert [receiver.status(forgery()) for _ in range(100)] == [401] * 100
    assert secrets_manager.reads == 1


@pytest.mark.parametrize(("is_authorized", "status"), [(True, 202), (False, 401)])
def test_a_changed_authorization_is_noticed_like_a_changed_secret(
    secrets_manager: _SecretsManager, status: int, *, is_authorized: bool
) -> None:
    """The value is in the same secret."""
    receiver = _Receiver(secrets_manager)
    secrets_manager.text = json.dumps({"signingSecrets": [_OLD], "authorization": "Bearer old"})
    assert receiver.status(_signed(_OLD) | {"authorization": "Bearer old"}) == 202
    secrets_manager.text = json.dumps({"signingSecrets": [_OLD], "authorization": "Bearer new"})
    authorization = "Bearer new" if is_authorized else "Bearer forged"
    assert receiver.status(_signed(_OLD) | {"authorization": authorization}) == status


def test_a_secret_stored_with_an_error_is_no_reason_to_reject(secrets_manager: _SecretsManager) -> None:
    """The webhook may have been signed with the one that can't be read."""
    receiver = _Receiver(secrets_manager)
    for text in ("no JSON", json.dumps({"signingSecrets": [_OLD, _NEW[:-4]]})):
        assert receiver.status(_signed(_OLD)) == 202
        secrets_manager.text = text
        assert receiver.status(_signed(_NEW)) == 503
        assert receiver.status(_signed(_OLD)) == 202
        secrets_manager.store(_OLD)


# ---------------------------------------------------------------- the drill

# What each process of the receiver has read before the rotation, and when: the ages of its cache, in seconds.
_AGES = (None, 0.0, 4 * _MINUTE, 6 * _MINUTE)
_FORGERIES = (0, 1, 100)


@dataclass
class _Codat:
    """Codat, which sends a webhook again until it is accepted, unless its delivery service takes a 401 for final."""

    secrets: tuple[str, ...]
    is_401_final: bool
    waiting: int = 0

    def send(self, receiver: _Receiver) -> None:
        """Send a webhook, and those again that were not accepted."""
        outstanding, self.waiting = self.waiting + 1, 0
        for _ in range(outstanding):
            status = receiver.status(_signed(*self.secrets))
            assert not (status == 401 and self.is_401_final), "lost"
            self.waiting += status != 202


@pytest.mark.parametrize("ages", list(product(_AGES, _AGES)))
@pytest.mark.parametrize("forgeries", _FORGERIES)
@pytest.mark.parametrize("is_sudden", [True, False])
def test_the_rotation_in_the_runbook_loses_nothing(
    secrets_manager: _SecretsManager, ages: tuple[float | None, ...], forgeries: int, *, is_sudden: bool
) -> None:
    """In no order of cache states, even if Codat switches at once and never sends again what got a 401.

    Codat shows a secret that it made only once it signs with it.
    """
    codat = _Codat((_OLD,), is_401_final=True)
    receivers = [_Receiver(secrets_manager) for _ in ages]
    for receiver, age in zip(receivers, ages, strict=True):
        if age is not None:
            codat.send(receiver)
            receiver.seconds += age

    def meanwhile() -> None:
        for receiver in receivers:
            for _ in range(forgeries):
                assert receiver.status(_signed(_FORGED)) in {401, 503}
            codat.send(receiver)

    meanwhile()
    secrets_manager.store(_OLD, rotating=True)  # step 1
    meanwhile()
    codat.secrets = (_NEW,) if is_sudden else (_OLD, _NEW)  # step 2
    meanwhile()
    secrets_manager.store(_NEW, _OLD)  # step 3
    meanwhile()
    for receiver in (*receivers, _Receiver(secrets_manager)):
        receiver.seconds += 5
        codat.send(receiver)
    assert codat.waiting == 0
    codat.secrets = (_NEW,)
    secrets_manager.store(_NEW)  # step 4
    for receiver in (*receivers, _Receiver(secrets_manager)):
        receiver.seconds += 6 * _MINUTE
        codat.send(receiver)
        assert receiver.status(_signed(_OLD)) == 401
        assert receiver.status(_signed(_FORGED)) == 401
    assert codat.waiting == 0
