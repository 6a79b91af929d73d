"""Create the demo's data at Codat: syncs with every status code, and webhooks in every variant."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Final, Literal

from dev.codat_simulator.books.models import Company, Sync
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.books.timestamps import (
    format_date,
    format_seven_fraction_digits,
    format_with_offset,
    format_without_offset,
)
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewCompany, NewWebhook
from dev.codat_simulator.webhooks.events import EventContext, Generation, current_event
from dev.codat_simulator.webhooks.signing import HeaderFamily
from dev.codat_simulator.wire import to_json

COMPANIES: Final = {
    "Bäckerei Toft": "Xero",
    "Copper & Pine Ltd": "QuickBooks Online",
    "Harbour Lights": "NetSuite",
    "Näytelmä Oy": "Sage Intacct",
    "Three Rivers Logistics": "Dynamics 365",
}
# By status code: the number of syncs, and of transaction rows per sync.
SYNCS: Final = {
    1000: (3, 9),
    1010: (2, 14),
    2000: (12, 24),
    2040: (4, 0),
    4000: (3, 0),
    4040: (2, 0),
    4220: (2, 0),
    4260: (2, 7),
    5000: (3, 11),
    5080: (2, 8),
    5120: (3, 19),
    5130: (4, 33),
}
_LARGE_SYNC_ROWS = 2000
# Codes from here on denote failures.
_FAILURES = 4000
# Delay of the older of two events.
_LATE_SECONDS = 1.0
# The example secret of Codat's documentation, which the simulator does not sign with.
_FOREIGN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - public example


@dataclass(frozen=True)
class Planned:
    """A webhook to send. ``announced_sync_id`` is the sync it announces, None if it is unrelated."""

    webhook: NewWebhook
    announced_sync_id: str | None = None
    again: Literal["redelivered", "replayed"] | None = None
    is_genuine: bool = True


@dataclass(frozen=True)
class _WebhookVariant:
    """The format of a sync's webhook. Names of rules occur with and without a space."""

    generation: Generation = "current"
    rule: str | None = None
    headers: HeaderFamily = "webhook"
    method: Literal["POST", "PUT"] = "POST"

    def webhook(self, sync: Sync) -> NewWebhook:
        event_type = self.rule and self.rule.format("Completed" if sync.successful else "Failed")
        return NewWebhook(
            sync_id=sync.sync_id,
            generation=self.generation,
            event_type=event_type,
            headers=self.headers,
            method=self.method,
        )


_WEBHOOK_VARIANTS = (
    _WebhookVariant(),
    _WebhookVariant("old", "Sync {}"),
    _WebhookVariant(headers="svix"),
    _WebhookVariant("old", "Sync{}", headers="svix"),
    _WebhookVariant(method="PUT"),
)


def prepare_webhooks(codat: SimulatorControl) -> list[Planned]:
    """Create companies and syncs at Codat; return the webhooks to send, in order."""
    companies = [codat.add_company(NewCompany(name, target_platform=platform)) for name, platform in COMPANIES.items()]
    first, *others, last_but_one, last = _webhooks_per_sync(codat, companies)
    large = codat.add_sync(company_id=companies[0].company_id, code=5130, generate=_LARGE_SYNC_ROWS)
    return [
        first,
        # A rejected webhook is redelivered seven times: send it early, to do so in the background.
        replace(
            first, webhook=replace(first.webhook, secrets=(_FOREIGN_SECRET,)), announced_sync_id=None, is_genuine=False
        ),
        *_out_of_order_webhooks(codat, companies[1]),
        *_out_of_order_webhooks(codat, companies[2]),
        *others,
        replace(last_but_one, again="redelivered"),
        replace(last, again="replayed"),
        Planned(NewWebhook(sync_id=large.sync_id), large.sync_id),
        *_unrelated_webhooks(companies[0], large),
    ]


def _webhooks_per_sync(codat: SimulatorControl, companies: list[Company]) -> Iterator[Planned]:
    company, variant = cycle(companies), cycle(_WEBHOOK_VARIANTS)
    write_time = cycle((format_seven_fraction_digits, format_with_offset, format_without_offset, format_date))
    for code, (number, rows) in SYNCS.items():
        for _ in range(number):
            sync = codat.add_sync(
                company_id=next(company).company_id,
                code=code,
                generate=rows,
                sync_utc=next(write_time)(datetime.now(UTC)),
                sync_exception_message=f"Für den Beleg gilt: Code {code}." if code >= _FAILURES else None,
            )
            yield Planned(next(variant).webhook(sync), sync.sync_id)


def _out_of_order_webhooks(codat: SimulatorControl, company: Company) -> Iterator[Planned]:
    """Let a sync fail and then succeed, with the event of the failure arriving last."""
    failed = codat.add_sync(company_id=company.company_id, code=5130, generate=20)
    event = current_event(EventContext(datetime.now(UTC), company, failed))
    codat.change_sync(failed.sync_id, code=2000, items=generate_items(20))
    yield Planned(NewWebhook(sync_id=failed.sync_id), failed.sync_id)
    yield Planned(NewWebhook(body=to_json(event).decode(), delay_seconds=_LATE_SECONDS), failed.sync_id)


def _unrelated_webhooks(company: Company, sync: Sync) -> Iterator[Planned]:
    overrides = {"Data": {"syncType": "Commerce"}}
    yield Planned(NewWebhook(sync_id=sync.sync_id, generation="old", overrides=overrides))
    yield Planned(NewWebhook(company_id=company.company_id, event_type="bills.write.successful"))
    yield Planned(NewWebhook(company_id=company.company_id, event_type="journalEntries.write.unsuccessful"))
    # Its date is invalid, as in Codat's own example.
    yield Planned(NewWebhook(event_type="client.rateLimit.reset"))
