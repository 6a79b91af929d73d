"""The deployed template: a webhook comes in over HTTP, and the table is read."""

from collections.abc import Iterator

import pytest

from dev.local_stack.temporary_stack import local_stack
from ops.local_stack import Outputs


@pytest.fixture(scope="session")
def stack() -> Iterator[Outputs]:
    """Return the whole project, deployed to the embedded AWS with IAM enforced."""
    parameters = {"PollInitialDelaySeconds": "1", "MachineRole": "retry", "ReconcileQuotaPercent": "90"}
    with local_stack("e2e", time_scale=0.01, parameters=parameters) as outputs:
        yield outputs
