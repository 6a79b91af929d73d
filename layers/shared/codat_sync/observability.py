"""Logs and metrics: Powertools', under the names that the template gives them in the environment."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics()
