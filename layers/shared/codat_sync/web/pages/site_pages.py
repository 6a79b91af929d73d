"""Static assets and the colour theme, shared by all pages."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from codat_sync.web.pages.assets import ASSETS
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import lasting_cookie, not_found_page, see_other
from codat_sync.web.pages.request import THEME_COOKIE, Theme

_YEAR_SECONDS = 365 * 24 * 60 * 60


def add_assets(app: APIGatewayHttpResolver) -> None:
    """Add the route for static assets."""

    @app.get("/assets/<name>")
    def asset(name: Annotated[str, Path()]) -> Response[Any]:
        if name not in ASSETS:
            return not_found_page(app.context["request"], "file")
        found = ASSETS[name]
        kept = {"cache-control": f"public, max-age={_YEAR_SECONDS}, immutable"}
        return Response(int(HTTPStatus.OK), found.content_type, found.text, kept)


def add_theme(app: APIGatewayHttpResolver) -> None:
    """Add the theme selection, stored in a cookie."""

    @app.post("/theme")
    def theme() -> Response[Any]:
        form = read_form(app.current_event)
        chosen = form.get("theme", "")
        kept = chosen if chosen in set(Theme) else Theme.AUTO
        return see_other(_back(form.get("back", "")), lasting_cookie(app.context["request"], THEME_COOKIE, kept))


def _back(link: str) -> str:
    """Return a link within this site for any ``link``: the `./` prefix prevents open redirects."""
    is_plain = link.isascii() and link.isprintable() and "\\" not in link
    return f"./{link}" if is_plain else "./"
