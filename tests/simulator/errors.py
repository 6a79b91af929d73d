"""How Codat says no."""

from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

from tests.simulator.wire import JsonObject


@dataclass(eq=False)
class CodatApiError(Exception):
    """An answer that is no success, in Codat's shape."""

    status: int
    error: str = ""
    can_be_retried: str = "Unknown"  # a string, not a boolean
    invalid: tuple[tuple[str, str], ...] = ()  # of (parameter, what is wrong with it)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> JsonObject:
        """Give the body; every answer has a correlation id of its own, for Codat's support."""
        return {
            "statusCode": self.status,
            "service": "PublicApi",
            "error": self.error or HTTPStatus(self.status).phrase,
            "correlationId": uuid4().hex,
            "validation": {
                "errors": [{"itemId": parameter, "message": message} for parameter, message in self.invalid],
                "warnings": [],
            },
            "canBeRetried": self.can_be_retried,
            "detailedErrorCode": 0,
        }


def not_found() -> CodatApiError:
    """Say that there is no such thing, or no longer."""
    return CodatApiError(404, "NotFound", "False")
