"""Where somebody is led after signing in: a page of ours, whatever the link said that brought them."""

import re
from urllib.parse import unquote

HOME = "/"
# It has to fit into a cookie, together with the rest of the attempt.
_LONGEST = 1000
# No backslash, which browsers take for a slash, and nothing that they leave out before they look.
_PATH = re.compile(r"/[!-\[\]-~]*", re.ASCII)
# Where signing in would lead back to itself, or out again.
_LOGIN_PATHS = re.compile(r"/(login|logout)(?![\w-])")


def safe_redirect_path(text: str) -> str:
    """Return ``text`` if it is a path on this site, with its query; else where the site begins.

    It is to hold however often somebody decodes it, so what it says decoded is looked at too.
    """
    if len(text) > _LONGEST:
        return HOME
    decoded = text
    while (again := unquote(decoded)) != decoded:
        decoded = again
    # "//site" and "/\site" are addresses of another site.
    is_plain = "\\" not in decoded and decoded.isprintable() and not decoded.startswith("//")
    is_ours = _PATH.fullmatch(text) and is_plain and not _LOGIN_PATHS.match(text)
    return text if is_ours else HOME
