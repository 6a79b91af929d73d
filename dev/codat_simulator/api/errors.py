"""How Codat says no."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from uuid import uuid4

from dev.codat_simulator.wire import JsonObject


class ValidationFlaw(NamedTuple):
    """What is wrong with a part of a request."""

    item_id: str
    message: str
    validator_name: str = "Parameter"

    def json(self) -> JsonObject:
        """Write it as one of an answer's validation errors."""
        return {"itemId": self.item_id, "message": self.message, "validatorName": self.validator_name}


@dataclass(eq=False)
class CodatApiError(Exception):
    """An answer that is no success, in Codat's shape."""

    status: int
    error: str = ""
    can_be_retried: str = "Unknown"  # a string, not a boolean
    flaws: tuple[ValidationFlaw, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> JsonObject:
        """Give the body; every answer has a correlation id of its own, for Codat's support."""
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
    """Say that there is no such thing, or no longer."""
    return CodatApiError(404, "NotFound", "False")


def invalid(*flaws: ValidationFlaw) -> CodatApiError:
    """Say what is wrong with the request."""
    return CodatApiError(400, "BadRequest", "False", flaws)
