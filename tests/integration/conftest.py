"""The real handlers, against moto's AWS in this process and simulated Codat over HTTP."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from codat_sync.auth.roles import Role
from codat_sync.aws.dynamodb import Table
from codat_sync.config import WorkerSettings
from codat_sync.syncs.repository import Store
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat
from dev.deploying.template import read_template
from dev.stored_events import COMPANY_ID, EVENTS, SYNC_ID, TRANSACTION_IDS
from tests.support.cookie_browser import SITE
from tests.support.moto_aws import moto_aws
from tests.support.oidc_issuer import SimulatedIdentityProvider, write_certificate
from tests.support.oidc_issuer import serve as serve_issuer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

API_KEY = "an API key"
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_URL = "https://api.example.com/webhooks/codat"
FUNCTIONS = EVENTS.parent / "functions"

# What Lambda hands over and takes back: JSON, whose shape AWS defines.
Handler = Callable[[dict[str, Any]], dict[str, Any]]

_TABLE = read_template()["Resources"]["SyncTable"]["Properties"]


@dataclass(frozen=True)
class Aws:
    """The part of AWS that the template makes, and the functions' environment."""

    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"
    secretsmanager: "SecretsManagerClient"
    environment: dict[str, str]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Take all messages from a queue that is named as its variable is: none comes again, however long it takes."""
        url = self.environment[f"{queue}_URL"]
        taken: list[Any] = []
        while answer := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=12 * 3600,
        ).get("Messages"):
            taken += answer
        return taken

    def put_secret(self, name: str, value: object) -> None:
        """Give a secret, named as its variable is, a value."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.secretsmanager.put_secret_value(SecretId=self.environment[f"{name}_ARN"], SecretString=text)


@pytest.fixture(autouse=True)
def _no_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust nobody: what is met here is on this machine, and no client has to read the certificates of the world."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)


@pytest.fixture
def simulated() -> SimulatedCodat:
    """Codat, which knows what the payloads of `events/` are about."""
    codat = SimulatedCodat(API_KEY, SIGNING_SECRET)
    company = codat.add_company(company_id=COMPANY_ID)
    rows = [Item(TRANSACTION_IDS[0]), Item(TRANSACTION_IDS[1], "PushError", "expense", "Account 6100 is archived.")]
    codat.add_sync(company, 5130, rows, sync_id=SYNC_ID)
    return codat


@pytest.fixture
def codat_url(simulated: SimulatedCodat) -> Iterator[str]:
    """Where simulated Codat answers."""
    with serve(simulated) as running:
        yield running.url


@pytest.fixture
def aws(codat_url: str) -> Iterator[Aws]:
    """Queues, secrets and the table as the template has them."""
    with moto_aws():
        yield make_aws(codat_url)


def make_aws(codat_url: str) -> Aws:
    """Make queues, secrets and the table as the template has them, in moto's AWS."""
    dynamodb, sqs, secretsmanager = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("secretsmanager")
    made = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
    (_, stream, _) = _TABLE["StreamSpecification"]["Fn::If"]
    dynamodb.create_table(
        TableName="syncs",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": stream["StreamViewType"]},
        **{name: _TABLE[name] for name in made},
    )
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
        "RETRY_MOST_ATTEMPTS": "3",
        "RETRY_FIRST_DELAY_SECONDS": "0",
        "RETRY_LONGEST_DELAY_SECONDS": "0",
        "PUBLISH_DEAD_LETTER_QUEUE_URL": sqs.create_queue(QueueName="publish-dead")["QueueUrl"],
        "EVENT_BUS_NAME": "events",
        "EVENT_RETENTION_DAYS": "16",
        "FIRST_LOOK_SECONDS": "60",
        "MAXIMUM_CONCURRENCY": "2",
        "ISSUER": "https://issuer.example",
        "LOGIN_SECRET_ID": secretsmanager.create_secret(Name="login")["Name"],
        "SESSION_SECRET_ARN": secretsmanager.create_secret(Name="session", SecretString=json.dumps({"key": "k" * 64}))[
            "ARN"
        ],
        "ENVIRONMENT": "dev",
        "AUTHENTICATION": "on",
        "ROLES_CLAIMS": "cognito:groups,scope",
        "WEBHOOK_URL": WEBHOOK_URL,
        "RECONCILE_QUOTA_PERCENT": "100",
        "RECONCILE_BUSY_MINUTES": "30",
        "RECONCILE_QUIET_MINUTES": "360",
        "POWERTOOLS_METRICS_NAMESPACE": "CodatSync",
    }
    aws = Aws(dynamodb, sqs, secretsmanager, environment)
    aws.put_secret("CODAT_SECRET", {"apiKey": API_KEY})
    aws.put_secret("SESSION_SECRET", {"key": "k" * 64})
    aws.put_secret("WEBHOOK_SECRET", {"signingSecrets": [SIGNING_SECRET], "authorization": None})
    return aws


class Context:
    """The context that Lambda gives a handler, as far as Powertools reads it."""

    function_name = "function"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-2:123456789012:function:function"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def __init__(self, remaining_ms: int = 60_000) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        """Tell how much time there is."""
        return self._remaining_ms


def load_function(function: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{function}_app", FUNCTIONS / function / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Handler]]:
    """Start a function as Lambda does, from its file, with the environment of the template."""
    ending = ExitStack()

    def start(function: str) -> Handler:
        for name, value in (aws.environment | {"POWERTOOLS_SERVICE_NAME": function}).items():
            monkeypatch.setenv(name, value)
        app = load_function(function)
        app.logger.registered_handler.stream = sys.stdout  # this test's: the logger may be of an earlier one
        if hasattr(app, "http"):
            ending.enter_context(app.http)

        def handle(event: dict[str, Any]) -> dict[str, Any]:
            # Each function has a process of its own on Lambda: here they share one, and one object that measures.
            monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", function)
            app.metrics.service = function
            answer: dict[str, Any] = app.lambda_handler(event, Context(event.pop("remaining_ms", 60_000)))
            return answer

        return handle

    with ending:
        yield start


@pytest.fixture
def store(aws: Aws) -> Store:
    """Return the table, as its readers see it."""
    settings = WorkerSettings.read(aws.environment)
    return Store(Table(aws.dynamodb, settings.sync_table_name), event_retention=settings.event_retention)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the issuer's."""
    return write_certificate(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def issuer(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedIdentityProvider]:
    """Where Ann is signed in already, who may look; this process trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = SimulatedIdentityProvider({f"{SITE}/login/callback"})
    provider.person["cognito:groups"] = [Role.VIEW.value]
    with serve_issuer(provider, certificate) as served:
        yield served
