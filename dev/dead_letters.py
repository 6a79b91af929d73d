"""Shows dead letters, puts them back, or drops them: `python -m dev.dead_letters show|redrive|drop …`."""

import argparse
import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.dead_letter import DeadLetter, Drop, Wanted
from codat_sync.errors import QueueUnavailableError
from codat_sync.redrive import drop, look, redrive
from codat_sync.set_aside import DroppedLetters, SetAside
from codat_sync.table import Table
from dev import cloudformation
from dev.aws import LocalAws
from dev.errors import LocalStackError, told
from dev.outputs import Outputs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# By our name of each: the outputs that say where the dead letters are, and where they came from. Those of publish came
# from the table's stream: `make republish` has them told.
_QUEUES: dict[str, tuple[str, str | None]] = {
    "sync": ("SyncDeadLetterQueueUrl", "SyncQueueUrl"),
    "retry": ("RetryDeadLetterQueueUrl", "RetryQueueUrl"),
    "publish": ("PublishDeadLetterQueueUrl", None),
}


@dataclass(frozen=True)
class DeadLetterQueues:
    """The dead-letter queues of a stack, the record of what is dropped, and who asks."""

    queues: Sequence[SetAside]
    records: DroppedLetters
    person: str

    @classmethod
    def on_aws(cls, stack: str) -> "DeadLetterQueues":
        """Return those of a stack in the account that the shell's credentials are for. Raises botocore's errors."""
        made = cloudformation.outputs(boto3.client("cloudformation"), stack)
        table = Table(boto3.client("dynamodb"), made["SyncTableName"])
        return cls(_queues(boto3.client("sqs"), made), DroppedLetters(table), _caller())

    @classmethod
    def local(cls, aws: LocalAws) -> "DeadLetterQueues":
        """Return those of the local stack."""
        made = cloudformation.outputs(aws.cloudformation)
        table = Table(aws.dynamodb, made["SyncTableName"])
        return cls(_queues(aws.sqs, made), DroppedLetters(table), getpass.getuser())


def _queues(sqs: "SQSClient", made: Mapping[str, str]) -> list[SetAside]:
    return [
        SetAside(sqs, name, url=made[dead], source_url=source and made[source])
        for name, (dead, source) in _QUEUES.items()
        if dead in made  # else it is switched off
    ]


def _caller() -> str:
    arn: str = boto3.client("sts").get_caller_identity()["Arn"]
    return arn


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    chosen = _parser().parse_args(arguments)
    wanted = Wanted(frozenset(chosen.id), chosen.queue, chosen.reason, chosen.company)
    if chosen.action == "drop" and not chosen.why:
        raise LocalStackError("Say why they are dropped: WHY='…'.")
    if chosen.action == "drop" and wanted.is_all and not chosen.all:
        raise LocalStackError("Say which ones are dropped: ID, REASON, COMPANY or QUEUE; or ALL=1.")
    try:
        at = DeadLetterQueues.on_aws(chosen.stack) if chosen.stack else DeadLetterQueues.local(_local_aws())
        _tell(chosen.action, _deal(chosen, at, wanted), is_dry=chosen.dry_run)
    except (BotoCoreError, ClientError, QueueUnavailableError) as error:
        raise LocalStackError(f"the dead letters of {chosen.stack or 'the local stack'}: {error}") from error


def _local_aws() -> LocalAws:
    return LocalAws(Outputs.read().aws_endpoint_url)


def _deal(chosen: argparse.Namespace, at: DeadLetterQueues, wanted: Wanted) -> list[DeadLetter]:
    if chosen.action == "show" or chosen.dry_run:
        return look(at.queues, wanted)
    if chosen.action == "redrive":
        return redrive(at.queues, wanted)
    return drop(at.queues, wanted, at.records, Drop(chosen.why, at.person, datetime.now(UTC)))


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
    print(f"{len(letters)} dead letters {would}{done[action]}.")


def _about(letter: DeadLetter) -> tuple[tuple[str, str | None], ...]:
    return ("company", letter.company_id), ("sync", letter.sync_id)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.dead_letters", description="Deals with dead letters.")
    parser.add_argument("action", choices=["show", "redrive", "drop"])
    parser.add_argument("--stack", help="a stack on AWS; without it, the local one")
    parser.add_argument("--id", action="append", default=[], help="the message with this id; can be repeated")
    parser.add_argument("--queue", choices=sorted(_QUEUES), help="those of one queue only")
    parser.add_argument("--reason", help="those with this reason only")
    parser.add_argument("--company", help="those about the company with this id only")
    parser.add_argument("--all", action="store_true", help="drop even if nothing says which")
    parser.add_argument("--why", help="why they are dropped, for the record")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be dealt with")
    return parser


if __name__ == "__main__":
    with told():
        main()
