"""Errors of the AWS clients, for modules that must not import the clients themselves."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

AwsResponseError = ClientError  # AWS returned an error: it throttles, fails or rejects the request.
AwsConnectionError = BotoCoreError  # No response, after the client's own retries.
AWS_ERRORS: Final = (AwsResponseError, AwsConnectionError)
