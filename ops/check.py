"""Checks a deployment from end to end: `python -m ops.check ENV`.

ENV is that of `make deploy`, or `local` for the local stack that `make up` started.
"""

import argparse
import sys
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ops.check_deployment import Deployment
from ops.check_steps import (
    CheckFailedError,
    ask_codat,
    look_at_dead_letters,
    post_event,
    read_api_key,
    read_signing_secrets,
    wait_for_worker,
)
from ops.errors import LocalStackError, told
from ops.local_outputs import Outputs

T = TypeVar("T")


def main() -> None:
    """Check it; the exit code is 1 if anything is wrong."""
    environment = _parser().parse_args().environment
    try:
        deployment = Deployment.local(Outputs.read()) if environment == "local" else Deployment.on_aws(environment)
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"✗ the stack codat-sync-{environment} can't be read: {error}") from error
    sys.exit(0 if check(deployment) else 1)


def check(deployment: Deployment) -> bool:
    """Check ``deployment``, tell of each step, and return whether all is well."""
    return all([_check_codat(deployment), _check_webhook(deployment)])


def _check_codat(deployment: Deployment) -> bool:
    key = _step("Codat's API key", lambda: read_api_key(deployment), lambda _: "set and well-formed")
    if key is None:
        return _left_out("Codat", "not asked without a key")
    answer = _step("Codat", lambda: ask_codat(deployment, key), lambda found: f"{found}: the key is accepted")
    return answer is not None


def _check_webhook(deployment: Deployment) -> bool:
    signing = _step(
        "signing secrets",
        lambda: read_signing_secrets(deployment),
        lambda found: f"set and well-formed: {len(found.verifiers)}",
    )
    if signing is None:
        return _left_out("test event", "not sent without a secret to sign with")
    webhook_id = _step(
        "receiver",
        lambda: post_event(deployment, signing),
        lambda found: f"answers 202 to the signed test event {found}",
    )
    if webhook_id is None:
        return _left_out("worker", "not looked at without an event")
    seconds = _step(
        "worker", lambda: wait_for_worker(deployment, webhook_id), lambda found: f"acknowledged it within {found:.0f} s"
    )
    others = _step(
        "dead letters", lambda: look_at_dead_letters(deployment, webhook_id), lambda found: f"not it; others: {found}"
    )
    return seconds is not None and others is not None


def _step(name: str, look: Callable[[], T], found: Callable[[T], str]) -> T | None:
    """Take a step and tell of it; returns what it found, None if that is not as it should be."""
    try:
        value = look()
    except CheckFailedError as failure:
        print(f"✗ {name:<16} {failure}\n  {'':<16} {failure.remedy}", flush=True)
    except (BotoCoreError, ClientError) as error:
        print(f"✗ {name:<16} {error}\n  {'':<16} are these credentials allowed to?", flush=True)
    else:
        print(f"✓ {name:<16} {found(value)}", flush=True)
        return value
    return None


def _left_out(name: str, why: str) -> bool:
    print(f"- {name:<16} {why}", flush=True)
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.check", description="Checks a deployment from end to end.")
    parser.add_argument(
        "environment", nargs="?", default="local", help="dev or prod; local (the default) for `make up`"
    )
    return parser


if __name__ == "__main__":
    with told():
        main()
