"""Templates, and the answers that they make. What stands in them is escaped; a name that is not there is an error."""

import json
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codat_sync.syncs.status_codes import STATUS_CODES, Outcome, status_code
from codat_sync.web.pages.assets import ASSETS
from codat_sync.web.pages.components import wording
from codat_sync.web.pages.request import PageRequest
from codat_sync.web.problems import ProblemDetails

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
    "day": wording.day,
    "number": wording.number,
    "status_like": wording.status_like,
    "json_text": partial(json.dumps, indent=2, ensure_ascii=False),
}
_TEMPLATES.globals |= {
    "assets": ASSETS,
    "codes": STATUS_CODES,
    "meaning_of": status_code,
    "outcomes": list(Outcome),
    "words": wording,
}
_HINTS = {
    HTTPStatus.BAD_REQUEST: "Check the address, or what was filled in.",
    HTTPStatus.FORBIDDEN: "Ask whoever looks after this application for the role.",
    HTTPStatus.NOT_FOUND: "Ids can be searched for above. What has only just happened may take a minute to arrive.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing is lost. Try again in a moment.",
    HTTPStatus.BAD_GATEWAY: "What is in the table is not touched by it.",
    HTTPStatus.GATEWAY_TIMEOUT: "Nothing is lost. Try again in a moment.",
}


def page(
    request: PageRequest,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    **values: Any,  # noqa: ANN401 - what the template is made of
) -> Response[str]:
    """Return a page."""
    text = _TEMPLATES.get_template(template).render(request=request, **values)
    return Response(int(status), HTML, text, dict(headers or {}))


def problem_page(request: PageRequest, problem: ProblemDetails) -> Response[str]:
    """Return the page that says why there is none."""
    hint = _HINTS.get(problem.status, "")
    return page(request, "problem.html", problem.status, problem.headers, problem=problem, hint=hint)


def not_found_page(request: PageRequest, what: str) -> Response[str]:
    """Return the page that there is no such thing."""
    return problem_page(request, ProblemDetails(HTTPStatus.NOT_FOUND, f"There is no such {what}"))


def see_other(location: str, *cookies: Cookie) -> Response[str]:
    """Return the answer that leads on, after something was done: to load it again does not do it again."""
    return Response(int(HTTPStatus.SEE_OTHER), HTML, "", {"location": location}, list(cookies))
