"""The demo, from the first line to the verdict."""

import time
from contextlib import ExitStack

from dev.aws import LocalAws
from dev.demo.delivering import Delivering, depth
from dev.demo.result import Result
from dev.demo.scenario import stage
from dev.demo.screen import Screen
from dev.demo.table import table_facts
from dev.demo.truth import answers, true_facts
from dev.outputs import Outputs
from dev.stack import local_stack
from tests.simulator.control import SimulatorControl

# The 28 hours in which Codat tries to deliver a webhook take 5 seconds.
_TIME_SCALE = 0.00005


def main() -> bool:
    """Run the demo; returns whether all is well."""
    started = time.monotonic()
    screen = Screen()
    screen.introduce()
    with ExitStack() as stack:
        with screen.steps() as steps:
            steps.begin("Starting the emulated AWS and Codat, deploying template.yaml")
            outputs = stack.enter_context(local_stack("demo", time_scale=_TIME_SCALE))
        screen.say_where(outputs)
        result = _run(outputs, screen)
    screen.show(result, seconds=time.monotonic() - started)
    return result.is_well


def _run(outputs: Outputs, screen: Screen) -> Result:
    aws = LocalAws(outputs.aws_endpoint_url)
    with SimulatorControl(outputs.codat_url) as codat, screen.steps() as steps:
        steps.begin("Making companies and syncs at Codat, and sending webhooks about them")
        sent = Delivering(codat, aws.sqs, outputs.queue_url, steps.count).deliver(stage(codat))
        steps.begin("Comparing the table with Codat")
        deliveries = codat.deliveries()
        return Result(
            truth=true_facts(codat.state(), sent),
            found=table_facts(aws.dynamodb, outputs.table_name) | answers(deliveries),
            attempts=sum(len(delivery.attempts) for delivery in deliveries),
            waiting=depth(aws.sqs, outputs.queue_url),
            dead=depth(aws.sqs, outputs.dead_letter_queue_url),
        )
