"""Dead letter page: lists dead letters by reason, and reprocesses or drops the selected ones."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.dead_letters.dead_letter import DeadLetter, DeadLetterFilter, DropDecision
from codat_sync.dead_letters.service import MAX_SEARCHED, DeadLetterService
from codat_sync.web.pages.form import read_all, read_form
from codat_sync.web.pages.rendering import page, see_other
from codat_sync.web.read_service import ReadService

_MAX_READ = 100  # of each queue
_MAX_SHOWN = 20  # keeps the page under 100 KB
_MAX_DROPPED = 10
_MAX_REASON_LENGTH = 500

Done = Annotated[Literal["redriven", "dropped"] | None, Query(description="The action that was just performed")]
Count = Annotated[int, Query(ge=0, description="Number of dead letters")]


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one queue with one reason. ``is_redrivable`` says whether they can be reprocessed."""

    queue: str
    reason: str
    is_redrivable: bool
    letters: Sequence[DeadLetter]


def add_dead_letter_pages(app: APIGatewayHttpResolver, letters: DeadLetterService, read_service: ReadService) -> None:
    """Add the dead letter page and its form actions."""

    @app.get("/dead-letters")
    def show(done: Done = None, count: Count = 0, of: Count = 0) -> Response[Any]:
        read = letters.find(DeadLetterFilter(), _MAX_READ)
        found = sorted(read, key=lambda letter: letter.sent_at)[:_MAX_SHOWN]
        dropped = letters.records.latest(_MAX_DROPPED + 1)
        return page(
            app.context["request"],
            "dead_letters.html",
            groups=_group_by_reason(
                read_service.name_companies(found), {queue.name for queue in letters.queues if queue.is_redrivable}
            ),
            others=len(read) - len(found) + read.unexamined,
            dropped=read_service.name_companies(dropped[:_MAX_DROPPED]),
            has_more_dropped=len(dropped) > _MAX_DROPPED,
            done=done,
            count=count,
            of=of,
            longest_why=_MAX_REASON_LENGTH,
            most_searched=MAX_SEARCHED,
        )

    @app.post("/dead-letters/redrive")
    def redrive() -> Response[Any]:
        wanted = _selected_letters(app)
        done = letters.redrive(wanted, app.context["request"].visitor.signature, MAX_SEARCHED)
        return _redirect_after_action(app, "redriven", done, wanted)

    @app.post("/dead-letters/drop")
    def drop() -> Response[Any]:
        wanted, visitor = _selected_letters(app), app.context["request"].visitor
        why = read_form(app.current_event).get("why", "").strip()
        if not 0 < len(why) <= _MAX_REASON_LENGTH:
            raise InvalidQueryError(
                "why", f"must give a reason for dropping, of at most {_MAX_REASON_LENGTH} characters"
            )
        done = letters.drop(wanted, DropDecision(why, visitor.signature, read_service.now()), MAX_SEARCHED)
        return _redirect_after_action(app, "dropped", done, wanted)

    @app.get("/dead-letters/<action>")
    def done_before(action: Annotated[str, Path()]) -> Response[Any]:  # noqa: ARG001 - any action
        """Redirect to the page when the result of a form is reloaded."""
        return see_other(app.context["request"].to("dead-letters"))


def _group_by_reason(letters: Iterable[DeadLetter], redrivable: Collection[str]) -> list[Group]:
    """Group dead letters by queue and reason, oldest first."""
    ordered = sorted(letters, key=lambda letter: (letter.queue, letter.reason, letter.sent_at))
    groups = groupby(ordered, key=lambda letter: (letter.queue, letter.reason))
    return [Group(queue, reason, queue in redrivable, list(each)) for (queue, reason), each in groups]


def _selected_letters(app: APIGatewayHttpResolver) -> DeadLetterFilter:
    """Return a filter for the dead letters selected in the form. Raises ForbiddenError and InvalidQueryError."""
    if not app.context["request"].visitor.may_retry:
        raise ForbiddenError("the retry role is required")
    event = app.current_event
    form = read_form(event)
    # "All" means those shown: the user has not seen any others.
    ids = read_all(event, "shown" if form.get("all") else "letter")
    if not ids:
        raise InvalidQueryError("letter", "is missing: select at least one dead letter")
    return DeadLetterFilter(frozenset(ids), form.get("queue"))


def _redirect_after_action(
    app: APIGatewayHttpResolver, done: str, letters: Sequence[DeadLetter], wanted: DeadLetterFilter
) -> Response[Any]:
    request = app.context["request"]
    ids = [letter.message_id for letter in letters]
    logger.info("dead letters handled", action=done, message_ids=ids, requested_by=request.visitor.subject)
    return see_other(request.to("dead-letters", done=done, count=len(ids), of=len(wanted.message_ids)))
