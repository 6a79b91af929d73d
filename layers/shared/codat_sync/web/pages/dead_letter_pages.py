"""The page about dead letters: what is there and why, to be put back after the fix, or dropped with a reason."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.dead_letters.dead_letter import DeadLetter, DeadLetterFilter, DropDecision
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.web.pages.form import read_all, read_form
from codat_sync.web.pages.rendering import page, see_other

_MAX_READ = 100  # of each queue
_MAX_SHOWN = 20  # a page weighs under 100 KB
_MAX_DROPPED = 10
# Of a form's queue, within the time that a request has: SQS knows no letter by its id, and hands them over in no order.
_MAX_SEARCHED = 1_000
_MAX_REASON_LENGTH = 500

Done = Annotated[Literal["redriven", "dropped"] | None, Query(description="What has just been done")]
Count = Annotated[int, Query(ge=0, description="With how many")]


@dataclass(frozen=True, slots=True)
class Group:
    """Letters of one queue that are there for one reason. ``leads_back`` tells whether they can be put back."""

    queue: str
    reason: str
    is_redrivable: bool
    letters: Sequence[DeadLetter]


def add_dead_letter_pages(app: APIGatewayHttpResolver, letters: DeadLetterService, now: Callable[[], datetime]) -> None:
    """Add the page, and what its forms do."""

    @app.get("/dead-letters")
    def show(done: Done = None, count: Count = 0, of: Count = 0) -> Response[Any]:
        counts = [queue.count() for queue in letters.queues]
        found = sorted(letters.find(DeadLetterFilter(), _MAX_READ), key=lambda letter: letter.sent_at)[:_MAX_SHOWN]
        return page(
            app.context["request"],
            "dead_letters.html",
            groups=_group_by_reason(found, {queue.name for queue in letters.queues if queue.is_redrivable}),
            others=max(0, sum(each.available + each.in_flight for each in counts) - len(found)),
            dropped=letters.records.latest(_MAX_DROPPED),
            done=done,
            count=count,
            of=of,
            longest_why=_MAX_REASON_LENGTH,
        )

    @app.post("/dead-letters/redrive")
    def redrive() -> Response[Any]:
        wanted = _selected_letters(app)
        done = letters.redrive(wanted, _MAX_SEARCHED)
        return _redirect_after_action(app, "redriven", done, wanted)

    @app.post("/dead-letters/drop")
    def drop() -> Response[Any]:
        wanted, visitor = _selected_letters(app), app.context["request"].visitor
        why = read_form(app.current_event).get("why", "").strip()
        if not 0 < len(why) <= _MAX_REASON_LENGTH:
            raise InvalidQueryError("why", f"must say why they are dropped, in {_MAX_REASON_LENGTH} characters at most")
        done = letters.drop(wanted, DropDecision(why, f"{visitor.name} ({visitor.subject})", now()), _MAX_SEARCHED)
        return _redirect_after_action(app, "dropped", done, wanted)

    @app.get("/dead-letters/<action>")
    def done_before(action: Annotated[str, Path()]) -> Response[Any]:  # noqa: ARG001 - whichever it was
        """Lead back whoever loads again what a form has answered."""
        return see_other(app.context["request"].to("dead-letters"))


def _group_by_reason(letters: Iterable[DeadLetter], redrivable: Collection[str]) -> list[Group]:
    """Return letters by queue and reason."""
    ordered = sorted(letters, key=lambda letter: (letter.queue, letter.reason, letter.sent_at))
    groups = groupby(ordered, key=lambda letter: (letter.queue, letter.reason))
    return [Group(queue, reason, queue in redrivable, list(each)) for (queue, reason), each in groups]


def _selected_letters(app: APIGatewayHttpResolver) -> DeadLetterFilter:
    """Return the letters that a form names. Raises ForbiddenError and InvalidQueryError."""
    if not app.context["request"].visitor.may_retry:
        raise ForbiddenError("the role for retrying is needed for this")
    event = app.current_event
    form = read_form(event)
    # All are those that were shown: of others nobody knows what they are.
    ids = read_all(event, "shown" if form.get("all") else "letter")
    if not ids:
        raise InvalidQueryError("letter", "names none: tick those that are meant")
    return DeadLetterFilter(frozenset(ids), form.get("queue"))


def _redirect_after_action(
    app: APIGatewayHttpResolver, done: str, letters: Sequence[DeadLetter], wanted: DeadLetterFilter
) -> Response[Any]:
    request = app.context["request"]
    ids = [letter.message_id for letter in letters]
    logger.info("dead letters handled", action=done, message_ids=ids, requested_by=request.visitor.subject)
    return see_other(request.to("dead-letters", done=done, count=len(ids), of=len(wanted.message_ids)))
