"""The errors of AWS's clients, for modules that must not import the clients themselves."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

AwsResponseError = ClientError  # AWS answered with an error: it throttles, fails or refuses.
AwsConnectionError = BotoCoreError  # No answer came, after the client's own retries.
AWS_ERRORS: Final = (AwsResponseError, AwsConnectionError)
