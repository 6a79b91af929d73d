"""The function retry, asked by another one: it alone writes to Codat again."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from codat_sync.core.errors import RetryUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class RetryClient:
    """Asks it and waits. ``client`` must not ask again by itself, and wait for no longer than whoever asks here."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def retry(self, sync_id: str) -> bool:
        """Have the failed transactions of a sync created again for a person; returns whether it has ended in time.

        Being asked twice, as by a double click, writes nothing twice: retry plans each transaction anew and claims it
        before it sends it, and what is claimed, on its way or written is not sent. So does whoever asks again after a
        time-out, or after an error. Raises RetryUnavailableError.
        """
        asked = json.dumps({"syncId": sync_id, "isManual": True})
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=asked)
        except ReadTimeoutError:
            return False  # It goes on all the same.
        except (BotoCoreError, ClientError) as error:
            raise RetryUnavailableError(str(error)) from error
        if "FunctionError" in answer:
            raise RetryUnavailableError("the function retry failed: its log says why")
        return True
