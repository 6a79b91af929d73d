"""Sign a payload of `events/receiver/` now, and print or send it: a stored signature would have expired."""

import base64
import json
import secrets
from pathlib import Path

import httpx

from dev.stored_events import Payload, signed
from dev.waiting import PATIENCE_SECONDS
from ops.errors import CommandError
from ops.local_stack import Outputs


def sign_webhook(payload_path: Path) -> None:
    """Print the signed payload as JSON."""
    # At once: if the next command of a pipe is missing, the error is raised here and not at the end of the process.
    print(json.dumps(_signed(payload_path, Outputs.read())), flush=True)


def send_webhook(payload_path: Path, api_url: str | None) -> None:
    """Post the signed webhook to ``api_url``, by default the local stack, and print the response.

    Raises CommandError if the API does not answer with a 2xx.
    """
    outputs = Outputs.read()
    url = api_url or outputs.api_url
    try:
        answer = _post(url.rstrip("/"), _signed(payload_path, outputs))
    except httpx.TransportError as error:
        raise CommandError(f"{url} does not answer ({error}): start it with `make up`.") from error
    print(f"{answer.status_code} {answer.reason_phrase} {answer.text}".strip())
    if not answer.is_success:
        raise CommandError(f"{url} did not accept the webhook.")


def _signed(payload_path: Path, outputs: Outputs) -> Payload:
    try:
        payload = json.loads(payload_path.read_text())
    except ValueError as error:
        raise CommandError(f"{payload_path} is not JSON: {error}") from error
    if not (isinstance(payload, dict) and {"requestContext", "headers", "body", "isBase64Encoded"} <= payload.keys()):
        raise CommandError(f"{payload_path} is not a request to the receiver: use a file of events/receiver.")
    return signed(payload, outputs.signing_secret, webhook_id=f"msg_{secrets.token_hex(12)}")


def _post(url: str, payload: Payload) -> httpx.Response:
    http, body = payload["requestContext"]["http"], payload["body"]
    names = [name for name in payload["headers"] if name == "content-type" or name.startswith("webhook-")]
    return httpx.request(
        http["method"],
        url + http["path"],
        content=base64.b64decode(body) if payload["isBase64Encoded"] else body.encode(),
        headers={name: payload["headers"][name] for name in names},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
    )
