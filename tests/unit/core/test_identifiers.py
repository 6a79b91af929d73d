"""Ids from outside."""

import pytest

from codat_sync.core.identifiers import canonicalize, is_identifier


@pytest.mark.parametrize("value", ["6fb40d5e-b13e-11ed-afa1-0242ac120002", "msg_2pLxVrYw9bQk", "A", "a" * 128])
def test_an_id_may_become_part_of_a_key_or_a_url(value: str) -> None:
    """GUIDs, and whatever else is safe."""
    assert is_identifier(value)


@pytest.mark.parametrize(
    "value",
    ["", "..", "../connections", "a/b", "a#b", "a b", "a\n", "a%2Fb", "a?b", "ä", "a" * 129, None, 7, ["a"], {"a": 1}],
)
def test_what_is_no_id_stays_out(value: object) -> None:
    """Separators, path characters, line ends, other types, nothing and too much."""
    assert not is_identifier(value)


def test_a_guid_is_the_same_in_any_letter_case() -> None:
    """Other ids are as they are."""
    assert canonicalize("6FB40D5E-b13e-11ed-afa1-0242ac120002") == "6fb40d5e-b13e-11ed-afa1-0242ac120002"
    assert canonicalize("Sync-A") == "Sync-A"
