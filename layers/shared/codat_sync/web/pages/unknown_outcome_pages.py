"""Page of the submissions whose outcome is unknown, on which an operator states what the accounting software shows."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.submissions.resolution import MAX_REASON_LENGTH, ResolutionCommand
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import Cursor, identifier
from codat_sync.web.read_service import ReadService

_MAX_SHOWN = 10  # of up to 50 transactions each: keeps the page under 100 KB

Done = Annotated[str | None, Query(description="The submission that was just resolved")]


def add_unknown_outcome_pages(app: APIGatewayHttpResolver, read_service: ReadService, retry: RetryClient) -> None:
    """Add the page and its form action."""

    @app.get("/unknown-outcomes")
    def show(done: Done = None, cursor: Cursor = None) -> Response[Any]:
        outcomes, next_cursor = read_service.submissions.load_unknown(cursor, _MAX_SHOWN)
        return page(
            app.context["request"],
            "unknown_outcomes.html",
            # The index may list for a moment what was just resolved.
            outcomes=[each for each in outcomes if each.submission_id != done],
            next_cursor=next_cursor,
            done=done,
            longest_reason=MAX_REASON_LENGTH,
        )

    @app.post("/unknown-outcomes")
    def resolve() -> Response[Any]:
        request, form = app.context["request"], read_form(app.current_event)
        if not request.visitor.may_retry:
            raise ForbiddenError("the retry role is required")
        submission = read_service.submissions.load(identifier("submission", form.get("submission", "")))
        if submission is None or not submission.is_in_flight or not submission.reported_at:
            return not_found_page(request, "submission with an unknown outcome")
        written = _read_statement(form, submission.transaction_ids)
        reason = form.get("reason", "").strip()
        if not 0 < len(reason) <= MAX_REASON_LENGTH:
            raise InvalidQueryError("reason", f"must say where you looked, in at most {MAX_REASON_LENGTH} characters")
        by = f"{request.visitor.name} ({request.visitor.subject})"
        retry.resolve(ResolutionCommand(submission.submission_id, written, by, reason))
        logger.info(
            "resolution requested", submission_id=submission.submission_id, requested_by=request.visitor.subject
        )
        return see_other(request.to("unknown-outcomes", done=submission.submission_id))


def _read_statement(form: dict[str, str], transaction_ids: tuple[str, ...]) -> frozenset[str]:
    """Return the transactions stated as written. Raises InvalidQueryError unless something is stated of each."""
    stated = {each: form.get(f"outcome-{each}") for each in transaction_ids}
    if not set(stated.values()) <= {"written", "missing"}:
        raise InvalidQueryError("outcome", "must be stated for every transaction")
    return frozenset(each for each, outcome in stated.items() if outcome == "written")
