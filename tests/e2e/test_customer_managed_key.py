"""The template with a key of the customer's own: it deploys, and everything goes its way."""

from datetime import timedelta

import boto3
import pytest
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.deployment import deploy
from dev.local_stack.services import running_services
from ops.cloudformation import physical_ids
from ops.local_stack import REGION
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # after the others' stack


def test_with_a_key_of_the_customers_own_a_webhook_becomes_a_sync() -> None:
    """The emulator encrypts the queues with the key; `tests/infrastructure/test_template.py` covers the rest."""
    with running_services("key", time_scale=0.01) as services:
        kms = boto3.Session("test", "test", region_name=REGION).client(
            "kms", endpoint_url=services.aws_endpoint_url, config=Config(proxies={})
        )
        key = kms.create_key()["KeyMetadata"]["Arn"]
        outputs = deploy(services, {"KmsKeyArn": key})
        aws = LocalAws(services.aws_endpoint_url)
        assert "KmsKeyPolicy" in physical_ids(aws.cloudformation)
        queue = aws.sqs.get_queue_attributes(QueueUrl=outputs.queue_url, AttributeNames=["All"])["Attributes"]
        assert (queue.get("KmsMasterKeyId"), queue.get("SqsManagedSseEnabled")) == (key, None)
        store = SyncRepository(Table(aws.dynamodb, outputs.table_name), event_retention=timedelta(days=16))
        with SimulatorControl(outputs.codat_url) as codat:
            sync = codat.add_sync(company_id=codat.add_company().company_id, code=5130, generate=5)
            codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
        assert eventually(lambda: store.load_sync(sync.sync_id))
