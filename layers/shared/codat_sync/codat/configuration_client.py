"""Read a company's configuration in the background, at low priority."""

import tenacity

from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient


class ConfigurationClient(CodatClient):
    """A client that asks once. A refusal closes the gate for nobody: a key may be for syncs only."""

    _is_refusal_ignored = True

    def __init__(self, connection: CodatHttpClient) -> None:
        super().__init__(connection, tenacity.Retrying(stop=tenacity.stop_after_attempt(1), reraise=True))
