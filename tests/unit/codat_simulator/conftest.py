"""Fixtures: simulated Codat with one company and a clock that stands still."""

from datetime import UTC, datetime

import pytest

from dev.codat_simulator.books.models import Company
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.aws import API_KEY, SIGNING_SECRET
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock at 23:00 UTC."""
    return ManualClock(datetime(2026, 3, 1, 23, 0, tzinfo=UTC))


@pytest.fixture
def codat(clock: ManualClock) -> SimulatedCodat:
    """Return a simulated Codat without companies."""
    return SimulatedCodat(API_KEY, SIGNING_SECRET, now=clock)


@pytest.fixture
def company(codat: SimulatedCodat) -> Company:
    """Return a company at that Codat."""
    return codat.add_company()
