"""Clients of the embedded AWS."""

from typing import Final

import boto3
from botocore.config import Config

REGION: Final = "eu-west-2"


class LocalAws:
    """The services that the stack uses, with the emulator's root credentials and none of this machine's."""

    def __init__(self, endpoint_url: str) -> None:
        session = boto3.Session("test", "test", region_name=REGION)
        config = Config(proxies={})
        self.apigatewayv2 = session.client("apigatewayv2", endpoint_url=endpoint_url, config=config)
        self.cloudformation = session.client("cloudformation", endpoint_url=endpoint_url, config=config)
        self.dynamodb = session.client("dynamodb", endpoint_url=endpoint_url, config=config)
        self.dynamodbstreams = session.client("dynamodbstreams", endpoint_url=endpoint_url, config=config)
        self.events = session.client("events", endpoint_url=endpoint_url, config=config)
        self.lambda_ = session.client("lambda", endpoint_url=endpoint_url, config=config)
        self.s3 = session.client("s3", endpoint_url=endpoint_url, config=config)
        self.secretsmanager = session.client("secretsmanager", endpoint_url=endpoint_url, config=config)
        self.sns = session.client("sns", endpoint_url=endpoint_url, config=config)
        self.sqs = session.client("sqs", endpoint_url=endpoint_url, config=config)
