"""A simulated OpenID Connect provider over TLS: strict about the standards, with faults on request.

Strictly: a code is good once, for the client, the address and the verifier that it was asked for with.
"""

import hashlib
import ipaddress
import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CLIENT_ID, CLIENT_SECRET = "the pages", "a secret: with a colon, +, % and é"

# Claims, and bodies of answers: JSON.
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A response; a content that is not text is sent as JSON."""

    status: HTTPStatus
    body: Json | str = ""
    location: str = ""


@dataclass
class SimulatedIdentityProvider:
    """An identity provider where one user is signed in already, so that no password is needed."""

    redirect_uris: set[str]
    url: str = ""
    client_secret: str | None = CLIENT_SECRET
    person: Json = field(default_factory=lambda: {"sub": "4f0c1f0e", "email": "ann@example.com"})
    # Faults: incorrect claims, incorrect discovery metadata, and responses by path.
    wrong_claims: Json = field(default_factory=dict)
    wrong_discovery: Json = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    delay_seconds: float = 0
    denies: bool = False
    requests: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def handle(self, method: str, url: str, authorization: str, form: dict[str, str]) -> Answer:
        """Answer a request."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        if parts.path in self.answers:
            return self.answers[parts.path]
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return Answer(HTTPStatus.OK, self._discovery())
            case "GET", "/authorize":
                return self._authorize(query)
            case "POST", "/token":
                return self._redeem(authorization, form)
            case "GET", "/logout":
                return Answer(HTTPStatus.FOUND, location=query["post_logout_redirect_uri"])
        return Answer(HTTPStatus.NOT_FOUND)

    def _discovery(self) -> Json:
        paths = {"authorization": "authorize", "token": "token", "end_session": "logout"}
        endpoints = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in paths.items()}
        return {"issuer": self.url, **endpoints, **self.wrong_discovery}

    def _authorize(self, query: dict[str, str]) -> Answer:
        is_known = query["client_id"] == CLIENT_ID and query["redirect_uri"] in self.redirect_uris
        if not is_known or query["response_type"] != "code" or "openid" not in query["scope"].split():
            return Answer(HTTPStatus.BAD_REQUEST, "no such client, or not for it")
        if query["code_challenge_method"] != "S256":
            return Answer(HTTPStatus.BAD_REQUEST, "no PKCE")
        code = str(uuid4())
        self._codes[code] = query
        parameters = {"error": "access_denied"} if self.denies else {"code": code}
        parameters["state"] = query["state"]
        return Answer(HTTPStatus.FOUND, location=f"{query['redirect_uri']}?{urlencode(parameters)}")

    def _redeem(self, authorization: str, form: dict[str, str]) -> Answer:
        if not self._is_authenticated(authorization, form):
            return Answer(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"})
        asked = self._codes.pop(form["code"], None)
        challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if not asked or (asked["code_challenge"], asked["redirect_uri"]) != (challenge, form["redirect_uri"]):
            return Answer(HTTPStatus.BAD_REQUEST, {"error": "invalid_grant"})
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        token = unsigned(claims | self.person | self.wrong_claims)
        return Answer(HTTPStatus.OK, {"token_type": "Bearer", "id_token": token})

    def _is_authenticated(self, authorization: str, form: dict[str, str]) -> bool:
        if self.client_secret is None:
            return not authorization and form.get("client_id") == CLIENT_ID
        given = (form.get("client_id"), form.get("client_secret"))
        ways = self.wrong_discovery.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in ways:
            name, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            given = (unquote_plus(name), unquote_plus(secret))  # RFC 6749, 2.3.1
        return given == (CLIENT_ID, self.client_secret)


def unsigned(claims: Json) -> str:
    """Return a token with these claims and an invalid signature: a client that gets it over TLS does not verify one."""
    parts = ({"alg": "RS256", "kid": "a key"}, claims)
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def write_certificate(folder: Path) -> Path:
    """Write a self-signed certificate with its key for localhost; returns its path."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "issuer.pem"
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Do not log clients that reject the certificate or disconnect."""


@contextmanager
def serve(provider: SimulatedIdentityProvider, certificate: Path) -> Iterator[SimulatedIdentityProvider]:
    """Serve an identity provider on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            answer = provider.handle(self.command, self.path, self.headers.get("authorization", ""), form)
            time.sleep(provider.delay_seconds)
            content = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header("content-length", str(len(content)))
            if answer.location:
                self.send_header("location", answer.location)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="issuer")
        thread.start()
        provider.url = f"https://127.0.0.1:{server.server_port}"
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
