"""List, redrive or drop the dead letters of a deployment."""

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.bootstrap.dead_letters import build_dead_letters
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import QueueUnavailableError
from codat_sync.dead_letters.dead_letter import DeadLetterFilter, DropDecision
from codat_sync.dead_letters.queue import DeadLetterQueueClient
from codat_sync.dead_letters.service import DeadLetterService, HandledLetters
from ops.deployment import Deployment
from ops.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

# By queue name: the outputs with the URLs of the dead-letter queue and of the queue its messages came from. Those of
# publish came from the table's stream: `make republish` re-sends them. Those of attention and endpoint are events
# for its topic and for the HTTPS endpoint.
QUEUES: Mapping[str, tuple[str, str | None]] = {
    "sync": ("SyncDeadLetterQueueUrl", "SyncQueueUrl"),
    "retry": ("RetryDeadLetterQueueUrl", "RetryQueueUrl"),
    "publish": ("PublishDeadLetterQueueUrl", None),
    "attention": ("AttentionDeadLetterQueueUrl", None),
    "endpoint": ("EventsEndpointDeadLetterQueueUrl", None),
}


def dead_letters(deployment: Deployment) -> DeadLetterService:
    """Return the dead letters of a deployment."""
    queues = [queue for name in QUEUES if (queue := dead_letter_queue(deployment, name))]
    return build_dead_letters(deployment.table, queues)


def dead_letter_queue(deployment: Deployment, name: str) -> DeadLetterQueueClient | None:
    """Return one dead-letter queue of a deployment, None if what it is for is switched off there."""
    dead, source = QUEUES[name]
    if dead not in deployment.outputs:
        return None
    source_url = source and deployment.outputs[source]
    return DeadLetterQueueClient(deployment.sqs, name, url=deployment.outputs[dead], source_url=source_url)


def list_letters(stack: str | None, wanted: DeadLetterFilter) -> None:
    """Print the dead letters that match."""
    deployment = Deployment.connect(stack)
    with _errors_of(deployment):
        print_letters(dead_letters(deployment).find(wanted), "found")


def redrive(stack: str | None, wanted: DeadLetterFilter, *, dry_run: bool) -> None:
    """Send the dead letters that match back to their source queue, and print them."""
    deployment = Deployment.connect(stack)
    with _errors_of(deployment):
        letters = dead_letters(deployment)
        if dry_run:
            print_letters(letters.find(wanted), "would be redriven")
        else:
            print_letters(letters.redrive(wanted, deployment.operator), "redriven")


def drop(stack: str | None, wanted: DeadLetterFilter, why: str, *, dry_run: bool) -> None:
    """Delete the dead letters that match, record them in SyncTable, and print them."""
    deployment = Deployment.connect(stack)
    with _errors_of(deployment):
        letters = dead_letters(deployment)
        if dry_run:
            print_letters(letters.find(wanted), "would be dropped and recorded in SyncTable")
        else:
            dropped = letters.drop(wanted, DropDecision(why, deployment.operator, utc_now()))
            print_letters(dropped, "dropped and recorded in SyncTable")


@contextmanager
def _errors_of(deployment: Deployment) -> "Iterator[None]":
    try:
        yield
    except (BotoCoreError, ClientError, QueueUnavailableError) as error:
        raise CommandError(f"can't process the dead letters of {deployment.description}: {error}") from error


def print_letters(letters: HandledLetters, done: str) -> None:
    """Print letters, with how many there are and how many others could not be received."""
    for letter in letters:
        ids = (("company", letter.company_id), ("sync", letter.sync_id))
        about = " ".join(f"{name} {id_}" for name, id_ in ids if id_)
        print(
            f"{letter.message_id}  {letter.queue}  {letter.sent_at:%Y-%m-%d %H:%M}  {letter.reason}  {about}".rstrip()
        )
        if letter.detail:
            print(f"    {letter.detail}")
    counted = "1 dead letter" if len(letters) == 1 else f"{len(letters)} dead letters"
    print(f"{counted} {done}.")
    if letters.unexamined:
        print(
            f"About {letters.unexamined} more could not be received: others are handling them. Repeat in five minutes."
        )
