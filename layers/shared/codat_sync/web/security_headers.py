"""What every answer tells a browser to do and not to do, in one place."""

from collections.abc import Mapping
from types import MappingProxyType

_EVERYWHERE = {
    "x-content-type-options": "nosniff",
    # Two years, as the preload list asks for. Browsers heed it over https only.
    "strict-transport-security": "max-age=63072000",
    # Not "no-referrer": browsers then send `Origin: null` with our own forms, which are refused.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

# Scripts, styles and pictures are files of ours: none stands in a page, so none that got into one runs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS = MappingProxyType(_EVERYWHERE | {"content-security-policy": _POLICY, "cache-control": "no-store"})
# JSON, CSV, problems and redirections: nothing that a browser would have to load anything for.
DATA_HEADERS = MappingProxyType(
    _EVERYWHERE | {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "cache-control": "no-store"}
)
_ASSETS = ("text/css", "text/javascript", "image/svg+xml")
# A script, a style, a picture: the same for everybody.
ASSET_HEADERS = MappingProxyType(_EVERYWHERE | {"cache-control": "public, max-age=3600"})


def headers_for(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer with those that belong to what it holds; its own count."""
    named = {name.lower(): value for name, value in headers.items()}
    kind = named.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        return {**PAGE_HEADERS, **named}
    return {**(ASSET_HEADERS if kind in _ASSETS else DATA_HEADERS), **named}
