"""Build Codat's error responses."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from uuid import uuid4

from dev.codat_simulator.wire import JsonObject


class ValidationFlaw(NamedTuple):
    """A validation error of a part of a request."""

    item_id: str
    message: str
    validator_name: str = "Parameter"

    def json(self) -> JsonObject:
        """Return it in the format of a response's validation errors."""
        return {"itemId": self.item_id, "message": self.message, "validatorName": self.validator_name}


@dataclass(eq=False)
class CodatApiError(Exception):
    """An error response in Codat's format."""

    status: int
    error: str = ""
    can_be_retried: str = "Unknown"  # a string, not a boolean
    flaws: tuple[ValidationFlaw, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> JsonObject:
        """Return the body, with a new correlation id for Codat's support."""
        return {
            "statusCode": self.status,
            "service": "PublicApi",
            "error": self.error or HTTPStatus(self.status).phrase,
            "correlationId": uuid4().hex,
            "validation": {"errors": [flaw.json() for flaw in self.flaws], "warnings": []},
            "canBeRetried": self.can_be_retried,
            "detailedErrorCode": 0,
        }


def not_found() -> CodatApiError:
    """Return a 404 for what does not exist, or no longer exists."""
    return CodatApiError(404, "NotFound", "False")


def invalid(*flaws: ValidationFlaw) -> CodatApiError:
    """Return a 400 with validation errors."""
    return CodatApiError(400, "BadRequest", "False", flaws)
