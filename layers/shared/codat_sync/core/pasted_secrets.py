"""Clean up secrets as operators paste them. Pure rules, for every secret of the application.

What is unmistakable is cleaned up: surrounding white space and quotes, JSON within JSON, other spellings of a field's
name, and the forms in which Codat's Portal and other tools show a value. Anything else raises SecretUnavailableError
with a reason that never quotes the secret: the answer is 503, so nothing is lost until an operator has fixed it.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from codat_sync.core.errors import SecretUnavailableError

API_KEY_FORM = '{"apiKey": "…"}'
ROTATION = "a rotation is in progress"
SIGNING_SECRETS_FORM = '{"signingSecrets": ["whsec_…", …], "authorization": null}'

# Word processors and chats replace straight quotes by others, and add characters that str.strip does not know.
_SMART_DOUBLE, _SMART_SINGLE = "\u201c\u201d\u201e\u201f\u00ab\u00bb", "\u2018\u2019\u201a\u201b"
_STRAIGHTEN = str.maketrans(dict.fromkeys(_SMART_DOUBLE, '"') | dict.fromkeys(_SMART_SINGLE, "'"))
_QUOTES = f"\"'`{_SMART_DOUBLE}{_SMART_SINGLE}"
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_QUOTED = re.compile(f"[{_QUOTES}](.*)[{_QUOTES}]", re.DOTALL)
_ESCAPED_LINE_ENDS = ("\\n", "\\r")
# The AWS console's editor of keys and values stores every value as a string, a list too.
_MAX_DEPTH = 3
_PLACEHOLDER = re.compile(r"…|\.\.\.|<[^>]*>")
_AUTHORIZATION = re.compile(r"authorization\s*:\s*", re.IGNORECASE)
_BASIC = re.compile(r"basic(?:\s+|$)", re.IGNORECASE)
_BEARER = re.compile(r"bearer(?:\s+|$)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")

_SIGNING_PREFIX = re.compile(r"whsec_", re.IGNORECASE)
# Other implementations of Standard Webhooks show the version of the signature before the secret.
_VERSION = re.compile(r"v1a?,(?=whsec_)", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,;]|(?=whsec_)", re.IGNORECASE)
_NOT_OF_A_SECRET = re.compile(rf"[\s{_INVISIBLE}{_QUOTES}]+")
# In bytes, as Standard Webhooks requires: a shorter secret lacks a part, or can be guessed.
_MIN_SIGNING_SECRET = 24

# In characters. A key that only looks encoded decodes to text by chance: for Codat's 40 characters, 1 in 10^13.
_MIN_ENCODED_KEY = 8
_BARE_KEY = re.compile(r"(?:authorization\s*:\s*)?(?:basic\s+)?[\w+/=-]{16,}", re.IGNORECASE | re.ASCII)


class PastedSigningSecrets(NamedTuple):
    """The content of the receiver's secret: ``secrets`` as ``whsec_…``, and the ``authorization`` value or "".

    ``doubt`` says why a webhook may be genuine although none of the secrets verifies it; None if it can't be.
    """

    secrets: tuple[str, ...]
    authorization: str
    doubt: str | None


def clean(text: str) -> str:
    """Return ``text`` without surrounding white space, invisible characters, escaped line ends and quotes."""
    before = None
    while text != before:
        before, text = text, text.strip().strip(_INVISIBLE)
        for end in _ESCAPED_LINE_ENDS:
            text = text.removesuffix(end)
        if quoted := _QUOTED.fullmatch(text):
            text = quoted[1]
    return text


def load_fields(text: str) -> dict[str, object] | None:
    """Return the fields of a JSON object, named in lower case without ``_`` and ``-``; None if it is not one."""
    value = _load(text)
    return _fields(value) if isinstance(value, dict) else None


def read_api_key(text: str) -> str:
    """Return Codat's API key. Raises SecretUnavailableError."""
    value = _load(text)
    if isinstance(value, dict):
        return _clean_api_key(_fields(value).get("apikey"))
    if isinstance(value, str) and _BARE_KEY.fullmatch(value):
        return _clean_api_key(value)
    raise _unavailable(API_KEY_FORM, "it is not valid JSON of this form")


