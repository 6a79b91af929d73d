"""Create the stack's table, queues and secrets in moto's AWS, with the environment variables that name them."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from tests.support.tables.sync_table import create_sync_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

API_KEY = "an API key"
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_URL = "https://api.example.com/webhooks/codat"


@dataclass(frozen=True)
class Aws:
    """Clients of the AWS services that the template uses, and the functions' environment."""

    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"
    secretsmanager: "SecretsManagerClient"
    environment: dict[str, str]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Receive all messages of the queue whose URL is in ``<queue>_URL``; none becomes visible again in a test."""
        url = self.environment[f"{queue}_URL"]
        received: list[Any] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=12 * 3600,
        ).get("Messages"):
            received += messages
        return received

    def put_secret(self, name: str, value: object) -> None:
        """Set the secret whose ARN is in ``<name>_ARN``; anything but a string is encoded as JSON."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.secretsmanager.put_secret_value(SecretId=self.environment[f"{name}_ARN"], SecretString=text)


def make_aws(codat_url: str) -> Aws:
    """Create the table, queues and secrets in moto's AWS."""
    dynamodb, sqs, secretsmanager = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("secretsmanager")
    create_sync_table(dynamodb, "syncs", with_stream=True)
    environment = {
        "CODAT_BASE_URL": codat_url,
        "CODAT_SECRET_ARN": secretsmanager.create_secret(Name="codat")["ARN"],
        "WEBHOOK_SECRET_ARN": secretsmanager.create_secret(Name="webhook")["ARN"],
        "SYNC_TABLE_NAME": "syncs",
        "SYNC_QUEUE_URL": sqs.create_queue(QueueName="sync")["QueueUrl"],
        "SYNC_DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="dead")["QueueUrl"],
        "RETRY_QUEUE_URL": sqs.create_queue(QueueName="retry")["QueueUrl"],
        "RETRY_DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="retry-dead")["QueueUrl"],
        "RETRY_FUNCTION_NAME": "retry",
        "RETRY_MAX_ATTEMPTS": "3",
        "RETRY_INITIAL_DELAY_SECONDS": "0",
        "RETRY_MAX_DELAY_SECONDS": "0",
        "PUBLISH_DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="publish-dead")["QueueUrl"],
        "EVENT_BUS_NAME": "events",
        "SEARCH_INDEX": "all",
        "EVENT_RETENTION_DAYS": "16",
        "POLL_INITIAL_DELAY_SECONDS": "60",
        "MAXIMUM_CONCURRENCY": "2",
        "ISSUER": "https://issuer.example",
        "LOGIN_SECRET_ID": secretsmanager.create_secret(Name="login")["Name"],
        "SESSION_SECRET_ARN": secretsmanager.create_secret(Name="session", SecretString=json.dumps({"key": "k" * 64}))[
            "ARN"
        ],
        "ENVIRONMENT": "dev",
        "AUTHENTICATION": "on",
        "ROLE_CLAIMS": "cognito:groups,scope",
        "WEBHOOK_URL": WEBHOOK_URL,
        "RECONCILE_QUOTA_PERCENT": "100",
        "RECONCILE_ACTIVE_INTERVAL_MINUTES": "30",
        "RECONCILE_IDLE_INTERVAL_MINUTES": "360",
        "POWERTOOLS_METRICS_NAMESPACE": "CodatSync",
    }
    aws = Aws(dynamodb, sqs, secretsmanager, environment)
    aws.put_secret("CODAT_SECRET", {"apiKey": API_KEY})
    aws.put_secret("SESSION_SECRET", {"key": "k" * 64})
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [SIGNING_SECRET], "authorization": None})
    return aws
