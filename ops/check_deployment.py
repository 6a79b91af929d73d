"""A deployment, as `make check` looks at it: a stack on AWS, or the local one."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config

from codat_sync.aws.secrets import CachedSecret
from dev.deploying import cloudformation
from dev.local_stack.aws_clients import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from ops.local_outputs import Outputs

T = TypeVar("T")

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
# A dead letter that was looked at does not come up again while others are looked at.
_SECONDS_TO_LOOK = 20
_SECONDS_HIDDEN = 60


class Deployment:
    """What a stack says of itself, and what its parts hold. All of it raises botocore's errors."""

    def __init__(self, stack: str, session: boto3.Session, local: "Outputs | None" = None) -> None:
        config = _CONFIG.merge(Config(proxies={})) if local else _CONFIG
        url = local.aws_endpoint_url if local else None
        self._stack = stack
        self._cloudformation = session.client("cloudformation", endpoint_url=url, config=config)
        self._logs = session.client("logs", endpoint_url=url, config=config)
        self._secretsmanager = session.client("secretsmanager", endpoint_url=url, config=config)
        self._sqs = session.client("sqs", endpoint_url=url, config=config)
        self._outputs = cloudformation.outputs(self._cloudformation, stack)
        self.is_on_aws = local is None
        # The output is AWS's own URL; the emulator's routes are elsewhere.
        self.webhook_url = local.webhook_url if local else self._outputs["WebhookUrl"]

    @classmethod
    def on_aws(cls, environment: str) -> "Deployment":
        """Return the deployment in the account that the shell's credentials are for."""
        return cls(f"codat-sync-{environment}", boto3.Session())

    @classmethod
    def local(cls, outputs: "Outputs") -> "Deployment":
        """Return the deployment on the local stack."""
        return cls(cloudformation.STACK, boto3.Session("test", "test", region_name=REGION), outputs)

    def parameter(self, name: str) -> str:
        """Return the value of a parameter of the stack."""
        (stack,) = self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"]
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        return parameters[name]

    def secret(self, output: str, parse: Callable[[str], T]) -> T:
        """Return a secret as the functions read it. Raises SecretUnavailableError."""
        return CachedSecret(self._secretsmanager, self._outputs[output], parse).value()

    def put_secret_command(self, output: str, value: str) -> str:
        """Return the command that puts ``value`` there."""
        return f"aws secretsmanager put-secret-value --secret-id {self._outputs[output]} --secret-string '{value}'"

    def log_lines(self, log_group: str, text: str, since: datetime) -> list[str]:
        """Return the lines of a log group, named as in the template, in which ``text`` stands."""
        resource = self._cloudformation.describe_stack_resource(StackName=self._stack, LogicalResourceId=log_group)
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=resource["StackResourceDetail"]["PhysicalResourceId"],
            filterPattern=f'"{text}"',
            startTime=int(since.timestamp() * 1000),
        )
        return [event["message"] for page in pages for event in page["events"]]

    def dead_letters(self) -> "list[MessageTypeDef]":
        """Look at what is on the dead-letter queue now, as much as there is time for, and leave it there."""
        url = self._outputs["SyncDeadLetterQueueUrl"]
        seen: list[MessageTypeDef] = []
        deadline = time.monotonic() + _SECONDS_TO_LOOK
        while time.monotonic() < deadline:
            received = self._sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=_SECONDS_HIDDEN
            ).get("Messages")
            if not received:
                break
            seen += received
        for message in seen:
            self._sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return seen
