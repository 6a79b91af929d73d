"""JSON API routes for messages that could not be processed."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from codat_sync.auth.roles import AccessPolicy, Role
from codat_sync.aws.observability import logger
from codat_sync.dead_letters.dead_letter import DeadLetter, DeadLetterFilter, DropDecision
from codat_sync.dead_letters.service import MAX_SEARCHED, DeadLetterService
from codat_sync.web.api.middlewares import require_role
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import DeadLetter as ListedLetter
from codat_sync.web.api.schemas import (
    DeadLetters,
    DroppedLetter,
    DropRequest,
    HandledDeadLetters,
    RedriveRequest,
)
from codat_sync.web.read_service import ReadService

_MAX_READ = 100
_MAX_DROPPED = 10

Queue = Annotated[Literal["sync", "retry", "publish"] | None, Query(description="Only dead letters of this queue")]
Reason = Annotated[str | None, Query(description="Only dead letters with this reason", max_length=128)]


def add_dead_letters(
    app: APIGatewayHttpResolver, letters: DeadLetterService, access: AccessPolicy, read_service: ReadService
) -> None:
    """Add the routes."""

    @app.get(
        f"{PREFIX}/dead-letters",
        operation_id="listDeadLetters",
        tags=[Tag.OPERATIONS],
        summary="List dead letters: messages that could not be processed",
        responses=documented_responses(DeadLetters),
    )
    def dead_letters(queue: Queue = None, reason: Reason = None) -> Response[Any]:
        """Read up to 100 of each queue, oldest first, which hides them from other receivers until this ends.

        Costs about twenty requests of SQS per hundred, and up to three table requests.
        """
        found = letters.find(DeadLetterFilter(queue=queue, reason=reason), _MAX_READ)
        redrivable = {each.name for each in letters.queues if each.is_redrivable}
        dropped = letters.records.latest(_MAX_DROPPED + 1)
        ordered, latest = sorted(found, key=lambda letter: letter.sent_at), dropped[:_MAX_DROPPED]
        return json_response(
            DeadLetters(
                letters=[_listed(each, redrivable) for each in read_service.name_companies(ordered)],
                unexamined=found.unexamined,
                dropped=[DroppedLetter.model_validate(each) for each in read_service.name_companies(latest)],
                has_more_dropped=len(dropped) > _MAX_DROPPED,
            )
        )

    @app.post(
        f"{PREFIX}/dead-letters/redrive",
        operation_id="redriveDeadLetters",
        tags=[Tag.OPERATIONS],
        summary="Send dead letters back to their queue, after a fix",
        responses=documented_responses(HandledDeadLetters),
    )
    def redrive(request: Annotated[RedriveRequest, Body()]) -> Response[Any]:
        """Needs the role RETRY, because what they trigger may write to Codat: never twice.

        The first 1,000 dead letters of each queue are searched for the ids. Those of `publish` can only be dropped.
        """
        caller = require_role(app, access, Role.RETRY)
        wanted = DeadLetterFilter(frozenset(request.message_ids), request.queue)
        done = letters.redrive(wanted, caller.signature, MAX_SEARCHED)
        return _handled("redriven", done, caller.subject)

    @app.post(
        f"{PREFIX}/dead-letters/drop",
        operation_id="dropDeadLetters",
        tags=[Tag.OPERATIONS],
        summary="Delete dead letters, and keep a record of each for a year",
        responses=documented_responses(HandledDeadLetters),
    )
    def drop(request: Annotated[DropRequest, Body()]) -> Response[Any]:
        """Needs the role RETRY. The first 1,000 dead letters of each queue are searched for the ids."""
        caller = require_role(app, access, Role.RETRY)
        decision = DropDecision(request.why, caller.signature, read_service.now())
        done = letters.drop(DeadLetterFilter(frozenset(request.message_ids), request.queue), decision, MAX_SEARCHED)
        return _handled("dropped", done, caller.subject)


def _listed(letter: DeadLetter, redrivable: set[str]) -> ListedLetter:
    fields = {name: getattr(letter, name) for name in ListedLetter.model_fields if hasattr(letter, name)}
    return ListedLetter.model_validate(fields | {"is_redrivable": letter.queue in redrivable})


def _handled(action: str, letters: list[DeadLetter], subject: str) -> Response[Any]:
    ids = [letter.message_id for letter in letters]
    logger.info("dead letters handled", action=action, message_ids=ids, requested_by=subject)
    return json_response(HandledDeadLetters(message_ids=ids))
