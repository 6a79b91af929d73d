"""Tests that share something that is made once: they run in one process."""

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_is_known_to_who_hands_out_the_tests(request: pytest.FixtureRequest) -> None:
    """It goes by the name that a test has there. Else each process would make a stack and a browser of its own."""
    is_handed_out = hasattr(request.config, "workerinput")
    assert request.node.nodeid.endswith("@together") is is_handed_out
