"""Sign a payload of `events/receiver/` now: a stored signature would have expired."""

import base64
import json
import secrets
from pathlib import Path

from dev.stored_events import Payload, signed
from ops.local_stack import Outputs


def sign_webhook(payload_path: Path, *, curl: bool, api_url: str | None) -> None:
    """Print the signed payload as JSON; with ``curl``, as a curl configuration that posts it to ``api_url``.

    Without ``api_url``, to the local stack.
    """
    outputs = Outputs.read()
    payload = json.loads(payload_path.read_text())
    payload = signed(payload, outputs.signing_secret, webhook_id=f"msg_{secrets.token_hex(12)}")
    print(_curl_config(payload, api_url or outputs.api_url) if curl else json.dumps(payload))


def _curl_config(payload: Payload, api_url: str) -> str:
    http = payload["requestContext"]["http"]
    body = base64.b64decode(payload["body"]).decode() if payload["isBase64Encoded"] else payload["body"]
    lines = [("url", api_url + http["path"]), ("request", http["method"]), ("data-binary", body), ("noproxy", "*")]
    lines.append(("write-out", "\n"))
    lines += [
        ("header", f"{name}: {value}")
        for name, value in payload["headers"].items()
        if name == "content-type" or name.startswith("webhook-")
    ]
    # In JSON's quotes: curl knows these escapes, and the body has no others.
    written = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in lines]
    return "\n".join(["silent", "show-error", *written])
