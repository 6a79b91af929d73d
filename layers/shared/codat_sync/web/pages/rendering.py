"""Render templates into responses. Values are escaped, and an undefined name is an error."""

import json
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codat_sync.core.problems import ProblemDetails
from codat_sync.retries.work_decisions import MAX_REASON_LENGTH
from codat_sync.syncs.status_codes import STATUS_CODES, Outcome, explain, status_code
from codat_sync.syncs.work_category import WorkCategory
from codat_sync.web.pages.assets import ASSETS
from codat_sync.web.pages.components import wording
from codat_sync.web.pages.components.paging import Paging
from codat_sync.web.pages.request import PageRequest
from codat_sync.web.problems import missing

HTML = "text/html; charset=utf-8"
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.filters |= {
    "moment": wording.moment,
    "instant": wording.instant,
    "day": wording.day,
    "number": wording.number,
    "status_like": wording.status_like,
    "json_text": partial(json.dumps, indent=2, ensure_ascii=False),
}
_TEMPLATES.globals |= {
    "assets": ASSETS,
    "codes": STATUS_CODES,
    "meaning_of": status_code,
    "explain": explain,
    "outcomes": list(Outcome),
    "paging": Paging,
    "categories": list(WorkCategory),
    "longest_reason": MAX_REASON_LENGTH,
    "words": wording,
}
_LAX = SameSite.LAX_MODE
_YEAR_SECONDS = 365 * 24 * 60 * 60
_HINTS = {
    HTTPStatus.BAD_REQUEST: "Check the URL and the values you entered.",
    HTTPStatus.FORBIDDEN: "Ask an administrator of this application for the role.",
    HTTPStatus.NOT_FOUND: "Search for an id above. Very recent syncs may take a minute to appear.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing is lost. Try again in a moment.",
    HTTPStatus.BAD_GATEWAY: "Stored data is not affected.",
    HTTPStatus.GATEWAY_TIMEOUT: "Nothing is lost. Try again in a moment.",
}


def page(
    request: PageRequest,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    cookies: Sequence[Cookie] = (),
    **values: Any,  # noqa: ANN401 - template variables
) -> Response[str]:
    """Render ``template`` as a response."""
    text = _TEMPLATES.get_template(template).render(request=request, **values)
    return Response(int(status), HTML, text, dict(headers or {}), list(cookies))


def lasting_cookie(request: PageRequest, name: str, value: str) -> Cookie:
    """Return a cookie for all pages, kept for a year. Only a page beside the home page may set it.

    Without a path attribute, the browser uses the directory of the URL: there, the home page, whatever the prefix.
    """
    is_https = not request.visitor.is_authentication_off
    return Cookie(name, value, secure=is_https, http_only=True, max_age=_YEAR_SECONDS, same_site=_LAX)


def problem_page(request: PageRequest, problem: ProblemDetails) -> Response[str]:
    """Render the error page for ``problem``."""
    hint = _HINTS.get(problem.status, "")
    return page(request, "problem.html", problem.status, problem.headers, problem=problem, hint=hint)


def not_found_page(request: PageRequest, what: str) -> Response[str]:
    """Render the 404 page for a missing ``what``."""
    return problem_page(request, missing(what))


def see_other(location: str, *cookies: Cookie) -> Response[str]:
    """Redirect with 303 See Other after a POST, so that reloading does not repeat the action."""
    return Response(int(HTTPStatus.SEE_OTHER), HTML, "", {"location": location}, list(cookies))
