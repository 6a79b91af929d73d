"""Detect whether a message mentions a company, even if it is malformed."""

import base64
import binascii
import json


def mentions_company(company_id: str, body: str) -> bool:
    """Return whether a message's body, or the webhook that it carries, contains a company's id in any letter case."""
    return any(company_id.lower() in text.lower() for text in (body, extract_webhook(body)))


def extract_webhook(body: str) -> str:
    """Return the webhook that a message carries, as received; empty if there is none."""
    try:
        return base64.b64decode(json.loads(body)["raw"], validate=True).decode(errors="replace")
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):  # RecursionError: nested thousands deep
        return ""
