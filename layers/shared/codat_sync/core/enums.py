"""What a later version of this application has written, as this one reads it: two of them run during a deployment."""

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)
Otherwise = TypeVar("Otherwise")


def member(kind: type[E], value: str, otherwise: Otherwise) -> E | Otherwise:
    """Return the member of ``kind`` that ``value`` names, or ``otherwise``, which does no harm where it is new."""
    try:
        return kind(value)
    except ValueError:
        return otherwise
