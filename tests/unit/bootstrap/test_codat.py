"""Calls to Codat during an invocation."""

import json
import math
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.bootstrap.codat import limit_codat_calls

if TYPE_CHECKING:
    from codat_sync.codat.http import CodatHttpClient


class Connection:
    """Holds what the invocation sets and takes."""

    def __init__(self) -> None:
        self.deadline = math.inf
        self.results = Counter({"200": 2, "unreachable": 1})

    def take_status_counts(self) -> Counter[str]:
        taken, self.results = self.results, Counter()
        return taken


def _fail_if(has_failed: bool) -> None:  # noqa: FBT001 - that is what it is about
    if has_failed:
        raise KeyError


@pytest.mark.parametrize("has_failed", [False, True])
def test_calls_are_counted_whether_the_invocation_fails_or_not(
    capsys: pytest.CaptureFixture[str], *, has_failed: bool
) -> None:
    """They were made in either case."""
    connection = Connection()
    with suppress(KeyError), limit_codat_calls(cast("CodatHttpClient", connection), 5):
        _fail_if(has_failed)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["status"]: line["CodatCalls"] for line in lines} == {"200": [2], "unreachable": [1]}


def test_calls_end_with_the_invocation() -> None:
    """No call begins after the given seconds."""
    connection = Connection()
    with limit_codat_calls(cast("CodatHttpClient", connection), 5):
        assert 4 < connection.deadline - time.monotonic() <= 5
