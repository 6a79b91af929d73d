"""The web UI behind authentication, role checks and CSRF protection."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from codat_sync.auth.csrf import require_csrf_token
from codat_sync.auth.login_flow import CALLBACK_PATH, LoginFlow, Redirect
from codat_sync.auth.roles import Role
from codat_sync.auth.safe_redirect import HOME
from codat_sync.auth.session import Session, unauthenticated_session
from codat_sync.aws.errors import AWS_ERRORS
from codat_sync.config import LoginSettings
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.http_event import get_base_url, get_cookies, get_headers
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import page, problem_page
from codat_sync.web.pages.request import PageRequest, page_request
from codat_sync.web.pages.resolver import Json, Pages
from codat_sync.web.pages.visitor import ANONYMOUS, visitor_from_session
from codat_sync.web.problems import problem_for

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from codat_sync.auth.signed_cookie import SignedCookie

# Static assets need no session: the signed-out page uses them too.
_PUBLIC = "/assets/"
_LOGIN, _LOGOUT = "/login", "/logout"


@dataclass(frozen=True)
class Site:
    """The web UI: login, logout and pages."""

    pages: Pages
    login: LoginFlow
    sessions: "SignedCookie[Session]"
    settings: LoginSettings
    now: Callable[[], datetime]

    def resolve(self, event: Json, context: "LambdaContext") -> Json:
        """Respond to an API Gateway event (payload 2.0)."""
        path = event["rawPath"].removeprefix(urlsplit(self.settings.public_url).path.rstrip("/")) or HOME
        event = event | {"rawPath": path}
        initial_visitor = (
            ANONYMOUS if self.settings.access.is_enabled else visitor_from_session(unauthenticated_session())
        )
        request = page_request(event, path, get_cookies(event), initial_visitor)
        return self._answer(request, lambda: self._dispatch(event, context, request))

    def _dispatch(self, event: Json, context: "LambdaContext", request: PageRequest) -> Json:
        base_url = get_base_url(event, self.settings.public_url, is_local=self.settings.is_local)
        query = dict(request.query)
        if request.path.startswith(_PUBLIC):
            return self.pages.resolve(event, context, request)
        if request.path == _LOGIN:
            return _redirect(self.login.begin(base_url, query.get("next", HOME)))
        if request.path == CALLBACK_PATH:
            return _redirect(self.login.finish(base_url, query, get_cookies(event)))
        session = (
            self.sessions.read(get_cookies(event)) if self.settings.access.is_enabled else unauthenticated_session()
        )
        if session is None:
            wanted = HOME if _is_post(event) else f"/{request.here}"
            return _redirect(Redirect(f"{base_url}{_LOGIN}?{urlencode({'next': wanted})}", ()))
        known = replace(request, visitor=visitor_from_session(session))
        return self._answer(known, lambda: self._serve(event, context, known, session, base_url))

    def _serve(
        self, event: Json, context: "LambdaContext", request: PageRequest, session: Session, base_url: str
    ) -> Json:
        """Serve an authenticated request after checking the CSRF token and the role."""
        if _is_post(event):
            token = read_form(APIGatewayProxyEventV2(event)).get("token", "")
            require_csrf_token(session, token, get_headers(event), base_url)
            if request.path == _LOGOUT:
                return self._sign_out(request, base_url)
        session.viewer.require_role(Role.VIEW)
        return self.pages.resolve(event, context, request)

    def _sign_out(self, request: PageRequest, base_url: str) -> Json:
        """Sign out. Uses a refresh instead of a redirect: `form-action` forbids a form to redirect to the issuer."""
        ended = self.login.end(base_url)
        signed_out = replace(request, visitor=ANONYMOUS)
        shown = page(
            signed_out, "signed_out.html", headers={"refresh": f"0; url={ended.location}"}, location=ended.location
        )
        return _json(shown) | {"cookies": [str(each) for each in ended.cookies]}

    def _answer(self, request: PageRequest, made: Callable[[], Json]) -> Json:
        try:
            return made()
        except (CodatSyncError, *AWS_ERRORS) as error:
            return _json(problem_page(request, problem_for(error, self.now())))


def _is_post(event: Json) -> bool:
    return bool(event["requestContext"]["http"]["method"] == "POST")


def _redirect(redirect: Redirect) -> Json:
    headers = {"location": redirect.location}
    cookies = [str(each) for each in redirect.cookies]
    return {"statusCode": int(HTTPStatus.SEE_OTHER), "headers": headers, "cookies": cookies}


def _json(answer: "Response[str]") -> Json:
    headers = {"content-type": answer.content_type, **answer.headers}
    return {"statusCode": answer.status_code, "headers": headers, "body": answer.body}
