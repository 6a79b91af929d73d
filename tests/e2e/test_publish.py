"""From the table's stream to a subscriber of the bus, through what is deployed on AWS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyRepository
from codat_sync.dead_letters.dead_letter import MAX_RECEIVES_EXCEEDED
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.bus_subscriber import Subscriber, create_service_queue, subscribe
from dev.local_stack.deployment import deploy
from dev.local_stack.services import running_services
from dev.waiting import PATIENCE_SECONDS
from ops.cloudformation import outputs, physical_ids
from ops.deployment import Deployment
from ops.local_stack import STACK, Outputs
from ops.republish import republisher_of
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them


# What the core does without.
_SWITCHES = ("HealthEnabled", "PublishEnabled", "ReconcileEnabled", "SubmitEnabled")


@pytest.fixture
def codat(stack: Outputs) -> Iterator[SimulatorControl]:
    """Return the control client of simulated Codat."""
    with SimulatorControl(stack.codat_url) as control:
        yield control


@pytest.fixture
def aws(stack: Outputs) -> LocalAws:
    """AWS, as its administrator sees it."""
    return LocalAws(stack.aws_endpoint_url)


@pytest.fixture
def subscriber(stack: Outputs, aws: LocalAws) -> Subscriber:
    """Return a subscriber to all events."""
    return subscribe(aws.sqs, aws.events, stack.event_bus_name)


def _webhook(codat: SimulatorControl, code: int, *items: Item) -> str:
    sync = codat.add_sync(company_id=codat.add_company().company_id, code=code, items=items)
    codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
    return sync.sync_id


def test_what_a_webhook_announces_is_published(codat: SimulatorControl, subscriber: Subscriber) -> None:
    """With no more than the template allows; and again as it changes, in versions."""
    sync_id = _webhook(codat, 5130, Item("t1"), Item("t2", "PushError"))
    assert subscriber.wait_for("TransactionFailed", syncId=sync_id, transactionId="t2")
    assert subscriber.wait_for("SyncFailed", syncId=sync_id)
    codat.change_sync(sync_id, code=2000, items=(Item("t1"), Item("t2")))
    codat.send_webhook(NewWebhook(sync_id=sync_id))
    assert subscriber.wait_for("SyncSucceeded", syncId=sync_id)
    assert subscriber.kinds_for(syncId=sync_id, transactionId="t2") == ["TransactionFailed", "TransactionCompleted"]
    assert subscriber.kinds_for(syncId=sync_id, transactionId="t1") == ["TransactionCompleted"]


def test_operators_are_notified_of_what_needs_attention(
    stack: Outputs, codat: SimulatorControl, aws: LocalAws, subscriber: Subscriber
) -> None:
    """And only that, by the rule and the topic of the template."""
    topic = outputs(aws.cloudformation, STACK)["AttentionTopicArn"]
    url, queue = create_service_queue(aws.sqs, "people", "sns.amazonaws.com")
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    company_id = codat.add_company().company_id
    codat.add_sync(company_id=company_id, code=2000)
    companies = CompanyRepository(Table(aws.dynamodb, stack.table_name), event_retention=timedelta())

    def has_status(status: str) -> bool:
        company = companies.load_snapshot(company_id, []).company
        return company is not None and company.connection_status == status

    # Each is stored before the next one: together they would be one change.
    for status in ("Linked", "Deauthorized"):
        codat.set_connection_status(company_id, status)
        codat.send_webhook(NewWebhook(company_id=company_id, event_type="connection.disconnected"))
        assert eventually(partial(has_status, status))
    assert subscriber.wait_for("ConnectionLost", companyId=company_id)
    assert subscriber.kinds_for(companyId=company_id) == ["ConnectionLost"]

    def about_company() -> list[str]:
        # Others may be about the companies of other tests, which share the stack.
        received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        return [each["Body"] for each in received if company_id in each["Body"]]

    texts = eventually(about_company)
    assert all(f"ConnectionLost, company {company_id}," in text for text in texts)
    assert all(f"/company/{company_id}," in text for text in texts)


def test_a_record_that_cannot_be_published_does_not_delay_the_others(
    stack: Outputs, codat: SimulatorControl, aws: LocalAws, subscriber: Subscriber
) -> None:
    """It is split off and kept, with the reason."""
    key = {"pk": {"S": "SYNC#broken"}, "sk": {"S": "SYNC"}}
    aws.dynamodb.put_item(TableName=stack.table_name, Item={**key, "digest": {"S": "d"}, "code": {"S": "no code"}})
    try:
        assert subscriber.wait_for("SyncSucceeded", syncId=_webhook(codat, 2000))
        url = outputs(aws.cloudformation, STACK)["PublishDeadLetterQueueUrl"]
        (dead,) = aws.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
        assert dead["MessageAttributes"]["reason"]["StringValue"] == "unreadable-record"
        assert json.loads(dead["Body"])["dynamodb"]["Keys"] == key
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=dead["ReceiptHandle"])
    finally:
        aws.dynamodb.delete_item(TableName=stack.table_name, Key=key)


def test_unpublished_records_are_published_with_make_republish(
    stack: Outputs, codat: SimulatorControl, aws: LocalAws, subscriber: Subscriber
) -> None:
    """Whether publish set it aside, whole, or Lambda did, which only says where it is in the stream."""
    sync_id = _webhook(codat, 2000, Item("t1"))
    assert subscriber.wait_for("TransactionCompleted", syncId=sync_id)
    arn = aws.dynamodb.describe_table(TableName=stack.table_name)["Table"]["LatestStreamArn"]
    shard = aws.dynamodbstreams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    where = {"streamArn": arn, "shardId": shard}
    (record,) = (
        each
        for each in _stream(aws, arn, shard)
        if each["dynamodb"]["Keys"] == {"pk": {"S": f"SYNC#{sync_id}"}, "sk": {"S": "SYNC"}}
    )
    number = record["dynamodb"]["SequenceNumber"]
    at = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    whole = record | {"dynamodb": record["dynamodb"] | {"ApproximateCreationDateTime": at}}
    deployment = Deployment.local(stack)
    republish_service, queue_url = republisher_of(deployment), deployment.outputs["PublishDeadLetterQueueUrl"]
    for body in (whole, {"DDBStreamBatchInfo": where | {"startSequenceNumber": number, "endSequenceNumber": number}}):
        aws.sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(body))
        subscriber.events_by_id.clear()
        assert [line.split("  ")[1] for line in republish_service.show()] == [MAX_RECEIVES_EXCEEDED]
        assert [line.split("  ")[1] for line in republish_service.republish()] == ["1 record published"]
        assert subscriber.kinds_for(syncId=sync_id) == ["SyncSucceeded", "TransactionCompleted"]
        assert list(republish_service.show()) == []


def _stream(aws: LocalAws, arn: str, shard: str) -> Iterator[Any]:
    """Yield all that is in the stream."""
    iterator = aws.dynamodbstreams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    while (page := aws.dynamodbstreams.get_records(ShardIterator=iterator))["Records"]:
        yield from page["Records"]
        iterator = page["NextShardIterator"]


def test_the_rest_works_without_and_it_can_be_switched_on_later() -> None:
    """The table is kept with its items, and changes from then on are published."""
    with running_services("without") as services:
        off = deploy(services, dict.fromkeys(_SWITCHES, "false"))
        aws = LocalAws(off.aws_endpoint_url)
        assert not {
            name
            for name in physical_ids(aws.cloudformation)
            if name.startswith(("Publish", "Submit", "Event", "Health", "Index"))
        }
        with SimulatorControl(off.codat_url) as codat:
            store = SyncRepository(Table(aws.dynamodb, off.table_name), event_retention=timedelta())
            before = _webhook(codat, 5130, Item("t1", "PushError"))
            assert eventually(lambda: store.load_sync(before))
            _check_core(off, aws, before)
            assert "LatestStreamArn" not in aws.dynamodb.describe_table(TableName=off.table_name)["Table"]

            on = deploy(services)
            assert on.table_name == off.table_name
            assert store.load_sync(before)
            subscriber = subscribe(aws.sqs, aws.events, on.event_bus_name)
            codat.change_sync(before, code=2000, items=(Item("t1"),))
            codat.send_webhook(NewWebhook(sync_id=before))
            assert subscriber.wait_for("SyncSucceeded", syncId=before)
            assert subscriber.kinds_for(syncId=before, transactionId="t1") == ["TransactionCompleted"]


def _check_core(stack: Outputs, aws: LocalAws, sync_id: str) -> None:
    """Check that the clock and retry work, too: receiver and worker have been."""
    clock = aws.lambda_.invoke(FunctionName=physical_ids(aws.cloudformation)["ClockFunctionAliaslive"])
    assert "FunctionError" not in clock
    assert json.loads(clock["Payload"].read())["gate"] is None
    retried = httpx.post(f"{stack.api_url}/api/v1/syncs/{sync_id}/retry", json={}, timeout=PATIENCE_SECONDS)
    assert [each["step"] for each in retried.json()["transactions"]] == ["noBodyRecorded"]
    assert httpx.get(f"{stack.api_url}/api/v1/syncs", timeout=PATIENCE_SECONDS).status_code == 404
