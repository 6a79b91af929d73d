"""Minimal pages with login, built from the same parts as `functions/health`."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import httpx

from codat_sync.auth.csrf import require_csrf_token
from codat_sync.auth.login_flow import LoginFlow, Redirect
from codat_sync.auth.login_state import LoginState
from codat_sync.auth.oidc_client import OidcClient, parse_oidc_client_credentials
from codat_sync.auth.roles import Role
from codat_sync.auth.session import Session, unauthenticated_session
from codat_sync.auth.signed_cookie import SignedCookie, parse_session_keys
from codat_sync.aws.secrets import CachedSecret
from codat_sync.config import LoginSettings
from codat_sync.core.errors import (
    CsrfError,
    ForbiddenError,
    IdentityProviderError,
    LoginFailedError,
    SecretUnavailableError,
)
from codat_sync.core.http_event import get_base_url, get_cookies, get_headers

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Json = dict[str, Any]

_STATUSES = {
    LoginFailedError: 400,
    ForbiddenError: 403,
    CsrfError: 403,
    IdentityProviderError: 503,
    SecretUnavailableError: 503,
}


@dataclass(frozen=True)
class Site:
    """Where the pages are deployed: their environment, and the secrets that it names."""

    secretsmanager: "SecretsManagerClient"
    environment: dict[str, str]

    def put_secret(self, name: str, value: object) -> None:
        """Give a secret a value: as JSON, if it is no text."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.secretsmanager.put_secret_value(SecretId=name, SecretString=text)


@dataclass
class Pages:
    """A function with pages, wired as its environment says. ``offset_seconds`` is how late it is for it."""

    site: Site
    http: httpx.Client
    offset_seconds: float = 0

    def __post_init__(self) -> None:
        self.settings = LoginSettings.from_environment(self.site.environment)
        client = CachedSecret(self.site.secretsmanager, self.settings.login_secret_id, parse_oidc_client_credentials)
        self.key = CachedSecret(self.site.secretsmanager, self.settings.session_secret_arn, parse_session_keys)
        is_secure = not self.settings.is_local
        self.sessions = SignedCookie("session", Session, self.key, self._now, is_secure=is_secure)
        self.login = LoginFlow(
            OidcClient(self.http, self.settings.issuer, client),
            SignedCookie("login", LoginState, self.key, self._now, is_secure=is_secure),
            self.sessions,
            self.settings.access.roles_claims,
            self._now,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.offset_seconds, UTC)

    def handle(self, event: Json) -> Json:
        """Answer a request."""
        try:
            return self._routed(event)
        except tuple(_STATUSES) as error:
            return {"statusCode": _STATUSES[type(error)], "body": str(error)}

    def _routed(self, event: Json) -> Json:
        base_url = get_base_url(event, self.settings.public_url, is_local=self.settings.is_local)
        query, path = event.get("queryStringParameters", {}), event["rawPath"]
        if path == "/login":
            return _redirect(self.login.begin(base_url, query.get("next", "/")))
        if path == "/login/callback":
            return _redirect(self.login.finish(base_url, query, get_cookies(event)))
        is_enabled = self.settings.access.is_enabled
        session = self.sessions.read(get_cookies(event)) if is_enabled else unauthenticated_session()
        if session is None:
            return {"statusCode": 303, "headers": {"location": f"{base_url}/login?{urlencode({'next': path})}"}}
        if event["requestContext"]["http"]["method"] == "POST":
            (token,) = parse_qs(event["body"] or "csrf=").get("csrf", [""])
            require_csrf_token(session, token, get_headers(event), base_url)
        if path == "/logout":
            ended = self.login.end(base_url)
            return {
                "statusCode": 200,
                "headers": {"refresh": f"0; url={ended.location}"},
                "cookies": [str(each) for each in ended.cookies],
            }
        if path == "/retry":
            session.viewer.require_role(Role.RETRY)
        session.viewer.require_role(Role.VIEW)
        shown = {"subject": session.viewer.subject, "name": session.viewer.name, "csrf": session.csrf_token}
        return {"statusCode": 200, "body": json.dumps(shown | {"roles": sorted(session.viewer.roles)})}


def _redirect(redirect: Redirect) -> Json:
    cookies = [str(each) for each in redirect.cookies]
    return {"statusCode": 303, "headers": {"location": redirect.location}, "cookies": cookies}
