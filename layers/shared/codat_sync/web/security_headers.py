"""Security headers of every response."""

from collections.abc import Mapping
from types import MappingProxyType

_EVERYWHERE = {
    "x-content-type-options": "nosniff",
    # Two years, as the preload list requires. Browsers apply it only over HTTPS.
    "strict-transport-security": "max-age=63072000",
    # "no-referrer" would make browsers send `Origin: null` with our own forms, which would be rejected.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

# Only our own script, style and image files are allowed: injected inline code does not run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS = MappingProxyType(_EVERYWHERE | {"content-security-policy": _POLICY, "cache-control": "no-store"})
# JSON, CSV, problems and redirects load no subresources.
DATA_HEADERS = MappingProxyType(
    _EVERYWHERE | {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "cache-control": "no-store"}
)
_ASSETS = ("text/css", "text/javascript", "image/svg+xml")
# Scripts, styles and images are public.
ASSET_HEADERS = MappingProxyType(_EVERYWHERE | {"cache-control": "public, max-age=3600"})


def headers_for(headers: Mapping[str, str]) -> dict[str, str]:
    """Add the security headers for the content type. Headers already set take precedence."""
    named = {name.lower(): value for name, value in headers.items()}
    kind = named.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        return {**PAGE_HEADERS, **named}
    return {**(ASSET_HEADERS if kind in _ASSETS else DATA_HEADERS), **named}
