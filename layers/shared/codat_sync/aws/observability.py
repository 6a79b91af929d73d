"""Logs and metrics: Powertools', under the names that the template gives them in the environment.

What each metric means is told in docs/operations.md.
"""

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()

# A dimension's value is not to be anything: CloudWatch refuses the whole metric then.
_LONGEST_DIMENSION = 100


def count(name: str, dimension: str | None = None, value: str | None = None, number: float = 1) -> None:
    """Count a metric, by a dimension if there is one. Each is a line of the log: add up first what is many."""
    with single_metric(name=name, unit=MetricUnit.Count, value=number) as metric:
        if dimension:
            metric.add_dimension(name=dimension, value=_dimension_value(value or "none"))


def _dimension_value(text: str) -> str:
    is_sendable = text.isascii() and text.isprintable() and text.strip() and len(text) <= _LONGEST_DIMENSION
    return text if is_sendable else "other"
