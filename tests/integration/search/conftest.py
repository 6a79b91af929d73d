"""Fixtures: index follows the table as Lambda has it, and health is searched."""

import pytest

from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.searching import Searching


@pytest.fixture
def searching(start: StartFunction, simulated: SimulatedCodat, aws: Aws) -> Searching:
    """Return submit, worker and index over one table, and a viewer who searches."""
    return Searching(start, simulated, aws)
