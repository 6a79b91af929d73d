"""Page of the submissions whose outcome is unknown, on which an operator states what the accounting software shows."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.submissions.resolution import MAX_REASON_LENGTH, AcknowledgementCommand, ResolutionCommand
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import Cursor, SyncId, identifier
from codat_sync.web.read_service import ReadService

_MAX_SHOWN = 10  # of up to 50 transactions each: keeps the page under 100 KB

Done = Annotated[str | None, Query(description="The submission or sync that was just resolved")]


def add_unknown_outcome_pages(app: APIGatewayHttpResolver, read_service: ReadService, retry: RetryClient) -> None:
    """Add the page and its form action."""

    @app.get("/unknown-outcomes")
    def show(done: Done = None, cursor: Cursor = None) -> Response[Any]:
        outcomes, next_cursor = read_service.unknown_outcomes.load(cursor, _MAX_SHOWN)
        # The index may list for a moment what was just resolved.
        shown = [each for each in outcomes if done is None or done not in {each.submission_id, each.sync_id}]
        return page(
            app.context["request"],
            "unknown_outcomes.html",
            outcomes=read_service.name_companies(shown),
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
        retry.resolve(ResolutionCommand(submission.submission_id, written, request.visitor.signature, _reason(form)))
        logger.info(
            "resolution requested", submission_id=submission.submission_id, requested_by=request.visitor.subject
        )
        return see_other(request.to("unknown-outcomes", done=submission.submission_id))

    @app.post("/unknown-outcomes/<sync_id>")
    def acknowledge(sync_id: SyncId) -> Response[Any]:
        request, form = app.context["request"], read_form(app.current_event)
        if not request.visitor.may_retry:
            raise ForbiddenError("the retry role is required")
        wanted = identifier("syncId", sync_id)
        retry.acknowledge(AcknowledgementCommand(wanted, request.visitor.signature, _reason(form)))
        logger.info("acknowledgement requested", sync_id=wanted, by=request.visitor.subject)
        return see_other(request.to("unknown-outcomes", done=wanted))


def _reason(form: dict[str, str]) -> str:
    reason = form.get("reason", "").strip()
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise InvalidQueryError("reason", f"must say where you checked, in at most {MAX_REASON_LENGTH} characters")
    return reason


def _read_statement(form: dict[str, str], transaction_ids: tuple[str, ...]) -> frozenset[str]:
    """Return the transactions stated as written. Raises InvalidQueryError unless each has a statement."""
    stated = {each: form.get(f"outcome-{each}") for each in transaction_ids}
    if not set(stated.values()) <= {"written", "missing"}:
        raise InvalidQueryError("outcome", "must be stated for every transaction")
    return frozenset(each for each, outcome in stated.items() if outcome == "written")
