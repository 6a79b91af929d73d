"""A deployment, to have companies forgotten there, or bodies emptied: a stack on AWS, or the local one."""

import argparse
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from time import sleep

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.tombstones import Tombstones
from codat_sync.core.identifiers import canonical, is_identifier
from codat_sync.dead_letters.queue import SetAside
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import Forgetting
from dev.deploying import cloudformation
from dev.local_stack.aws_clients import LocalAws
from ops.dead_letters import dead_letters
from ops.errors import LocalStackError
from ops.local_outputs import Outputs

# Deletions come in a flood, which the table is not used to: DynamoDB is given time to follow.
_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=32
)


def forgetting(stack: str | None) -> Forgetting:
    """Return what forgets companies, of a stack in the shell's account or of the local one. Raises LocalStackError."""
    try:
        return _on_aws(stack) if stack else local_forgetting(LocalAws(Outputs.read().aws_endpoint_url))
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"the stack {stack} can't be read: {error}") from error


def table_of(stack: str | None) -> Table:
    """Return the table of a stack in the shell's account, or of the local one. Raises LocalStackError."""
    try:
        if stack is None:
            aws = LocalAws(Outputs.read().aws_endpoint_url)
            return Table(aws.dynamodb, cloudformation.outputs(aws.cloudformation)["SyncTableName"])
        made = cloudformation.outputs(boto3.client("cloudformation"), stack)
        return Table(boto3.client("dynamodb", config=_CONFIG), made["SyncTableName"])
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"the stack {stack} can't be read: {error}") from error


def company_id(text: str) -> str:
    """Return the id of a company as the table has it, for argparse. Raises ValueError."""
    if not is_identifier(text):
        raise ValueError("not an id")
    return canonical(text)


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a command about one company."""
    made = argparse.ArgumentParser(prog=f"python -m dev.{prog}", description=description)
    made.add_argument("company", type=company_id, help="the company's id at Codat")
    made.add_argument("--reason", required=True, help="why, as the tombstone is to say it: a ticket, no personal data")
    made.add_argument("--stack", help="a stack on AWS; without it, the local one")
    return made


def _on_aws(stack: str) -> Forgetting:
    made = cloudformation.outputs(boto3.client("cloudformation"), stack)
    table = Table(boto3.client("dynamodb", config=_CONFIG), made["SyncTableName"])
    letters = dead_letters(boto3.client("sqs", config=_CONFIG), table, made)
    return _forgetting(table, letters.queues, boto3.client("sts").get_caller_identity()["Arn"])


def local_forgetting(aws: LocalAws) -> Forgetting:
    """Return what forgets companies of the local stack."""
    made = cloudformation.outputs(aws.cloudformation)
    table = Table(aws.dynamodb, made["SyncTableName"])
    return _forgetting(table, dead_letters(aws.sqs, table, made).queues, getpass.getuser())


def _forgetting(table: Table, letters: Sequence[SetAside], by: str) -> Forgetting:
    now = lambda: datetime.now(UTC)  # noqa: E731
    return Forgetting(Tombstones(table), CompanyItems(table), letters, by, now, sleep, _told)


def _told(text: str) -> None:
    print(text, flush=True)
