"""The demo, from the first line to the verdict."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.syncs.repository import Store
from dev.codat_simulator.control.client import SimulatorControl
from dev.demo.scenario.delivery import Delivering, depth
from dev.demo.scenario.outages import Adversity
from dev.demo.scenario.reconciliation import Reconciling
from dev.demo.scenario.submissions import Submitting
from dev.demo.scenario.syncs import stage
from dev.demo.screen import Screen
from dev.demo.verification.expected import answers, true_facts
from dev.demo.verification.published_events import hear
from dev.demo.verification.result import Result
from dev.demo.verification.stored import table_facts
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.bus_subscriber import subscribe
from dev.local_stack.temporary_stack import local_stack
from ops.cloudformation import physical_ids
from ops.errors import LocalStackError
from ops.local_stack import Outputs

# The 28 hours in which Codat tries to deliver a webhook take 5 seconds.
_TIME_SCALE = 0.00005
# What is in progress is looked at again after a second, not after a minute; what failed is created again at once.
_PARAMETERS = {"FirstLookSeconds": "1", "RetryFirstDelaySeconds": "0", "ReconcileQuotaPercent": "90"}


def main() -> bool:
    """Run the demo; returns whether all is well."""
    started = time.monotonic()
    screen = Screen()
    screen.introduce()
    with ExitStack() as stack:
        with screen.steps() as steps:
            steps.begin("Starting the emulated AWS and Codat, deploying template.yaml")
            outputs = stack.enter_context(local_stack("demo", time_scale=_TIME_SCALE, parameters=_PARAMETERS))
        screen.say_where(outputs)
        result = _run(outputs, screen)
        screen.show(result, seconds=time.monotonic() - started)  # To take it all away takes a while.
    return result.is_well


def _run(outputs: Outputs, screen: Screen) -> Result:
    aws = LocalAws(outputs.aws_endpoint_url)
    subscriber = subscribe(aws.sqs, aws.events, outputs.event_bus_name)
    with SimulatorControl(outputs.codat_url) as codat, screen.steps() as steps:
        steps.begin("Making companies and syncs at Codat, and sending webhooks about them")
        tick = _invoking(aws, "ClockFunction")
        delivering = Delivering(codat, aws.sqs, outputs.queue_url, steps.count)
        sent = delivering.deliver(stage(codat))
        adversity = Adversity(codat, delivering, _store(aws, outputs), tick, codat.state().companies[0])
        steps.begin("Codat fails: it answers 503 to whatever is asked, while webhooks come")
        sent += adversity.storm()
        steps.begin("Codat's quota runs out while webhooks come: what they tell of waits in the table")
        sent += adversity.run_out_of_quota()
        steps.begin("A sync in progress ends, and no webhook tells of it: the clock has it looked at")
        sent += adversity.end_unheard()
        steps.begin("A product submits expenses; some fail, and are created again, or it is said why not")
        submitting = Submitting(codat, delivering, Table(aws.dynamodb, outputs.table_name), outputs, tick)
        sent += submitting.submit()
        steps.begin("A webhook is lost: reconcile finds its sync in Codat's list")
        reconciling = Reconciling(codat, Table(aws.dynamodb, outputs.table_name), _invoking(aws, "ReconcileFunction"))
        reconciled = reconciling.reconcile(codat.state().companies[0])
        steps.begin("Comparing the table with Codat")
        heard = hear(subscriber, codat.state().syncs)
        waiting = delivering.finish()
        deliveries = codat.deliveries()
        return Result(
            truth=true_facts(codat.state(), sent),
            found=table_facts(aws.dynamodb, outputs.table_name) | answers(deliveries),
            attempts=sum(len(delivery.attempts) for delivery in deliveries),
            calls=Counter(call.status for call in codat.requests().requests if call.status),
            told=submitting.told(),
            heard=heard,
            reconciled=reconciled,
            waiting=waiting,
            dead=depth(aws.sqs, outputs.dead_letter_queue_url),
        )


def _store(aws: LocalAws, outputs: Outputs) -> Store:
    return Store(Table(aws.dynamodb, outputs.table_name), event_retention=timedelta())  # it is only read


def _invoking(aws: LocalAws, name: str) -> Callable[[], object]:
    """Return what lets a function do at once what it does each minute, or few."""
    function = physical_ids(aws.cloudformation)[f"{name}Aliaslive"]

    def invoke() -> None:
        answer = aws.lambda_.invoke(FunctionName=function)
        if "FunctionError" in answer:
            raise LocalStackError(f"{name} failed: {answer['Payload'].read().decode()}")

    return invoke
