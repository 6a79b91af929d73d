"""Secrets as operators paste them: what is cleaned up, and what is rejected with a reason."""

import base64
import json
from collections.abc import Callable

import pytest

from codat_sync.auth.oidc_client import parse_oidc_client_credentials
from codat_sync.auth.signed_cookie import parse_session_keys
from codat_sync.core.errors import SecretUnavailableError
from codat_sync.core.pasted_secrets import clean, load_fields, read_api_key, read_signing_secrets

_KEY = "8f2kQm7LxPz0TnVb5cRy3WdHs9JgUe1AoXi4Zq6N"
_ENCODED = base64.b64encode(_KEY.encode()).decode()
_A = "whsec_" + base64.b64encode(b"a secret of twenty-four.").decode()
_B = "whsec_" + base64.b64encode(b"another one, of thirty-two bytes").decode()
# 25 bytes: its base64 ends in two padding characters.
_PADDED = "whsec_" + base64.b64encode(b"a secret of twenty-five..").decode()

# How a value looks after copying it from a page, a terminal, a file, a chat or a word processor.
PASTED: list[Callable[[str], str]] = [
    lambda value: value,
    lambda value: f"{value}\n",
    lambda value: f"\r\n\t {value} \r\n",
    lambda value: f"{value}\\n",
    lambda value: f'"{value}"',
    lambda value: f"'{value}'",
    lambda value: f"`{value}`",
    lambda value: f"\u201c{value}\u201d",
    lambda value: f"\u2018{value}\u2019 ",
    lambda value: f"'\"{value}\n\"'",
    lambda value: f"\ufeff{value}",
    lambda value: f"\u00a0\u200b{value}\u200b\u00a0",
]
# How the whole secret looks.
STORED: list[Callable[[object], str]] = [
    json.dumps,
    lambda fields: f"\ufeff{json.dumps(fields)}\r\n",
    lambda fields: f"'{json.dumps(fields)}'",
    lambda fields: json.dumps(json.dumps(fields)),
    lambda fields: json.dumps(fields, ensure_ascii=False).replace('"', "\u201d"),
]


@pytest.mark.parametrize("pasted", PASTED)
def test_what_copying_adds_is_removed_from_every_secret(pasted: Callable[[str], str]) -> None:
    """From each field of each secret, and from one that is stored without its JSON."""
    assert clean(pasted(_KEY)) == _KEY
    assert read_api_key(json.dumps({"apiKey": pasted(_KEY)})) == _KEY
    assert read_api_key(pasted(_KEY)) == _KEY
    signing = read_signing_secrets(json.dumps({"signingSecrets": [pasted(_A)], "authorization": pasted("Bearer ä")}))
    assert signing == ((_A,), "Bearer ä", None)
    assert read_signing_secrets(pasted(_A)) == ((_A,), "", None)
    client = parse_oidc_client_credentials(json.dumps({"clientId": pasted("id"), "clientSecret": pasted("s")}))
    assert (client.client_id, client.client_secret) == ("id", "s")
    keys = parse_session_keys(json.dumps({"key": pasted("k" * 32), "previousKeys": [pasted("p" * 32)]}))
    assert keys == ["p" * 32, "k" * 32]


@pytest.mark.parametrize("stored", STORED)
def test_json_is_recognized_however_it_is_stored(stored: Callable[[object], str]) -> None:
    """Quoted again, within JSON, with a byte order mark, with a word processor's quotes."""
    assert read_api_key(stored({"apiKey": _KEY})) == _KEY
    assert read_signing_secrets(stored({"signingSecrets": [_A, _B], "authorization": "x"})) == ((_A, _B), "x", None)
    assert load_fields(stored({"clientId": "a", "client_secret": None})) == {"clientid": "a", "clientsecret": None}


@pytest.mark.parametrize(
    "value",
    [
        _ENCODED,
        f"Basic {_ENCODED}",
        f"basic  {_ENCODED}\n",
        f"Authorization: Basic {_ENCODED}",
        f"authorization:Basic {_ENCODED[:20]}\n{_ENCODED[20:]}",
        _ENCODED.rstrip("="),
        base64.b64encode(f"{_KEY}\n".encode()).decode(),
        f"Basic {base64.b64encode(f'{_KEY}:'.encode()).decode()}",
    ],
)
def test_a_key_is_recognized_in_the_forms_of_the_header(value: str) -> None:
    """Codat's Portal shows both the key and the value of the header; encoding it again would give a 401."""
    assert read_api_key(json.dumps({"apiKey": value})) == _KEY
    assert read_api_key(json.dumps({"API_Key": value})) == _KEY


@pytest.mark.parametrize("key", ["k", "an API key", "0123456789abcdef", "test-key", _KEY, "deadbeef" * 5, "A" * 40])
def test_a_key_that_is_one_stays_as_it_is(key: str) -> None:
    """Also one that could be base64, but of no text."""
    assert read_api_key(json.dumps({"apiKey": key})) == key


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        (f"v1,{_A}", [_A]),
        (f"v1, {_A}", [_A]),
        (_A.replace("whsec_", "whsec_ "), [_A]),
        (_A.replace("whsec_", "WHSEC_"), [_A]),
        (f"{_A[:20]}\n{_A[20:]}", [_A]),
        (_PADDED, [_PADDED]),
        (_PADDED.rstrip("="), [_PADDED.rstrip("=")]),
        (f"{_A} {_B}", [_A, _B]),
        (f"{_A},{_B}", [_A, _B]),
        (f"v1,{_A};v1,{_B}", [_A, _B]),
        (f'["{_A}", "{_B}"]', [_A, _B]),
        ([_A, f"v1,{_B}", _A], [_A, _B]),
        ([f"{_A} {_B}"], [_A, _B]),
    ],
)
def test_signing_secrets_are_recognized(value: object, secrets: list[str]) -> None:
    """With the version of the scheme, spaces, or several in one text."""
    for name in ("signingSecrets", "signingSecret", "signing_secrets", "SigningSecrets"):
        assert read_signing_secrets(json.dumps({name: value})) == (tuple(secrets), "", None)
    assert read_signing_secrets(value if isinstance(value, str) else json.dumps(value)).secrets == tuple(secrets)


