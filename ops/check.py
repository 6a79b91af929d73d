"""Check a deployment end to end, and print one line per step."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import QueueUnavailableError
from ops.check_steps import (
    CheckFailedError,
    call_codat,
    check_endpoint,
    post_event,
    read_api_key,
    read_signing_secrets,
    search_dead_letters,
    wait_for_worker,
)
from ops.deployment import Deployment

T = TypeVar("T")


def check(deployment: Deployment) -> bool:
    """Run and print every step; returns whether all of them passed."""
    return all([_check_codat(deployment), _check_webhook(deployment)])


def _check_codat(deployment: Deployment) -> bool:
    key = _step("Codat's API key", lambda: read_api_key(deployment), lambda _: "set and well-formed")
    if key is None:
        return _skip("Codat", "no API key")
    answer = _step("Codat", lambda: call_codat(deployment, key), lambda found: f"{found}: the key is accepted")
    if answer is None:
        return _skip("webhook endpoint", "no accepted API key")
    return _step("webhook endpoint", lambda: check_endpoint(deployment, key), lambda found: found) is not None


def _check_webhook(deployment: Deployment) -> bool:
    signing = _step(
        "signing secrets",
        lambda: read_signing_secrets(deployment),
        lambda found: f"set and well-formed: {len(found.verifiers)}{f' ({found.doubt})' if found.doubt else ''}",
    )
    if signing is None:
        return _skip("test event", "no secret to sign it with")
    webhook_id = _step(
        "receiver",
        lambda: post_event(deployment, signing),
        lambda found: f"answers 202 to the signed test event {found}",
    )
    if webhook_id is None:
        return _skip("worker", "no test event was accepted")
    seconds = _step(
        "worker", lambda: wait_for_worker(deployment, webhook_id), lambda found: f"acknowledged it within {found:.0f} s"
    )
    others = _step(
        "dead letters",
        lambda: search_dead_letters(deployment, webhook_id),
        lambda found: f"not the test event; others: {found}",
    )
    return seconds is not None and others is not None


def _step(name: str, run: Callable[[], T], describe: Callable[[T], str]) -> T | None:
    """Run a step and print its result; returns the result, None if the step failed."""
    try:
        value = run()
    except CheckFailedError as failure:
        print(f"✗ {name:<16} {failure}\n  {'':<16} {failure.remedy}", flush=True)
    except (BotoCoreError, ClientError, QueueUnavailableError) as error:
        print(f"✗ {name:<16} {error}\n  {'':<16} check that these credentials have the permission", flush=True)
    else:
        print(f"✓ {name:<16} {describe(value)}", flush=True)
        return value
    return None


def _skip(name: str, reason: str) -> bool:
    print(f"- {name:<16} skipped: {reason}", flush=True)
    return False
