"""AWS clients of the local stack."""

from ops.local_stack import NO_PROXY, local_session


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
