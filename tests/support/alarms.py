"""Parse the template's alarms and dashboard into the metrics they use."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from dev.deploying.template import read_template

TEMPLATE = read_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
ALARMS = {name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
# As the template passes it to the functions.
NAMESPACE = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]["Fn::Sub"]

_SEARCH = re.compile(r"SEARCH\('\{([^,]+),(.+)\} MetricName=\"(\w+)\"', 'Sum', 300\)")


class Metric(NamedTuple):
    """A metric that is watched. A dimension's value can be a reference to a resource, as JSON."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


def metrics_of(alarm: dict[str, Any]) -> Iterator[Metric]:
    """Return the metrics that an alarm watches."""
    for each in [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each] or [alarm]:
        dimensions = frozenset((one["Name"], _text(one["Value"])) for one in each["Dimensions"])
        yield Metric(_text(each["Namespace"]), each["MetricName"], dimensions)


def dashboard_text(*, is_whole: bool = True) -> str:
    """Return the dashboard's text with all optional parts, or with none."""
    text, beside = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, part in beside.items():
        (_, there, otherwise) = part["Fn::If"]
        text = text.replace(f"${{{name}}}", there["Fn::Sub"] if is_whole else otherwise)
    return str(text)


def dashboard() -> tuple[list[Metric], list[tuple[str, str, frozenset[str]]]]:
    """Return the metrics that the dashboard shows; a search is given by its namespace, metric and dimensions."""
    body = json.loads(dashboard_text())
    shown, searches = [], []
    for widget in body["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", ()):
            if isinstance(row[0], dict):
                found = re.fullmatch(
                    r"SEARCH\('\{([^,]+),(.+)\} MetricName=\"(\w+)\"', 'Sum', 300\)", row[0]["expression"]
                )
                assert found, row
                searches.append((found[1], found[3], frozenset(found[2].split(","))))
                continue
            before = _written_out([each for each in row if isinstance(each, str)], before)
            namespace, name, *pairs = before
            shown.append(Metric(namespace, name, frozenset(zip(pairs[::2], pairs[1::2], strict=True))))
    return shown, searches


def _written_out(row: list[str], before: list[str]) -> list[str]:
    """Expand CloudWatch's two abbreviations in a row of a dashboard's metrics."""
    if row[0] == "...":
        return [*before[: len(before) - len(row) + 1], *row[1:]]
    return [before[at] if each == "." else each for at, each in enumerate(row)]


def _text(value: Any) -> str:  # noqa: ANN401 - a value of a template's
    if isinstance(value, dict) and "Fn::Sub" in value:
        return str(value["Fn::Sub"])
    return value if isinstance(value, str) else json.dumps(value)
