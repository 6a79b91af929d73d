"""JSON API route for the descriptions of the problem types, to which the `type` of a problem leads."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.core.problems import ProblemType
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import ProblemDescription, ProblemDescriptions
from codat_sync.web.read_service import ReadService


def add_problem_types(app: APIGatewayHttpResolver, _: ReadService) -> None:
    """Add the route."""

    @app.get(
        f"{PREFIX}/problems",
        operation_id="listProblemTypes",
        tags=[Tag.ABOUT],
        summary="List all problem types",
        responses=documented_responses(ProblemDescriptions),
    )
    def problem_types() -> Response[Any]:
        """Every error that this API returns, with what to do about it. Costs no request."""
        return json_response(ProblemDescriptions(types=list(map(_describe, ProblemType))))


def _describe(kind: ProblemType) -> ProblemDescription:
    return ProblemDescription(
        type=kind.uri, code=kind.code, status=int(kind.status), title=kind.title, advice=kind.advice
    )
