"""A run of `make sam-local`: invoke each function, compare the outcome with the expected one, and print it."""

import time
from contextlib import ExitStack
from datetime import timedelta
from itertools import zip_longest

import httpx

from codat_sync.aws.dynamodb import Table
from codat_sync.syncs.repository import SyncRepository
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.bus_subscriber import subscribe
from dev.local_stack.simulator_process import add_example_sync
from dev.sam_local.events import (
    Event,
    clock_events,
    health_events,
    index_events,
    publish_events,
    receiver_events,
    reconcile_events,
    retry_events,
    submit_events,
    worker_events,
)
from dev.sam_local.outcomes import ObservableEffects
from dev.sam_local.sam_cli import Invocation, NoAnswerError, SamLocal
from dev.waiting import PATIENCE_SECONDS
from ops.cloudformation import physical_ids
from ops.local_stack import Outputs


class Run:
    """Sends events through `sam local` to the local stack with these ``outputs``."""

    def __init__(self, sam: SamLocal, outputs: Outputs) -> None:
        aws = LocalAws(outputs.aws_endpoint_url)
        store = SyncRepository(Table(aws.dynamodb, outputs.table_name), event_retention=timedelta(days=16))
        self._sam = sam
        self._signing_secret = outputs.signing_secret
        self._api_key = outputs.codat_api_key
        subscriber = subscribe(aws.sqs, aws.events, outputs.event_bus_name)
        self._effects = ObservableEffects(aws.sqs, outputs.queue_url, outputs.dead_letter_queue_url, store, subscriber)
        self.well = 0
        self.wrong = 0
        _stop_polling(aws)
        add_example_sync(outputs.codat_url)

    def invoke_all(self) -> None:
        """Invoke each function with each of its events.

        One of each list in parallel: their effects are in different places, so they do not mix. The worker's first
        event stores the sync that retry and health are asked about later.
        """
        writers = [*clock_events(), *reconcile_events(), *submit_events(self._api_key), *retry_events()]
        publishers = [*publish_events(), *health_events(), *index_events()]
        for some in zip_longest(receiver_events(self._signing_secret), worker_events(), writers, publishers):
            events = [event for event in some if event]
            with ExitStack() as stack:
                begun = [
                    stack.enter_context(self._sam.invoke(event.function, event.name, event.payload)) for event in events
                ]
                for event, invocation in zip(events, begun, strict=True):
                    found = self._outcome(event, invocation)
                    self._report(f"{event.function} {event.name}", found, event.expected, invocation.began)

    def _outcome(self, event: Event, invocation: Invocation) -> str:
        try:
            return event.observe(invocation.answer(), self._effects)
        except NoAnswerError as error:
            event.observe(None, self._effects)  # What it left behind is not the next event's.
            return f"no answer: {error}"

    def post(self) -> None:
        """Post a webhook to the HTTP API, as `sam local start-api` serves it."""
        began = time.monotonic()
        event = next(event for event in receiver_events(self._signing_secret) if event.name == "sync-unsuccessful")
        with self._sam.start_api() as url:
            payload = event.payload
            headers = {name: value for name, value in payload["headers"].items() if name.startswith("webhook-")}
            try:
                answer = httpx.post(
                    url + payload["rawPath"],
                    content=payload["body"],
                    headers=headers,
                    timeout=PATIENCE_SECONDS,
                    trust_env=False,
                )
                found = event.observe({"statusCode": answer.status_code}, self._effects)
            except httpx.TransportError as error:
                found = f"no answer: start-api runs, but not the function ({error!r})"
        self._report("start-api        POST /webhooks/codat", found, event.expected, began)

    def _report(self, name: str, found: str, expected: str, began: float) -> None:
        is_well = found == expected
        self.well += is_well
        self.wrong += not is_well
        print(f"{'✓' if is_well else '✗'} {name:<42} {time.monotonic() - began:4.1f} s  {found}", flush=True)
        if not is_well:
            print(f"  expected: {expected}", flush=True)


def _stop_polling(aws: LocalAws) -> None:
    """Stop the deployed functions from consuming what those in containers produce: it is compared here."""
    names = physical_ids(aws.cloudformation)
    for function in (names["WorkerFunctionAliaslive"], names["PublishFunctionAliaslive"]):
        for mapping in aws.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
            aws.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
