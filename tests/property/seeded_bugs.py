"""Check that a search finds a bug that is put into the code."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings

from tests.property.stateful import Machine, search

# Puts the bug in until the patch is undone.
Bug = Callable[[pytest.MonkeyPatch], None]


def check_found(
    machine: type[Machine],
    seeds: Sequence[int],
    config: settings,
    error: type[AssertionError],
    **attributes: object,
) -> None:
    """Fail unless one of the seeds raises ``error``."""
    with pytest.raises(error):
        search(machine, seeds, config, **attributes)
