"""JSON API route for the submissions whose outcome is unknown."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import UnknownOutcome, UnknownOutcomes
from codat_sync.web.parameters import Cursor, Limit
from codat_sync.web.read_service import ReadService


def add_unknown_outcomes(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the route."""

    @app.get(
        f"{PREFIX}/unknown-outcomes",
        operation_id="listUnknownOutcomes",
        tags=[Tag.FAILURES],
        summary="List transactions whose outcome is unknown: check the accounting software",
        responses=documented_responses(UnknownOutcomes),
    )
    def unknown_outcomes(limit: Limit = 25, cursor: Cursor = None) -> Response[Any]:
        """Costs two table requests."""
        found, next_cursor = read_service.unknown_outcomes.load(cursor, limit)
        outcomes = list(map(UnknownOutcome.model_validate, read_service.name_companies(found)))
        return json_response(UnknownOutcomes(outcomes=outcomes, next_cursor=next_cursor))
