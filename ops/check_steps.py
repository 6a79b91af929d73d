"""The steps of `make check`. A step that fails says how to fix it."""

import base64
import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import httpx

from codat_sync.aws.secrets import read_secret
from codat_sync.codat.client import parse_api_key
from codat_sync.codat.directory_client import CONSUMERS_PATH, parse_webhook_consumers
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import CodatError, SecretUnavailableError
from codat_sync.core.pasted_secrets import ROTATION
from codat_sync.dead_letters.dead_letter import DeadLetterFilter
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.webhooks.endpoint import EndpointState, evaluate_endpoint
from codat_sync.webhooks.signature import SigningSecrets, parse_signing_secrets
from ops.dead_letters.commands import dead_letters
from ops.deployment import Deployment

T = TypeVar("T")

# Not a type of Codat's: the worker logs that the event is not for this application, and acknowledges it.
EVENT_TYPE = "codat-sync.check"

# For docs/operations.md#missing-webhooks, in short.
_REMEDIES = {
    EndpointState.DISABLED: "enable the endpoint on its page in Codat's Portal",
    EndpointState.WRONG_URL: "add an endpoint with this URL in Codat's Portal: sync events go to other URLs only",
    EndpointState.MISSING: "add an endpoint with this URL in Codat's Portal",
    EndpointState.UNSUBSCRIBED: "subscribe it to expenses.sync.successful and expenses.sync.unsuccessful",
    EndpointState.FILTERED: "remove its company tags in Codat's Portal: companies without them are not announced",
    EndpointState.UNKNOWN: "grant the API key access to webhooks, and check the endpoint in Codat's Portal until then",
}

_TIMEOUT = httpx.Timeout(20, connect=5)
_ACKNOWLEDGE_TIMEOUT_SECONDS = 90  # a cold start, and the time until CloudWatch finds a line
_CLOCK_SKEW = timedelta(minutes=1)
# Receiving them takes up to 20 s.
_MOST_DEAD_LETTERS = 200


class CheckFailedError(Exception):
    """A step found a problem; ``remedy`` says how to fix it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


def read_signing_secrets(deployment: Deployment) -> SigningSecrets:
    """Return Codat's signing secrets, as the receiver reads them."""
    value = '{"signingSecrets": ["whsec_…"], "authorization": null}'
    command = _put_secret_command(deployment, "WebhookSecretArn", value)
    remedy = f"store the one that Codat's Portal shows for the endpoint: {command}"
    try:
        signing = _secret(deployment, "WebhookSecretArn", parse_signing_secrets)
    except SecretUnavailableError as error:
        raise CheckFailedError(str(error), remedy) from None
    if signing.doubt not in {None, ROTATION}:
        raise CheckFailedError(f"the secret can be used only in part: {signing.doubt}", remedy)
    return signing


def read_api_key(deployment: Deployment) -> str:
    """Return Codat's API key, as the worker reads it."""
    try:
        return _secret(deployment, "CodatSecretArn", parse_api_key)
    except SecretUnavailableError as error:
        command = _put_secret_command(deployment, "CodatSecretArn", '{"apiKey": "…"}')
        raise CheckFailedError(str(error), f"store the one that Codat's Portal shows: {command}") from None


def call_codat(deployment: Deployment, api_key: str) -> str:
    """List one company at Codat; returns the URL and the status of the response."""
    answer = _get_from_codat(deployment, api_key, "/companies", {"page": 1, "pageSize": 1})
    found = f"{deployment.parameter('CodatBaseUrl')} answers {answer.status_code}"
    match answer.status_code:
        case httpx.codes.OK:
            return found
        case httpx.codes.UNAUTHORIZED | httpx.codes.PAYMENT_REQUIRED | httpx.codes.FORBIDDEN:
            command = _put_secret_command(deployment, "CodatSecretArn", '{"apiKey": "…"}')
            raise CheckFailedError(found, f"the key is not accepted; store one that Codat's Portal shows: {command}")
    raise CheckFailedError(found, "try again later; if it persists, see https://status.codat.io")


