"""Signs a payload of `events/receiver/`, as a stored signature would have expired.

python -m dev.local_stack.sign_webhook events/receiver/sync-successful.json | sam local invoke ReceiverFunction -e -
python -m dev.local_stack.sign_webhook --curl events/receiver/sync-successful.json | curl --config -
"""

import argparse
import base64
import json
import secrets
from pathlib import Path

from dev.stored_events import Payload, signed
from ops.errors import told
from ops.local_outputs import Outputs


def main() -> None:
    """Print the signed payload, or what curl needs to post it."""
    arguments = _parser().parse_args()
    outputs = Outputs.read()
    payload = json.loads(arguments.payload.read_text())
    payload = signed(payload, outputs.signing_secret, webhook_id=f"msg_{secrets.token_hex(12)}")
    print(_curl_config(payload, arguments.api or outputs.api_url) if arguments.curl else json.dumps(payload))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev.local_stack.sign_webhook", description="Signs a webhook as Codat would now."
    )
    parser.add_argument("payload", type=Path, help="an event of API Gateway's, as those in events/receiver")
    parser.add_argument("--curl", action="store_true", help="print a configuration for curl, not the event")
    parser.add_argument("--api", help="where curl finds the API, if not at the local stack's address")
    return parser


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
    # Quoted as JSON is: curl knows these escapes, and the body has no others.
    written = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in lines]
    return "\n".join(["silent", "show-error", *written])


if __name__ == "__main__":
    with told():
        main()
