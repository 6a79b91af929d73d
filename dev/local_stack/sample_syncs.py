"""Four weeks of sample syncs at simulated Codat, like those of a real customer."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from dev.codat_simulator.books.models import Company, Item
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.settling import Rule, Settling
from dev.codat_simulator.books.timestamps import format_seven_fraction_digits
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewCompany, NewWebhook
from dev.demo.scenario.delivery import DeliveryScenario
from dev.demo.scenario.syncs import COMPANIES, Planned
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.simulator_process import add_example_sync
from dev.stored_events import SYNC_ID
from dev.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from ops.local_stack import Outputs

_DAYS = 28
_MIN_PER_DAY, _MAX_PER_DAY = 1, 4
_ROWS = (4, 26)
# One of so many syncs fails, for one of these reasons: the first is the most frequent one.
_FAILURE_ONE_IN = 7
_REASONS = (
    *("Account {} is archived.",) * 4,
    *("Tax rate {} does not exist in the company's books.",) * 2,
    "Feed Connection failed(409): the account is already connected to another bank account.",
    "The accounting period up to {} is locked.",
)
_OTHER_FAILURE_CODES = (4000, 4220, 2040, 5000)
_CORRECTED = "Supplier {} is not mapped to a contact."
_SECONDS_TO_SETTLE = 3.0
_MAX_IN_FLIGHT = 4


class SampleHistory:
    """Creates the syncs, always the same ones, and waits until the application has stored them."""

    def __init__(self, outputs: "Outputs", codat: SimulatorControl, *, days: int = _DAYS) -> None:
        self._outputs = outputs
        self._codat = codat
        self._days = days
        self._chance = Random(20)  # noqa: S311 - not for security
        self._now = datetime.now(UTC)

    def generate(self) -> int:
        """Create them, the sync of `events/`, and a submission today with two expenses to retry; returns their number.

        The webhook of each is delivered: reconciliation reports a sync as missing that Codat lists and the table lacks.
        """
        add_example_sync(self._outputs.codat_url)
        names = COMPANIES.items()
        companies = [self._codat.add_company(NewCompany(name, target_platform=target)) for name, target in names]
        planned = [self._webhook_for(sync_id) for sync_id in (SYNC_ID, *self._syncs(companies))]
        sqs = LocalAws(self._outputs.aws_endpoint_url).sqs
        delivery = DeliveryScenario(self._codat, sqs, self._outputs.queue_url, lambda _done, _total: None)
        self._submit(companies[0])
        delivery.deliver(planned, _MAX_IN_FLIGHT)
        return len(planned) + 1

    def _syncs(self, companies: list[Company]) -> Iterator[str]:
        for day in range(self._days, -1, -1):
            weekend = (self._now - timedelta(days=day)).isoweekday() > 5  # noqa: PLR2004 - Friday
            for _ in range(_MIN_PER_DAY if weekend else self._chance.randint(_MIN_PER_DAY + 1, _MAX_PER_DAY)):
                company = self._chance.choice(companies)
                fails = self._chance.randrange(_FAILURE_ONE_IN) == 0
                yield self._sync(company, 5130 if fails else 2000, self._rows(fails=fails), day)
        for day, code in enumerate(_OTHER_FAILURE_CODES):
            yield self._sync(companies[day], code, (), day * 6 + 1)
        yield self._sync(companies[1], 1000, tuple(Item(self._id(), "Pending") for _ in range(6)), 0)

    def _sync(self, company: Company, code: int, rows: tuple[Item, ...], days_ago: int) -> str:
        minutes = self._chance.randint(5, 600 if days_ago else 60)
        at = self._now - timedelta(days=days_ago, minutes=minutes)
        made = self._codat.add_sync(
            company_id=company.company_id,
            code=code,
            items=rows,
            sync_utc=format_seven_fraction_digits(at),
            sync_id=self._id(),
        )
        return made.sync_id

    def _rows(self, *, fails: bool) -> tuple[Item, ...]:
        number = self._chance.randint(*_ROWS)
        failed = self._chance.randint(1, 5) if fails else 0
        reason = self._chance.choice(_REASONS)
        return tuple(
            Item(self._id(), "PushError", message=reason.format(self._chance.randint(4000, 7999)))
            if ordinal < failed
            else Item(self._id())
            for ordinal in range(number)
        )

    def _submit(self, company: Company) -> None:
        """Submit expenses of which two fail: validation errors are not retried automatically, but by a user."""
        good, *failing = [self._id() for _ in range(3)]
        rules = tuple(
            Rule(transaction_id=each, status="ValidationError", message=_CORRECTED.format(number), times=1)
            for number, each in enumerate(failing, 2204)
        )
        self._codat.set_settling(Settling(_SECONDS_TO_SETTLE, rules))
        credentials = base64.b64encode(self._outputs.codat_api_key.encode()).decode()
        answer = httpx.post(
            f"{self._outputs.api_url}/companies/{company.company_id}/sync/expenses/expense-transactions",
            json=[generate_expense(each) for each in (good, *failing)],
            headers={"Authorization": f"Basic {credentials}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()

    def _webhook_for(self, sync_id: str) -> Planned:
        return Planned(NewWebhook(sync_id=sync_id), sync_id)

    def _id(self) -> str:
        return str(UUID(int=self._chance.getrandbits(128), version=4))