def read_signing_secrets(text: str) -> PastedSigningSecrets:
    """Return Codat's signing secrets. Malformed ones beside good ones are left out; ``doubt`` mentions one.

    Raises SecretUnavailableError if there is none.
    """
    value = _load(text)
    fields = _fields(value) if isinstance(value, dict) else {"signingsecrets": value}
    listed = fields.get("signingsecrets", fields.get("signingsecret"))
    if listed is None or (isinstance(listed, str) and clean(listed).startswith("{")):
        raise _unavailable(SIGNING_SECRETS_FORM, "it is not valid JSON of this form")
    authorization = _read_authorization(fields.get("authorization"))
    pasted = [(each, _find_problem(each)) for each in _split(listed)]
    secrets = dict.fromkeys(f"whsec_{_SIGNING_PREFIX.sub('', str(each))}" for each, problem in pasted if not problem)
    problem = next((f"a signing secret {problem}" for _, problem in pasted if problem), None)
    if problem and not secrets:
        raise _unavailable(SIGNING_SECRETS_FORM, problem)
    if not secrets:
        raise SecretUnavailableError("the secret holds no signing secret yet")
    is_rotating = clean(str(fields.get("rotating"))).lower() == "true"
    return PastedSigningSecrets(tuple(secrets), authorization, problem or (ROTATION if is_rotating else None))


def _load(text: str, depth: int = _MAX_DEPTH) -> object:
    """Return the JSON value of ``text``; the cleaned text if it is no JSON."""
    for candidate in (text, clean(text), clean(text).translate(_STRAIGHTEN)):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return _load(value, depth - 1) if isinstance(value, str) and depth else value
    return clean(text)


def _fields(value: dict[str, object]) -> dict[str, object]:
    return {name.strip().lower().replace("_", "").replace("-", ""): field for name, field in value.items()}


def _clean_api_key(value: object) -> str:
    key = _AUTHORIZATION.sub("", clean(value), count=1) if isinstance(value, str) else ""
    if problem := _find_key_problem(key):
        raise _unavailable(API_KEY_FORM, f"the API key {problem}")
    is_header = _BASIC.match(key)
    decoded = _decode_key(_BASIC.sub("", key, count=1) if is_header else key)
    if is_header and not decoded:
        raise _unavailable(API_KEY_FORM, "the API key is the value of a header, and what follows Basic is not base64")
    return decoded if decoded and (is_header or len(decoded) >= _MIN_ENCODED_KEY) else key


def _find_key_problem(key: str) -> str | None:
    """Return what is wrong with a key or the header's value with it; None if nothing is."""
    if not key:
        return "is missing, empty or not a string"
    if _PLACEHOLDER.search(key):
        return "is still a placeholder"
    if _SIGNING_PREFIX.match(key):
        return "is the signing secret of a webhook endpoint"
    if _BEARER.match(key):
        return "is a bearer token"
    if not (key.isascii() and (key.isprintable() or _BASIC.match(key))):
        return "has a line break, or another character that no key has"
    return None


def _decode_key(text: str) -> str | None:
    """Decode a key in base64, or one that curl encoded as a user without a password. Returns None if it is not one."""
    encoded = "".join(text.split())
    if not _BASE64.fullmatch(encoded):
        return None
    try:
        decoded = base64.b64decode(_pad(encoded)).decode("ascii").strip().removesuffix(":")
    except ValueError:
        return None
    return decoded if decoded.isprintable() else None


def _split(listed: object) -> Iterator[object]:
    """Yield each signing secret of a list, or of a text that holds several. Other values are yielded as they are."""
    value = _load(listed) if isinstance(listed, str) else listed
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, str) or _BASIC.match(clean(each)):
            yield each
        else:
            yield from filter(None, _SEPARATOR.split(_VERSION.sub("", _NOT_OF_A_SECRET.sub("", clean(each)))))


def _find_problem(secret: object) -> str | None:
    """Return what is wrong with a signing secret; None if nothing is."""
    if not isinstance(secret, str):
        return "is not a string"
    if _BASIC.match(clean(secret)):
        return "is the value of an Authorization header"
    if _PLACEHOLDER.search(secret):
        return "is still a placeholder"
    if not _SIGNING_PREFIX.match(secret):
        return "does not begin with whsec_: it may be an API key"
    encoded = _SIGNING_PREFIX.sub("", secret, count=1)
    if encoded and not _BASE64.fullmatch(encoded):
        return "has a character that is not base64"
    try:
        length = len(base64.b64decode(_pad(encoded)))
    except ValueError:
        length = 0
    return None if length >= _MIN_SIGNING_SECRET else "is too short: a part of it is missing"


def _read_authorization(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _unavailable(SIGNING_SECRETS_FORM, "authorization is neither a string nor null")
    text = _AUTHORIZATION.sub("", clean(value), count=1)
    return "" if text.lower() == "null" else text


def _pad(encoded: str) -> str:
    digits = encoded.rstrip("=")
    return digits + "=" * (-len(digits) % 4)


def _unavailable(form: str, reason: str) -> SecretUnavailableError:
    return SecretUnavailableError(f"the secret is not {form}: {reason}")
