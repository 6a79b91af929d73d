"""The interface of a list that is read to its end, or says where it stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")
Row = TypeVar("Row", covariant=True)  # noqa: PLC0105 - an element, whatever its variance


class Listing(Protocol[Row]):
    """A list that is read once. ``cursor`` leads to the rows after those read so far; None after the last one."""

    @property
    def cursor(self) -> str | None: ...  # noqa: D102 - see above

    def rows(self) -> Iterator[Row]: ...  # noqa: D102 - see above


@dataclass(frozen=True)
class KnownRows(Listing[T]):
    """A complete list in memory."""

    known: Sequence[T]

    @property
    def cursor(self) -> None:
        """None: nothing follows."""
        return

    def rows(self) -> Iterator[T]:
        """Yield them."""
        return iter(self.known)
