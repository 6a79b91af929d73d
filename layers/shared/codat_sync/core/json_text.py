"""Repair the text of JSON from outside."""

import re

# A backslash and what it escapes: read in order, so that an escaped backslash escapes nothing else.
_ESCAPE = re.compile(r"\\(?:u([Dd][89ABab][0-9A-Fa-f]{2})\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_SURROGATES = range(0xD800, 0xE000)


def repair_text(content: bytes) -> str:
    """Return JSON as valid text: invalid UTF-8 and escapes of lone surrogates become U+FFFD.

    A message that was cut within an emoji ends in a lone surrogate, which neither UTF-8 nor DynamoDB can hold.
    """
    return _ESCAPE.sub(_replace_lone_surrogate, content.decode("utf-8-sig", errors="replace"))


def _replace_lone_surrogate(escape: re.Match[str]) -> str:
    _, single = escape.groups()
    return "\\ufffd" if single and int(single, 16) in _SURROGATES else escape[0]
