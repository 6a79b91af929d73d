"""Find a browser that works: one that is on this machine, otherwise the first that can be installed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from dev.browser.errors import NoBrowserError, UnavailableError
from dev.browser.executable import Executable


class Source(Protocol):
    """Where a browser can come from."""

    name: str

    def present(self) -> Iterator[Executable]:
        """Yield the browsers that are on this machine already, best first."""

    def install(self) -> Executable:
        """Install a browser and return it. Raises UnavailableError."""


def find(sources: Sequence[Source], failure: Callable[[Executable], str | None]) -> Executable:
    """Return the first browser that works, in the order of the sources. Installs one only if none is present.

    ``failure`` starts a browser and returns the error, if there is one. Raises NoBrowserError with the reason for each
    source.
    """
    for source in sources:
        for executable in source.present():
            if (error := failure(executable)) is None:
                return executable
            if executable.path:
                print(f"browser: {executable.path} does not start: {error}", flush=True)
    reasons = []
    for source in sources:
        installed = _install(source, failure)
        if isinstance(installed, Executable):
            return installed
        reasons.append(f"{source.name}: {installed}")
        print(f"browser: {reasons[-1]}", flush=True)
    raise NoBrowserError("; ".join(reasons))


def _install(source: Source, failure: Callable[[Executable], str | None]) -> Executable | str:
    """Install a browser and return it, or the reason why there is none."""
    try:
        executable = source.install()
    except (UnavailableError, OSError) as error:
        return str(error)
    failed = failure(executable)
    return executable if failed is None else f"does not start ({failed})"
