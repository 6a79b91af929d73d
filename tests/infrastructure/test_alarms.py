"""Every alarm notifies a topic, links to the runbook and watches an existing metric."""

import json
import re

import pytest

from dev.stored_events import EVENTS
from tests.support.alarms import ALARMS, NAMESPACE, RESOURCES, dashboard, dashboard_text, metrics_of

RUNBOOK = (EVENTS.parent / "docs/operations.md").read_text()
TEMPLATE = (EVENTS.parent / "template.yaml").read_text()
# The AWS metrics that are watched: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
_OF_AWS = {
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}, "QueueName"),
    "AWS/Events": ({"FailedInvocations"}, "EventBusName"),
    "AWS/Lambda": ({"Errors", "Throttles", "Duration", "IteratorAge"}, "FunctionName"),
}


def _section(anchor: str) -> str:
    """Return a section of the runbook by the anchor that it has on GitHub."""
    for title, text in re.findall(r"^#{2,3} (.+)\n((?:(?!^#{2,3} ).*\n)*)", RUNBOOK, re.MULTILINE):
        if re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") == anchor:
            return str(text)
    raise AssertionError(f"the runbook has no section {anchor}")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do(name: str) -> None:
    """Its section of the runbook says what it means, how to see more, and what to do; the list there names it."""
    anchor = re.search(r"docs/operations\.md#([a-z-]+)$", ALARMS[name]["AlarmDescription"])
    assert anchor
    section = _section(anchor[1])
    for part in ("**It means**", "**See more**", "**Do**"):
        assert part in section
    assert re.search(rf"^\|.*`{name}`.*\(#{anchor[1]}\) \|$", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_notifies_when_it_fires_and_when_it_recovers(name: str) -> None:
    """And what missing data means was thought of: CloudWatch's own answer suits none of them."""
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["TreatMissingData"] in {"notBreaching", "breaching", "ignore"}


def test_why_missing_data_is_taken_so_is_said_each_time() -> None:
    """In a comment beside it."""
    assert not re.findall(r"TreatMissingData: \w+\n", TEMPLATE)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_an_existing_metric(name: str) -> None:
    """At a metric of AWS's about a resource of the template, or at one of the application's."""
    for namespace, metric, dimensions in metrics_of(ALARMS[name]):
        if namespace == NAMESPACE:
            continue  # tests/infrastructure/test_alarm_metrics.py
        names, dimension = _OF_AWS[namespace]
        assert metric in names
        if namespace == "AWS/Events":
            assert {actual for actual, _ in dimensions} == {dimension, "RuleName"}
            continue
        ((actual, value),) = dimensions
        assert actual == dimension
        match json.loads(value):
            case {"Ref": resource}:
                assert RESOURCES[resource]["Type"] == "AWS::Serverless::Function"
            case {"Fn::GetAtt": [resource, "QueueName"]}:
                assert RESOURCES[resource]["Type"] == "AWS::SQS::Queue"
            case _:
                pytest.fail(value)
        assert RESOURCES[resource].get("Condition") == RESOURCES[name].get("Condition")


def test_every_function_and_every_dead_letter_queue_has_its_alarm() -> None:
    """Each function has alarms, new ones included."""
    watched = json.dumps([alarm["Dimensions"] for alarm in ALARMS.values() if "Dimensions" in alarm])
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::Serverless::Function" or name.endswith("DeadLetterQueue"):
            assert f'"{name}"' in watched, name


def test_the_dashboard_shows_every_alarm_and_every_function_that_there_is() -> None:
    """Also where some are switched off: what is named and not there would fail the deployment."""
    switched = {name for name, each in RESOURCES.items() if "Condition" in each}
    functions = {name for name, each in RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"}
    for is_whole, missing in ((True, set()), (False, switched)):
        text = dashboard_text(is_whole=is_whole)
        assert json.loads(text)["widgets"]
        named = set(re.findall(r"\$\{(\w+)[}.]", text))
        assert named & (set(ALARMS) | functions) == (set(ALARMS) | functions) - missing
        assert not named & missing
    metrics, _ = dashboard()
    assert metrics


def test_what_the_dashboard_shows_only_where_it_is_there_is_of_that_switch() -> None:
    """An alarm of reconcile's is not there because publish is."""
    _, beside = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for part in beside.values():
        (condition, there, _) = part["Fn::If"]
        for name in re.findall(r"\$\{(\w+)[}.]", there["Fn::Sub"]):
            assert RESOURCES[name]["Condition"] == condition
