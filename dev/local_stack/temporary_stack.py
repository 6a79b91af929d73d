"""The local stack as a block: the project, deployed to an embedded AWS of its own and gone afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dev.local_stack.deployment import deploy
from dev.local_stack.services import Codat, running_services
from ops.local_stack import Outputs


@contextmanager
def local_stack(
    name: str, codat: Codat | None = None, *, time_scale: float = 1, parameters: Mapping[str, str] | None = None
) -> Iterator[Outputs]:
    """Run the whole project on this machine. ``name`` tells its logs from those of other stacks.

    ``parameters`` are of the template, where they are to differ from those of every local stack.
    """
    with running_services(name, codat, time_scale=time_scale) as services:
        yield deploy(services, parameters)
