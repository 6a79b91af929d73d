"""Provide logs and metrics through Powertools, configured by the template's environment variables.

See docs/operations.md for the meaning of each metric.
"""

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()

# CloudWatch rejects the whole metric if a dimension's value is invalid.
_MAX_DIMENSION_CHARACTERS = 100


def count(name: str, dimension: str | None = None, value: str | None = None, number: float = 1) -> None:
    """Count a metric, optionally by a dimension. Each call writes a log line: sum up frequent counts first."""
    with single_metric(name=name, unit=MetricUnit.Count, value=number) as metric:
        if dimension:
            metric.add_dimension(name=dimension, value=_dimension_value(value or "none"))


def _dimension_value(text: str) -> str:
    is_sendable = text.isascii() and text.isprintable() and text.strip() and len(text) <= _MAX_DIMENSION_CHARACTERS
    return text if is_sendable else "other"
