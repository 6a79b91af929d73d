"""Run the demo from deployment to verdict."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.control.client import SimulatorControl
from dev.demo.scenario.delivery import DeliveryScenario
from dev.demo.scenario.outages import Outages
from dev.demo.scenario.reconciliation import Reconciler
from dev.demo.scenario.submissions import SubmissionService
from dev.demo.scenario.syncs import prepare_webhooks
from dev.demo.screen import Screen
from dev.demo.verification.expected import answers, expected_records
from dev.demo.verification.published_events import collect_events
from dev.demo.verification.result import Result
from dev.demo.verification.stored import stored_records
from dev.local_stack.aws_clients import LocalAws, queue_depth
from dev.local_stack.bus_subscriber import subscribe
from dev.local_stack.temporary_stack import local_stack
from ops.cloudformation import physical_ids
from ops.errors import CommandError
from ops.local_stack import Outputs

# The 28 hours in which Codat tries to deliver a webhook take 5 seconds.
_TIME_SCALE = 0.00005
# Poll syncs in progress after one second instead of one minute, and retry failures at once.
_PARAMETERS = {"PollInitialDelaySeconds": "1", "RetryInitialDelaySeconds": "0", "ReconcileQuotaPercent": "90"}


def main() -> bool:
    """Run the demo and return whether it passed."""
    started = time.monotonic()
    screen = Screen()
    screen.introduce()
    with ExitStack() as stack:
        with screen.steps() as steps:
            steps.begin("Starting emulated AWS and simulated Codat, deploying template.yaml")
            outputs = stack.enter_context(local_stack("demo", time_scale=_TIME_SCALE, parameters=_PARAMETERS))
        screen.show_endpoints(outputs)
        result = _run(outputs, screen)
        screen.show(result, seconds=time.monotonic() - started)  # before the teardown, which takes a while
    return result.passed


def _run(outputs: Outputs, screen: Screen) -> Result:
    aws = LocalAws(outputs.aws_endpoint_url)
    subscriber = subscribe(aws.sqs, aws.events, outputs.event_bus_name)
    with SimulatorControl(outputs.codat_url) as codat, screen.steps() as steps:
        steps.begin("Creating companies and syncs at Codat, and sending their webhooks")
        tick = _invoker(aws, "ClockFunction")
        delivery_scenario = DeliveryScenario(codat, aws.sqs, outputs.queue_url, steps.count)
        sent = delivery_scenario.deliver(prepare_webhooks(codat))
        outages = Outages(codat, delivery_scenario, _store(aws, outputs), tick, codat.state().companies[0])
        steps.begin("Codat is unavailable: it answers 503 while webhooks arrive")
        sent += outages.fail_all_requests()
        steps.begin("Codat's quota is exhausted while webhooks arrive: their syncs are deferred in the table")
        sent += outages.exhaust_quota()
        steps.begin("A sync in progress finishes without a webhook: polling detects it")
        sent += outages.complete_without_webhook()
        steps.begin("A product submits expenses; failed ones are retried, or the reason against it is reported")
        submissions = SubmissionService(
            codat, delivery_scenario, Table(aws.dynamodb, outputs.table_name), outputs, tick
        )
        sent += submissions.submit()
        steps.begin("A webhook is lost: reconciliation finds its sync in Codat's list")
        scenario_reconciliation = Reconciler(
            codat, Table(aws.dynamodb, outputs.table_name), _invoker(aws, "ReconcileFunction")
        )
        reconciliation = scenario_reconciliation.reconcile(codat.state().companies[0])
        steps.begin("Comparing the table with Codat")
        published = collect_events(subscriber, codat.state().syncs)
        queued = delivery_scenario.finish()
        deliveries = codat.deliveries()
        return Result(
            expected=expected_records(codat.state(), sent),
            found=stored_records(aws.dynamodb, outputs.table_name) | answers(deliveries),
            attempts=sum(len(delivery.attempts) for delivery in deliveries),
            calls=Counter(call.status for call in codat.requests().requests if call.status),
            expense_outcomes=submissions.expense_outcomes(),
            published=published,
            reconciliation=reconciliation,
            queued=queued,
            dead_letters=queue_depth(aws.sqs, outputs.dead_letter_queue_url),
        )


def _store(aws: LocalAws, outputs: Outputs) -> SyncRepository:
    return SyncRepository(Table(aws.dynamodb, outputs.table_name), event_retention=timedelta())  # it is only read


def _invoker(aws: LocalAws, name: str) -> Callable[[], object]:
    """Return a callable that invokes a scheduled function at once."""
    function = physical_ids(aws.cloudformation)[f"{name}Aliaslive"]

    def invoke() -> None:
        answer = aws.lambda_.invoke(FunctionName=function)
        if "FunctionError" in answer:
            raise CommandError(f"{name} failed: {answer['Payload'].read().decode()}")

    return invoke