def check_endpoint(deployment: Deployment, api_key: str) -> str:
    """Check how our endpoint is registered at Codat; returns its state, and when Codat's example event arrived."""
    if not deployment.is_on_aws and deployment.parameter("CodatBaseUrl").startswith("https:"):
        return "not checked: Codat can't reach the local stack"
    answer = _get_from_codat(deployment, api_key, CONSUMERS_PATH, {})
    if answer.status_code != httpx.codes.OK:
        raise CheckFailedError(f"GET {CONSUMERS_PATH} answers {answer.status_code}", _REMEDIES[EndpointState.UNKNOWN])
    try:
        state = evaluate_endpoint(parse_webhook_consumers(answer.content), deployment.registered_url)
    except CodatError as error:
        raise CheckFailedError(str(error), _REMEDIES[EndpointState.UNKNOWN]) from None
    if state is not EndpointState.HEALTHY:
        raise CheckFailedError(f"{state.value}: {deployment.registered_url}", _REMEDIES[state])
    received_at = ReconciliationRunRepository(deployment.table).load_endpoint().example_received_at
    arrived = f"received {received_at:%Y-%m-%d %H:%M:%S} UTC" if received_at else "not received yet"
    return f"{state.value}; Codat's example event: {arrived}"


def post_event(deployment: Deployment, signing: SigningSecrets) -> str:
    """Post a signed event to the webhook URL, as Codat would; returns its webhook-id."""
    webhook_id, now = f"msg_check_{secrets.token_hex(12)}", utc_now()
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
            f"{deployment.webhook_url}: {error!r}",
            "check that the stack is deployed and its URL is reachable from here",
        ) from None
    if answer.status_code != httpx.codes.ACCEPTED:
        raise CheckFailedError(f"{deployment.webhook_url} answers {answer.status_code}", _refused(answer.status_code))
    return webhook_id


def wait_for_worker(deployment: Deployment, webhook_id: str) -> float:
    """Wait until the worker logs that it acknowledged the event; returns how many seconds that took."""
    began = time.monotonic()
    since = utc_now() - _CLOCK_SKEW
    while time.monotonic() - began < _ACKNOWLEDGE_TIMEOUT_SECONDS:
        lines = _log_lines(deployment, "WorkerLogGroup", webhook_id, since)
        if any(webhook_id in line and '"IgnoredEventTask"' in line for line in lines):
            return time.monotonic() - began
        time.sleep(1)
    raise CheckFailedError(
        f"no log line about it within {_ACKNOWLEDGE_TIMEOUT_SECONDS} s",
        "look for errors in the log group WorkerLogGroup; with LogLevel above INFO the line is not logged",
    )


def search_dead_letters(deployment: Deployment, webhook_id: str) -> str:
    """Check that the event is not in the dead-letter queue; returns how many messages are, and whether all were read.

    Raises QueueUnavailableError, and botocore's errors.
    """
    letters = dead_letters(deployment).find(DeadLetterFilter(queue="sync"), _MOST_DEAD_LETTERS)
    if any(webhook_id in letter.body for letter in letters):
        raise CheckFailedError("the event is a dead letter", "`make dead-letters` with the same ENV shows why")
    return f"{len(letters)}, and about {letters.unexamined} not read" if letters.unexamined else str(len(letters))


def _secret(deployment: Deployment, output: str, parse: Callable[[str], T]) -> T:
    """Return a secret as the functions read it. Raises SecretUnavailableError."""
    return parse(read_secret(deployment.secretsmanager, deployment.outputs[output]))


def _get_from_codat(deployment: Deployment, api_key: str, path: str, query: dict[str, int]) -> httpx.Response:
    url = deployment.parameter("CodatBaseUrl")
    headers = {"Authorization": f"Basic {base64.b64encode(api_key.encode()).decode()}"}
    try:
        return httpx.get(
            f"{url}{path}", params=query, headers=headers, timeout=_TIMEOUT, trust_env=deployment.is_on_aws
        )
    except httpx.HTTPError as error:
        raise CheckFailedError(
            f"{url}: {error!r}", "check the parameter CodatBaseUrl, and https://status.codat.io"
        ) from None


def _put_secret_command(deployment: Deployment, output: str, value: str) -> str:
    arn = deployment.outputs[output]
    return f"aws secretsmanager put-secret-value --secret-id {arn} --secret-string '{value}'"


def _log_lines(deployment: Deployment, log_group: str, text: str, since: datetime) -> list[str]:
    """Return the lines of a log group, named as in the template, that contain ``text``."""
    pages = deployment.logs.get_paginator("filter_log_events").paginate(
        logGroupName=deployment.physical_id(log_group),
        filterPattern=f'"{text}"',
        startTime=int(since.timestamp() * 1000),
    )
    return [event["message"] for page in pages for event in page["events"]]


def _refused(status: int) -> str:
    match status:
        case httpx.codes.UNAUTHORIZED:
            return "the receiver reads a new secret after five minutes at most: try again then"
        case httpx.codes.SERVICE_UNAVAILABLE:
            return "the receiver can't read its secret or reach SyncQueue: see the log group ReceiverLogGroup"
    return "see the log groups ReceiverLogGroup and ApiLogGroup"