@pytest.mark.parametrize(
    ("value", "authorization"),
    [
        (None, ""),
        ("", ""),
        ("null", ""),
        ("Bearer agreed\n", "Bearer agreed"),
        ("Authorization: Bearer agreed", "Bearer agreed"),
        ("Basic YTpi", "Basic YTpi"),
    ],
)
def test_the_authorization_value_is_cleaned(value: object, authorization: str) -> None:
    """It is compared with what Codat sends, so it is not decoded."""
    pasted = read_signing_secrets(json.dumps({"signingSecrets": [_A], "authorization": value}))
    assert pasted.authorization == authorization


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("not JSON", "not valid JSON"),
        ("{apiKey: hidden-value-of-this-test}", "not valid JSON"),
        ('{"apiKey": "hidden-value', "not valid JSON"),
        ("[" * 60_000, "not valid JSON"),
        ("7", "not valid JSON"),
        ("hidden", "not valid JSON"),
        ("{}", "missing, empty"),
        ('{"apiKey": 7}', "missing, empty"),
        ('{"apiKey": " \\n"}', "missing, empty"),
        ('{"apiKey": "…"}', "placeholder"),
        ('{"apiKey": "<hidden API key>"}', "placeholder"),
        (json.dumps({"apiKey": _A}), "signing secret"),
        (_A, "signing secret"),
        ('{"apiKey": "Bearer hidden"}', "bearer token"),
        ('{"apiKey": "Basic hidden!"}', "not base64"),
        ('{"apiKey": "Basic "}', "not base64"),
        ('{"apiKey": "Basic 2w=="}', "not base64"),
        ('{"apiKey": "hidden\\nvalue"}', "line break"),
        ('{"apiKey": "hidden\\u00e4"}', "line break"),
        ('{"apiKey": "hidden\\ud83d"}', "line break"),
    ],
)
def test_an_unusable_api_key_is_rejected_with_a_reason(text: str, reason: str) -> None:
    """Nothing of it is quoted."""
    _assert_rejected(lambda: read_api_key(text), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no signing secret yet"),
        ("null", "not valid JSON"),
        ("{}", "not valid JSON"),
        ('{"signingSecrets": null}', "not valid JSON"),
        ("{signingSecrets: [hidden]}", "not valid JSON"),
        ('{"signingSecrets": []}', "no signing secret yet"),
        ('{"signingSecrets": [""]}', "no signing secret yet"),
        ('{"signingSecrets": [7]}', "not a string"),
        ('{"signingSecrets": {"a": "hidden"}}', "not a string"),
        ('{"signingSecrets": ["whsec_…"]}', "placeholder"),
        ('{"signingSecrets": ["<hidden>"]}', "placeholder"),
        ('{"signingSecrets": ["whsec_"]}', "too short"),
        ('{"signingSecrets": ["whsec_eA=="]}', "too short"),
        (json.dumps({"signingSecrets": [_A[:-1]]}), "too short"),
        (json.dumps({"signingSecrets": [_A[:-4]]}), "too short"),
        ('{"signingSecrets": ["whsec_hidden!"]}', "not base64"),
        ("not JSON", "does not begin with whsec_"),
        (json.dumps({"signingSecrets": [_KEY]}), "does not begin with whsec_"),
        (json.dumps({"signingSecrets": [_A.removeprefix("whsec_")]}), "does not begin with whsec_"),
        (json.dumps({"signingSecrets": [f"Basic {_ENCODED}"]}), "Authorization header"),
        (json.dumps({"signingSecrets": [_A], "authorization": 7}), "authorization"),
        (json.dumps({"signingSecrets": [_A], "authorization": ["hidden"]}), "authorization"),
    ],
)
def test_unusable_signing_secrets_are_rejected_with_a_reason(text: str, reason: str) -> None:
    """Among them what was cut off, and what could be guessed."""
    _assert_rejected(lambda: read_signing_secrets(text), reason)


@pytest.mark.parametrize("bad", ["whsec_…", "whsec_eA==", 7, None, {}, "whsec_not base64!", "<new secret>"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_malformed_signing_secret_does_not_spoil_a_good_one(bad: object, *, is_first: bool) -> None:
    """But what the good one has not signed may have been signed with the other."""
    pasted = read_signing_secrets(json.dumps({"signingSecrets": [bad, _A] if is_first else [_A, bad]}))
    assert pasted.secrets == (_A,)
    assert pasted.doubt


@pytest.mark.parametrize(
    ("value", "is_rotating"), [(True, True), ("true", True), (False, False), (None, False), ("no", False), ("", False)]
)
def test_a_rotation_is_a_reason_to_doubt(value: object, *, is_rotating: bool) -> None:
    """It can be switched on in the console's editor, too, which stores strings."""
    pasted = read_signing_secrets(json.dumps({"signingSecrets": [_A], "rotating": value}))
    assert bool(pasted.doubt) is is_rotating


def _assert_rejected(read: Callable[[], object], reason: str) -> None:
    with pytest.raises(SecretUnavailableError) as raised:
        read()
    said = str(raised.value)
    assert reason in said
    assert "hidden" not in said
    assert not any(secret in said for secret in (_A.removeprefix("whsec_"), _KEY, _ENCODED))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
