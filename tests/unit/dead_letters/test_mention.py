"""Whether a message speaks of a company."""

import base64
import json

import pytest

from codat_sync.dead_letters.mention import mentions_company

_RAW = base64.b64encode(b'{"payload": {"referenceCompany": {"id": "A-COMPANY"}}}').decode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"companyId": "a-company"}', True),
        ("no JSON, of A-Company", True),
        (json.dumps({"companyId": None, "raw": _RAW}), True),
        (json.dumps({"companyId": "another", "raw": "?"}), False),
        ("[1]", False),
        ("1", False),
        ("", False),
    ],
)
def test_a_company_is_found_wherever_it_stands(body: str, expected: bool) -> None:  # noqa: FBT001 - a table of cases
    """In the message, or in the webhook that it carries, in capitals too."""
    assert mentions_company("a-company", body) is expected
