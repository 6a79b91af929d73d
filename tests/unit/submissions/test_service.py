"""Which answers to a write mean that it was rejected."""

import pytest

from codat_sync.codat.response import CodatResponse
from codat_sync.core.clock import utc_now
from codat_sync.submissions.service import is_rejection

_ERROR = b'{"statusCode": 400, "error": "no"}'
_PAGE = b"<html>Bad request</html>"


@pytest.mark.parametrize(
    ("status", "content", "is_rejected"),
    [
        (400, _ERROR, True),
        (422, _ERROR, True),
        (400, _PAGE, False),
        (400, b"", False),
        (405, _PAGE, False),
        (400, b"[]", False),
        # No write gets past these, whoever answers.
        (401, _PAGE, True),
        (403, b"", True),
        (404, _PAGE, True),
        (413, _PAGE, True),
        (429, b"", True),
        # The request is still running, or timed out.
        (408, _ERROR, False),
        (409, _ERROR, False),
        (500, _ERROR, False),
        (200, b"{}", False),
    ],
)
def test_only_codats_own_answer_is_a_rejection(status: int, content: bytes, *, is_rejected: bool) -> None:
    """The page of a proxy says nothing about an earlier attempt, which may have been accepted."""
    assert is_rejection(CodatResponse(status, "", {}, content, utc_now())) is is_rejected
