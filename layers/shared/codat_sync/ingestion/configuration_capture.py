"""Keep a company's configuration and connection as they are when one of its syncs fails, as a possible cause.

It happens after the sync is stored and its events are recorded, at low priority: it never fails an ingestion, makes one
call to Codat at most, and none while the quota is low. If nothing is kept, the reason is recorded.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.aws.errors import AWS_ERRORS
from codat_sync.aws.observability import logger
from codat_sync.companies.configuration import (
    MAX_SIZE,
    SHARED_FOR,
    CompanyThen,
    NotKept,
    connection_of,
    write_canonically,
)
from codat_sync.core.errors import CodatError, CodatNotFoundError, CodatSyncError, SecretUnavailableError
from codat_sync.rate_limits.errors import GateClosedError

if TYPE_CHECKING:
    from codat_sync.codat.configuration_client import ConfigurationClient
    from codat_sync.companies.configuration_repository import ConfigurationRepository, KnownAboutCompany, Reading
    from codat_sync.rate_limits.gate import SharedGate

# Seconds to wait for another capture of this process: a call usually takes less than one.
_MAX_WAIT = 5


@dataclass(frozen=True)
class ConfigurationCapture:
    """Keep configurations. ``has_time`` returns whether a call that begins now ends well before the invocation."""

    codat: "ConfigurationClient"
    configurations: "ConfigurationRepository"
    gate: "SharedGate"
    has_time: Callable[[], bool]
    now: Callable[[], datetime]
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def capture(self, company_id: str, sync_id: str) -> None:
        """Keep the state of a failed sync's company, unless it is kept already. Raises no AWS errors."""
        try:
            result = self._capture(company_id, sync_id)
        except (CodatSyncError, *AWS_ERRORS) as error:
            logger.warning("configuration not kept", company_id=company_id, sync_id=sync_id, error=repr(error))
            return
        if result:
            logger.info("configuration of failed sync", company_id=company_id, sync_id=sync_id, result=result)

    def _capture(self, company_id: str, sync_id: str) -> str | None:
        """Return the result; None if there was nothing to do."""
        # One at a time: then syncs that fail together share a reading, and Codat's other calls are not slowed down.
        is_first = self._one_at_a_time.acquire(timeout=_MAX_WAIT)
        try:
            known = self.configurations.load_known(company_id, sync_id)
            if known.is_erased or known.is_kept:
                return None
            found = self._read(company_id, known) if is_first else NotKept.NO_TIME
        finally:
            if is_first:
                self._one_at_a_time.release()
        connection = connection_of(known.company, known.fetched_at)
        if isinstance(found, NotKept):
            then = CompanyThen(company_id, self.now(), connection, not_kept=found)
        else:
            then = CompanyThen(company_id, self.now(), connection, digest=found.digest, as_of=found.as_of)
        self.configurations.put_of_sync(sync_id, then)
        return then.not_kept or "kept"

    def _read(self, company_id: str, known: "KnownAboutCompany") -> "Reading | NotKept":
        """Return a recent configuration, or read it from Codat and store it."""
        now = self.now()
        if known.latest and now - known.latest.as_of < SHARED_FOR:
            return known.latest
        text = self._fetch(company_id, now)
        return text if isinstance(text, NotKept) else self.configurations.put(company_id, text, now, known.latest)

    def _fetch(self, company_id: str, now: datetime) -> str | NotKept:
        """Fetch the configuration from Codat as canonical JSON, unless others need the quota or the time."""
        quota = self.gate.state.quota
        if quota and quota.is_scarce and now < quota.resets_at:
            return NotKept.CALLS_PAUSED
        if not self.has_time():
            return NotKept.NO_TIME
        try:
            text = write_canonically(self.codat.get_configuration(company_id))
        except (CodatError, SecretUnavailableError) as error:
            return _explain(error)
        return text if len(text.encode()) <= MAX_SIZE else NotKept.TOO_LARGE


def _explain(error: CodatError | SecretUnavailableError) -> NotKept:
    match error:
        case CodatNotFoundError():
            return NotKept.NONE_IN_CODAT
        case GateClosedError():
            return NotKept.REFUSED if error.is_refused_by_codat else NotKept.CALLS_PAUSED
    return NotKept.UNAVAILABLE
