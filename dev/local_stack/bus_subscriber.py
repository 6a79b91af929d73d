"""Subscribe to the event bus: a rule sends all published events to a queue."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dev.waiting import poll

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

# An event of EventBridge's, whose shape AWS defines.
Event = dict[str, Any]

_NAME = "subscriber"


@dataclass
class Subscriber:
    """Events received so far, each once: the bus delivers at least once."""

    _sqs: "SQSClient"
    _queue_url: str
    events_by_id: dict[str, Event] = field(default_factory=dict)

    def receive_events(self) -> "dict[str, Event]":
        """Receive new events; returns all events so far by id."""
        while messages := self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event: Event = json.loads(message["Body"])
                self.events_by_id.setdefault(event["detail"]["id"], event)
            done = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=done)  # type: ignore[arg-type]
        return self.events_by_id

    def wait_for(self, kind: str, **fields: object) -> Event | None:
        """Return the first event of a type whose details have these ``fields``, None if it does not arrive in time."""
        return poll(lambda: self._find(kind, fields))

    def _find(self, kind: str, fields: dict[str, object]) -> Event | None:
        events = (event for event in self.receive_events().values() if event["detail-type"] == kind)
        return next((event for event in events if fields.items() <= event["detail"].items()), None)

    def kinds_for(self, **fields: object) -> list[str]:
        """Return the types of the events whose details have these ``fields``, by version."""
        found = [event for event in self.receive_events().values() if fields.items() <= event["detail"].items()]
        return [event["detail-type"] for event in sorted(found, key=lambda event: int(event["detail"]["version"]))]


def create_service_queue(sqs: "SQSClient", name: str, service: str) -> tuple[str, str]:
    """Create a queue to which an AWS service may send; returns its URL and its ARN."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def subscribe(sqs: "SQSClient", events: "EventBridgeClient", bus: str, name: str = _NAME) -> Subscriber:
    """Return a subscriber to all events of a bus from now on."""
    url, arn = create_service_queue(sqs, name, "events.amazonaws.com")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": ["codat-sync"]}))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": arn}])
    return Subscriber(sqs, url)
