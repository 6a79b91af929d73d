"""Shows dead letters, puts them back, or drops them: `python -m ops.dead_letters show|redrive|drop …`."""

import argparse
import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.core.errors import QueueUnavailableError
from codat_sync.core.identifiers import canonical
from codat_sync.dead_letters.dead_letter import DeadLetter, Drop, Wanted
from codat_sync.dead_letters.queue import DroppedLetters, SetAside
from codat_sync.dead_letters.service import DeadLetters
from dev.deploying import cloudformation
from dev.local_stack.aws_clients import LocalAws
from ops.errors import LocalStackError, told
from ops.local_outputs import Outputs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# By our name of each: the outputs that say where the dead letters are, and where they came from. Those of publish came
# from the table's stream: `make republish` has them told.
QUEUES: dict[str, tuple[str, str | None]] = {
    "sync": ("SyncDeadLetterQueueUrl", "SyncQueueUrl"),
    "retry": ("RetryDeadLetterQueueUrl", "RetryQueueUrl"),
    "publish": ("PublishDeadLetterQueueUrl", None),
}


def dead_letters(sqs: "SQSClient", table: Table, made: Mapping[str, str]) -> DeadLetters:
    """Return the dead letters of a stack with certain outputs."""
    queues = [
        SetAside(sqs, name, url=made[dead], source_url=source and made[source])
        for name, (dead, source) in QUEUES.items()
        if dead in made  # else it is switched off
    ]
    return DeadLetters(queues, DroppedLetters(table))


def _on_aws(stack: str) -> tuple[DeadLetters, str]:
    """Return the dead letters of a stack in the account that the shell's credentials are for, and whose those are."""
    made = cloudformation.outputs(boto3.client("cloudformation"), stack)
    table = Table(boto3.client("dynamodb"), made["SyncTableName"])
    return dead_letters(boto3.client("sqs"), table, made), boto3.client("sts").get_caller_identity()["Arn"]


def on_local_stack(aws: LocalAws) -> tuple[DeadLetters, str]:
    """Return those of the local stack, and who is asking."""
    made = cloudformation.outputs(aws.cloudformation)
    return dead_letters(aws.sqs, Table(aws.dynamodb, made["SyncTableName"]), made), getpass.getuser()


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    chosen = _parser().parse_args(arguments)
    wanted = Wanted(frozenset(chosen.id), chosen.queue, chosen.reason, chosen.company and canonical(chosen.company))
    if chosen.action == "drop" and not (chosen.why or "").strip():
        raise LocalStackError("Say why they are dropped: WHY='…'.")
    if chosen.action == "drop" and wanted.is_all and not chosen.all:
        raise LocalStackError("Say which ones are dropped: ID, REASON, COMPANY or QUEUE; or ALL=1.")
    try:
        letters, person = _on_aws(chosen.stack) if chosen.stack else on_local_stack(_local_aws())
        _tell(chosen.action, _deal(chosen, letters, person, wanted), is_dry=chosen.dry_run)
    except (BotoCoreError, ClientError, QueueUnavailableError) as error:
        raise LocalStackError(f"the dead letters of {chosen.stack or 'the local stack'}: {error}") from error


def _local_aws() -> LocalAws:
    return LocalAws(Outputs.read().aws_endpoint_url)


def _deal(chosen: argparse.Namespace, letters: DeadLetters, person: str, wanted: Wanted) -> list[DeadLetter]:
    if chosen.action == "show" or chosen.dry_run:
        return letters.look(wanted)
    if chosen.action == "redrive":
        return letters.redrive(wanted)
    return letters.drop(wanted, Drop(chosen.why, person, datetime.now(UTC)))


def _tell(action: str, letters: Sequence[DeadLetter], *, is_dry: bool) -> None:
    for letter in letters:
        about = " ".join(f"{name} {id_}" for name, id_ in _about(letter) if id_)
        print(
            f"{letter.message_id}  {letter.queue}  {letter.sent_at:%Y-%m-%d %H:%M}  {letter.reason}  {about}".rstrip()
        )
        if letter.detail:
            print(f"    {letter.detail}")
    done = {"show": "there", "redrive": "put back", "drop": "dropped, and written down in SyncTable"}
    would = "would be " if is_dry and action != "show" else ""
    counted = "1 dead letter" if len(letters) == 1 else f"{len(letters)} dead letters"
    print(f"{counted} {would}{done[action]}.")


def _about(letter: DeadLetter) -> tuple[tuple[str, str | None], ...]:
    return ("company", letter.company_id), ("sync", letter.sync_id)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.dead_letters", description="Deals with dead letters.")
    parser.add_argument("action", choices=["show", "redrive", "drop"])
    parser.add_argument("--stack", help="a stack on AWS; without it, the local one")
    parser.add_argument("--id", action="append", default=[], help="the message with this id; can be repeated")
    parser.add_argument("--queue", choices=sorted(QUEUES), help="those of one queue only")
    parser.add_argument("--reason", help="those with this reason only")
    parser.add_argument("--company", help="those about the company with this id only")
    parser.add_argument("--all", action="store_true", help="drop even if nothing says which")
    parser.add_argument("--why", help="why they are dropped, for the record")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be dealt with")
    return parser


if __name__ == "__main__":
    with told():
        main()
