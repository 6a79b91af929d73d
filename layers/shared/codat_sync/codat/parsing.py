"""Parse Codat's JSON so that one damaged text, field or entry costs no more than itself.

The fast path validates the response as it is. Only if that fails is it repaired: invalid text becomes U+FFFD, a field
of the wrong type becomes null, and an entry of a list that is still invalid is left out, counted and logged.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from codat_sync.aws.observability import count, logger
from codat_sync.core.errors import CodatMalformedResponseError, CodatUnavailableError
from codat_sync.core.json_text import repair_text
from codat_sync.core.validation import describe_validation_error

T = TypeVar("T")


class ResponseParser(Generic[T]):
    """Parse responses of the type of ``adapter``: an object, or a list of entries in the object or on its own.

    ``entry`` is the type of the list's entries, None if there is no list. With ``keep_invalid``, an entry that can't be
    repaired becomes an empty one: where the number of entries matters, none may be left out.
    """

    def __init__(
        self, adapter: TypeAdapter[T], entry: TypeAdapter[Any] | None = None, *, keep_invalid: bool = False
    ) -> None:
        self._adapter = adapter
        self._entry = entry
        self._keep_invalid = keep_invalid

    def parse(self, content: bytes, source: str) -> T:
        """Parse a response's body; ``source`` names the request in errors and logs.

        Raises CodatUnavailableError for a body that is not JSON (the page of a proxy, a cut response), which is an
        outage, and CodatMalformedResponseError for JSON that is not of the type.
        """
        try:
            return self._adapter.validate_json(content)
        except ValidationError:
            value = _load(content, source)
        try:
            return self._adapter.validate_python(self._repair(value, source))
        except ValidationError as error:
            raise CodatMalformedResponseError(f"{source}: {describe_validation_error(error)}") from None

    def _repair(self, value: object, source: str) -> object:
        if self._entry is None:
            return _repair_fields(self._adapter, value)
        if isinstance(value, list):
            return self._repair_entries(value, self._entry, source)
        if isinstance(value, dict) and isinstance(value.get("results"), list):
            return value | {"results": self._repair_entries(value["results"], self._entry, source)}
        return value

    def _repair_entries(self, values: Sequence[object], entry: TypeAdapter[Any], source: str) -> list[object]:
        repaired = [_repair_fields(entry, value) for value in values]
        invalid = [not _is_valid(entry, value) for value in repaired]
        if any(invalid):
            count("ResponseEntriesInvalid", number=sum(invalid))
            logger.warning("invalid entries in Codat's response", source=source, entries=sum(invalid))
        if self._keep_invalid:
            return [{} if is_invalid else value for value, is_invalid in zip(repaired, invalid, strict=True)]
        return [value for value, is_invalid in zip(repaired, invalid, strict=True) if not is_invalid]


def _load(content: bytes, source: str) -> object:
    try:
        return json.loads(repair_text(content))
    except (ValueError, RecursionError):
        raise CodatUnavailableError(f"{source}: the response is not JSON") from None


def _repair_fields(adapter: TypeAdapter[Any], value: object) -> object:
    """Return an object with null in place of its invalid fields."""
    if not isinstance(value, Mapping):
        return value
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        invalid = {each["loc"][0] for each in error.errors(include_url=False, include_input=False) if each["loc"]}
        return {name: None if name in invalid else field for name, field in value.items()}
    return value


def _is_valid(adapter: TypeAdapter[Any], value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
