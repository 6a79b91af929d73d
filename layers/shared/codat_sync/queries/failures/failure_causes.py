"""Group failures by cause. Rules only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from codat_sync.syncs.failure_causes import cause_id


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures of a sync with one cause, whose normalised message is ``text``, and an example of them.

    ``transaction_id`` is None for a whole sync, or if Codat names none.
    """

    company_id: str
    sync_id: str
    at: str
    code: int | None
    text: str
    transaction_id: str | None
    message: str | None
    number: int = 1
    company_name: str | None = None


@dataclass(slots=True)
class AffectedCompany:
    """A company in which a cause occurred: its failures, its syncs, and the time of the newest."""

    company_id: str
    failures: int = 0
    syncs: set[str] = field(default_factory=set)
    last_at: str = ""
    company_name: str | None = None


@dataclass(slots=True)
class FailureCause:
    """A cause, and the failures, syncs and companies affected. The example is the newest.

    ``today`` and ``since_yesterday`` are the failures since the beginning of these days, in UTC.
    """

    text: str
    example: Failure
    first_at: str
    failures: int = 0
    today: int = 0
    since_yesterday: int = 0
    syncs: set[str] = field(default_factory=set)
    companies: dict[str, AffectedCompany] = field(default_factory=dict)

    @property
    def cause_id(self) -> str:
        """The stable id of the cause."""
        return cause_id(self.text)

    @property
    def code(self) -> int | None:
        """The status code of the newest sync with it."""
        return self.example.code

    @property
    def affected(self) -> list[AffectedCompany]:
        """The companies in which it occurred, the most failures first."""
        return sorted(self.companies.values(), key=lambda each: (-each.failures, each.company_id))

    def add(self, failure: Failure) -> None:
        """Count failures."""
        self.failures += failure.number
        self.syncs.add(failure.sync_id)
        company = self.companies.setdefault(failure.company_id, AffectedCompany(failure.company_id))
        company.failures += failure.number
        company.syncs.add(failure.sync_id)
        company.last_at = max(company.last_at, failure.at)
        self.first_at = min(self.first_at, failure.at)
        if failure.at > self.example.at:
            self.example = failure


class CauseGroups:
    """Failures grouped by cause, as of ``today`` (UTC)."""

    def __init__(self, today: date) -> None:
        self._today = today.isoformat()
        self._yesterday = (today - timedelta(days=1)).isoformat()
        self._found: dict[str, FailureCause] = {}

    def add_all(self, failures: Iterable[Failure]) -> None:
        """Count failures."""
        for failure in failures:
            cause = self._found.setdefault(failure.text, FailureCause(failure.text, failure, failure.at))
            cause.add(failure)
            cause.today += failure.number if failure.at >= self._today else 0
            cause.since_yesterday += failure.number if failure.at >= self._yesterday else 0

    def causes(self) -> list[FailureCause]:
        """Return the causes, the most frequent first."""
        return sorted(self._found.values(), key=lambda cause: (-cause.failures, cause.text))
