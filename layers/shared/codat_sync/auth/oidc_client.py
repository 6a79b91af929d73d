"""Talk to the issuer of ID tokens: the stack's own user pool, or the customer's (OpenID Connect)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, StringConstraints, ValidationError

from codat_sync.auth.login_state import LoginState
from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.bounded_http_client import limit_call
from codat_sync.core.errors import IdentityProviderError, LoginFailedError, SecretUnavailableError
from codat_sync.core.pasted_secrets import clean, load_fields

_TIMEOUT = httpx.Timeout(5)
# For a whole call: httpx's time-out applies to each read.
_MAX_SECONDS = 8
_DISCOVERY = "/.well-known/openid-configuration"
_BASIC, _POST = "client_secret_basic", "client_secret_post"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class OidcClientCredentials:
    """Our client credentials at the issuer."""

    client_id: str
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The ID token that a code was redeemed for, and its required audience."""

    id_token: str
    client_id: str


class _ProviderMetadata(BaseModel):
    """The issuer's metadata (OpenID Connect Discovery 3) that is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = [_BASIC]

    @property
    def endpoints(self) -> list[str]:
        return [self.authorization_endpoint, self.token_endpoint, self.end_session_endpoint or self.token_endpoint]


class _TokenAnswer(BaseModel):
    id_token: str


class _TokenError(BaseModel):
    error: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


def parse_oidc_client_credentials(text: str) -> OidcClientCredentials:
    """Parse ``{"clientId": "…", "clientSecret": "…"}``; ``clientSecret`` is null for a public client.

    Raises SecretUnavailableError, without quoting any of it.
    """
    fields = load_fields(text) or {}
    client_id, client_secret = fields.get("clientid"), fields.get("clientsecret")
    if not (isinstance(client_id, str) and clean(client_id) and isinstance(client_secret, str | None)):
        raise SecretUnavailableError('the secret is not {"clientId": "…", "clientSecret": "…"}')
    return OidcClientCredentials(clean(client_id), clean(client_secret or "") or None)


class OidcClient:
    """Client of the identity provider. Failures raise IdentityProviderError."""

    def __init__(self, http: httpx.Client, issuer: str, client: CachedSecret[OidcClientCredentials]) -> None:
        self.issuer = issuer
        self._http = http
        self._client = client
        self._cached_metadata: _ProviderMetadata | None = None

    def authorize_url(self, attempt: LoginState, callback_url: str) -> str:
        """Return the login URL, from which users return to ``callback_url`` with a code."""
        parameters = {
            "response_type": "code",
            "client_id": self._client.value().client_id,
            "redirect_uri": callback_url,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return str(httpx.URL(self._metadata().authorization_endpoint).copy_merge_params(parameters))

    def exchange_code(self, code: str, attempt: LoginState, callback_url: str) -> TokenResponse:
        """Exchange a single-use code for an ID token. Raises LoginFailedError if the code is invalid.

        The request is not retried: the issuer may have accepted the code, and revokes its tokens if it is used twice.
        """
        client, endpoint = self._client.value(), self._metadata().token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback_url,
            "code_verifier": attempt.verifier,
        }
        answer = self._send(self._authenticated("POST", endpoint, form, client))
        if answer.status_code == HTTPStatus.BAD_REQUEST and _parse(_TokenError, answer).error == "invalid_grant":
            raise LoginFailedError("the issuer rejected the code: it has expired, or was used before")
        return TokenResponse(_parse(_TokenAnswer, _require_success(answer)).id_token, client.client_id)

    def end_session_url(self, return_to: str) -> str | None:
        """Return the issuer's logout URL, which leads back to ``return_to``; None if it has none."""
        endpoint = self._metadata().end_session_endpoint
        if endpoint is None:
            return None
        parameters = {
            "client_id": self._client.value().client_id,
            "post_logout_redirect_uri": return_to,  # OpenID Connect RP-Initiated Logout 2
            "logout_uri": return_to,  # Cognito's name for it
        }
        return str(httpx.URL(endpoint).copy_merge_params(parameters))

    def _authenticated(
        self, method: str, url: str, form: dict[str, str], client: OidcClientCredentials
    ) -> httpx.Request:
        """Build a request with client authentication that the issuer supports (OpenID Connect Core 9)."""
        if client.client_secret is None:
            return self._http.build_request(method, url, data=form | {"client_id": client.client_id}, timeout=_TIMEOUT)
        ways = self._metadata().token_endpoint_auth_methods_supported
        if _BASIC not in ways and _POST in ways:
            client_fields = {"client_id": client.client_id, "client_secret": client.client_secret}
            return self._http.build_request(method, url, data=form | client_fields, timeout=_TIMEOUT)
        request = self._http.build_request(method, url, data=form, timeout=_TIMEOUT)
        # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
        basic = httpx.BasicAuth(quote(client.client_id, safe=""), quote(client.client_secret, safe=""))
        return next(basic.auth_flow(request))

    def _metadata(self) -> _ProviderMetadata:
        """Return the issuer's metadata, fetched once per process."""
        if self._cached_metadata is None:
            url = self.issuer.removesuffix("/") + _DISCOVERY
            metadata = _parse(
                _ProviderMetadata, _require_success(self._send(self._http.build_request("GET", url, timeout=_TIMEOUT)))
            )
            if metadata.issuer != self.issuer:  # OpenID Connect Discovery 4.3
                raise IdentityProviderError("the issuer's metadata names another issuer")
            # Only the local environment has an issuer without TLS, on which the ID token's authenticity depends.
            if self.issuer.startswith("https:") and not all(each.startswith("https:") for each in metadata.endpoints):
                raise IdentityProviderError("the issuer's metadata has a URL without TLS")
            self._cached_metadata = metadata
        return self._cached_metadata

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            with limit_call(_MAX_SECONDS):
                return self._http.send(request, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IdentityProviderError(f"the issuer did not answer: {type(error).__name__}") from error


def _require_success(answer: httpx.Response) -> httpx.Response:
    if answer.status_code != HTTPStatus.OK:
        raise IdentityProviderError(f"the issuer answered {answer.status_code}")
    return answer


def _parse(model: type[Model], answer: httpx.Response) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError:
        # `from None`: the cause quotes the answer.
        raise IdentityProviderError(f"the issuer's answer ({answer.status_code}) is invalid") from None
