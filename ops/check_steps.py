"""What `make check` checks, each step with what to do if it fails."""

import base64
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import httpx

from codat_sync.codat.client import parse_api_key
from codat_sync.core.errors import SecretUnavailableError
from codat_sync.webhooks.signature import SigningSecrets, parse_signing_secrets
from ops.check_deployment import Deployment

# None of Codat's: the worker takes it for an event that is not ours, acknowledges it and says so in its log.
EVENT_TYPE = "codat-sync.check"

_TIMEOUT = httpx.Timeout(20, connect=5)
_SECONDS_TO_ACKNOWLEDGE = 90  # a cold start, and the time until CloudWatch finds a line
_CLOCKS_DIFFER = timedelta(minutes=1)


class CheckFailedError(Exception):
    """A check found what should not be; ``remedy`` is what to do about it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


def read_signing_secrets(deployment: Deployment) -> SigningSecrets:
    """Return the secrets with which Codat signs, as the receiver reads them."""
    try:
        return deployment.secret("WebhookSecretArn", parse_signing_secrets)
    except SecretUnavailableError as error:
        value = '{"signingSecrets": ["whsec_…"], "authorization": null}'
        command = deployment.put_secret_command("WebhookSecretArn", value)
        raise CheckFailedError(
            str(error), f"put the one that Codat's Portal shows for the endpoint: {command}"
        ) from None


def read_api_key(deployment: Deployment) -> str:
    """Return the key to Codat, as the worker reads it."""
    try:
        return deployment.secret("CodatSecretArn", parse_api_key)
    except SecretUnavailableError as error:
        command = deployment.put_secret_command("CodatSecretArn", '{"apiKey": "…"}')
        raise CheckFailedError(str(error), f"put the one that Codat's Portal shows: {command}") from None


def ask_codat(deployment: Deployment, api_key: str) -> str:
    """Ask Codat for as little as possible; returns where that was."""
    url = deployment.parameter("CodatBaseUrl")
    headers = {"Authorization": f"Basic {base64.b64encode(api_key.encode()).decode()}"}
    try:
        answer = httpx.get(
            f"{url}/companies",
            params={"page": 1, "pageSize": 1},
            headers=headers,
            timeout=_TIMEOUT,
            trust_env=deployment.is_on_aws,
        )
    except httpx.HTTPError as error:
        raise CheckFailedError(f"{url}: {error!r}", "is the parameter CodatBaseUrl right, and Codat up?") from None
    found = f"{url} answers {answer.status_code}"
    match answer.status_code:
        case httpx.codes.OK:
            return found
        case httpx.codes.UNAUTHORIZED | httpx.codes.PAYMENT_REQUIRED | httpx.codes.FORBIDDEN:
            command = deployment.put_secret_command("CodatSecretArn", '{"apiKey": "…"}')
            raise CheckFailedError(found, f"the key is not accepted; put one that Codat's Portal shows: {command}")
    raise CheckFailedError(found, "try again; if it stays so, https://status.codat.io")


def post_event(deployment: Deployment, signing: SigningSecrets) -> str:
    """Post a signed event to the webhook URL, as Codat would; returns its webhook-id."""
    webhook_id, now = f"msg_check_{secrets.token_hex(12)}", datetime.now(UTC)
    body = json.dumps({"id": webhook_id, "eventType": EVENT_TYPE, "generatedDate": now.isoformat(), "payload": {}})
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signing.verifiers[0].sign(webhook_id, now, body),
    }
    if signing.authorization:
        headers["authorization"] = signing.authorization.decode()
    try:
        answer = httpx.post(
            deployment.webhook_url, content=body, headers=headers, timeout=_TIMEOUT, trust_env=deployment.is_on_aws
        )
    except httpx.HTTPError as error:
        raise CheckFailedError(
            f"{deployment.webhook_url}: {error!r}", "is the stack deployed, and its URL reachable?"
        ) from None
    if answer.status_code != httpx.codes.ACCEPTED:
        raise CheckFailedError(f"{deployment.webhook_url} answers {answer.status_code}", _refused(answer.status_code))
    return webhook_id


def wait_for_worker(deployment: Deployment, webhook_id: str) -> float:
    """Wait until the worker says that it acknowledged the event; returns how many seconds that took."""
    began = time.monotonic()
    since = datetime.now(UTC) - _CLOCKS_DIFFER
    while time.monotonic() - began < _SECONDS_TO_ACKNOWLEDGE:
        lines = deployment.log_lines("WorkerLogGroup", webhook_id, since)
        if any(webhook_id in line and '"NotOurs"' in line for line in lines):
            return time.monotonic() - began
        time.sleep(1)
    raise CheckFailedError(
        f"the worker's log does not tell of it within {_SECONDS_TO_ACKNOWLEDGE} s",
        "look for errors in the log group WorkerLogGroup; with LogLevel above INFO it does not tell",
    )


def look_at_dead_letters(deployment: Deployment, webhook_id: str) -> int:
    """Look for the event among the dead letters; returns how many others there are."""
    bodies = [message["Body"] for message in deployment.dead_letters()]
    if any(webhook_id in body for body in bodies):
        raise CheckFailedError("the event was set aside", "`make dead-letters` with the same ENV shows why")
    return len(bodies)


def _options(deployment: Deployment) -> "_Options":
    # No proxy stands between here and the local stack.
    return {"timeout": _TIMEOUT, "trust_env": deployment.is_on_aws}


class _Options(TypedDict):
    timeout: httpx.Timeout
    trust_env: bool


def _refused(status: int) -> str:
    match status:
        case httpx.codes.UNAUTHORIZED:
            return "a secret that was put just now is noticed within five minutes: try again then"
        case httpx.codes.SERVICE_UNAVAILABLE:
            return "the receiver can't read its secret or reach SyncQueue: its log group, ReceiverLogGroup, tells which"
    return "look into the log groups ReceiverLogGroup and ApiLogGroup"
