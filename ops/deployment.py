"""The deployment that a command works on: a stack on AWS, or the local stack."""

import getpass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline
from ops import cloudformation
from ops.errors import CommandError
from ops.local_stack import NO_PROXY, STACK, Outputs, local_session

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
# Mass deletions exceed the table's usual throughput: DynamoDB needs time to scale.
_BULK: Final = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=32)
# Longer than any function runs, so that none is invoked again while it still runs.
_INVOKE: Final = Config(read_timeout=310)


class Deployment:
    """A deployed stack: its outputs and resources, and AWS clients for its account.

    Clients are created on first use. Everything except ``connect`` raises botocore's errors.
    """

    def __init__(self, stack: str, session: boto3.Session, local: Outputs | None = None) -> None:
        self._stack = stack
        self._session = session
        self._local = local
        self._config = _CONFIG.merge(NO_PROXY) if local else _CONFIG
        self._url = local.aws_endpoint_url if local else None

    @classmethod
    def connect(cls, stack: str | None) -> "Deployment":
        """Return the stack of this name in the shell's AWS account; the local stack for None.

        Raises CommandError if it can't be read.
        """
        try:
            deployment = cls(stack, boto3.Session()) if stack else cls.local(Outputs.read())
            _ = deployment.outputs
        except (BotoCoreError, ClientError) as error:
            name = f"the stack {stack}" if stack else "the local stack"
            raise CommandError(f"can't read {name}: {error}\n{_remedy(error, stack)}") from error
        return deployment

    @classmethod
    def local(cls, outputs: Outputs) -> "Deployment":
        """Return the local stack with these outputs."""
        return cls(STACK, local_session(), outputs)

    @property
    def description(self) -> str:
        """What messages call it."""
        return "the local stack" if self._local else f"the stack {self._stack}"

    @property
    def is_on_aws(self) -> bool:
        """Whether it is in an AWS account."""
        return self._local is None

    @property
    def webhook_url(self) -> str:
        """The receiver's URL. The output is AWS's own; the emulator has other URLs."""
        return self._local.webhook_url if self._local else self.outputs["WebhookUrl"]

    @property
    def registered_url(self) -> str:
        """The URL that Codat has to send webhooks to: of the customer's own domain, if there is one."""
        return (self.is_on_aws and self.parameter("WebhookUrl")) or self.webhook_url

    @property
    def operator(self) -> str:
        """Who runs the command: the ARN of the shell's credentials; on the local stack, the local user."""
        if self._local:
            return f"local user {getpass.getuser()}"
        arn: str = self._session.client("sts", config=self._config).get_caller_identity()["Arn"]
        return arn

    @property
    def table(self) -> Table:
        """SyncTable. Its requests keep to a deadline where one is set."""
        return Table(enforce_deadline(self.dynamodb), self.outputs["SyncTableName"])

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        return cloudformation.outputs(self.cloudformation, self._stack)

    def parameter(self, name: str) -> str:
        """Return the value of a parameter of the stack."""
        return cloudformation.parameter(self.cloudformation, self._stack, name)

    def physical_id(self, logical_id: str) -> str:
        """Return the name of a resource of the template."""
        return cloudformation.physical_id(self.cloudformation, self._stack, logical_id)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """A client of CloudFormation."""
        return self._session.client("cloudformation", endpoint_url=self._url, config=self._config)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """A client of DynamoDB for many requests in parallel."""
        return self._session.client("dynamodb", endpoint_url=self._url, config=self._config.merge(_BULK))

    @cached_property
    def dynamodbstreams(self) -> "DynamoDBStreamsClient":
        """A client of DynamoDB Streams."""
        return self._session.client("dynamodbstreams", endpoint_url=self._url, config=self._config)

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """A client of Lambda, which waits for functions."""
        return self._session.client("lambda", endpoint_url=self._url, config=self._config.merge(_INVOKE))

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """A client of CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._url, config=self._config)

    @cached_property
    def secretsmanager(self) -> "SecretsManagerClient":
        """A client of Secrets Manager."""
        return self._session.client("secretsmanager", endpoint_url=self._url, config=self._config)

    @cached_property
    def sqs(self) -> "SQSClient":
        """A client of SQS."""
        return self._session.client("sqs", endpoint_url=self._url, config=self._config)


def _remedy(error: BotoCoreError | ClientError, stack: str | None) -> str:
    """Return what to do about a stack that can't be read."""
    if not stack:
        return "Start it with `make up`."
    match error:
        case NoRegionError():
            return "Name the stack's region: export AWS_DEFAULT_REGION=…"
        case NoCredentialsError() | PartialCredentialsError() | ProfileNotFound():
            return "Sign in to the stack's AWS account: aws configure, aws sso login, or export AWS_PROFILE=…"
        case _:
            return (
                "Check the account and the region: aws sts get-caller-identity; `make deploy ENV=…` creates the stack."
            )
