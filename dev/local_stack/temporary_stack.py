"""A local stack for the duration of a block, with its own embedded AWS."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dev.local_stack.deployment import deploy
from dev.local_stack.services import Codat, running_services
from ops.local_stack import Outputs


@contextmanager
def local_stack(
    name: str, codat: Codat | None = None, *, time_scale: float = 1, parameters: Mapping[str, str] | None = None
) -> Iterator[Outputs]:
    """Run the whole project on this machine. ``name`` is the folder of its logs.

    ``parameters`` override those of local stacks.
    """
    with running_services(name, codat, time_scale=time_scale) as services:
        yield deploy(services, parameters)
