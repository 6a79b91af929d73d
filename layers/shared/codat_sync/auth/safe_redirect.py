"""Restrict redirects after login to this site."""

import re
from urllib.parse import unquote

HOME = "/"
# It has to fit into a cookie, together with the rest of the login state.
_MAX_CHARACTERS = 1000
# No backslash, which browsers treat as a slash, and no characters that they strip before parsing.
_PATH = re.compile(r"/[!-\[\]-~]*", re.ASCII)
# Redirecting there would restart the login, or sign the user out again.
_LOGIN_PATHS = re.compile(r"/(login|logout)(?![\w-])")


def safe_redirect_path(text: str) -> str:
    """Return ``text`` if it is a path on this site, with its query; otherwise the home page.

    The path must be safe however often it is decoded, so its decoded form is checked too.
    """
    if len(text) > _MAX_CHARACTERS:
        return HOME
    decoded = text
    while (again := unquote(decoded)) != decoded:
        decoded = again
    # "//site" and "/\site" are addresses of another site.
    is_plain = "\\" not in decoded and decoded.isprintable() and not decoded.startswith("//")
    is_ours = _PATH.fullmatch(text) and is_plain and not _LOGIN_PATHS.match(text)
    return text if is_ours else HOME
