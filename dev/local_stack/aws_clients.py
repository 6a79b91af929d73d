"""AWS clients of the local stack."""

from typing import TYPE_CHECKING

from ops.local_stack import NO_PROXY, local_session

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class LocalAws:
    """Clients of the services that the stack uses, as the emulator's administrator."""

    def __init__(self, endpoint_url: str) -> None:
        session, config = local_session(), NO_PROXY
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


def queue_depth(sqs: "SQSClient", url: str) -> int:
    """Return the number of messages in a queue, those in flight included."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return sum(map(int, attributes.values()))
