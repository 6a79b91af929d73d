"""Erase a company's data, lift the erasure block, or purge old request bodies of all companies."""

from collections import Counter
from datetime import timedelta
from time import sleep

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.audit.repository import AuditRepository
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import CodatSyncError
from codat_sync.erasure.body_retention import BodyPurger
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import ErasureResult, ErasureService
from ops.dead_letters.commands import dead_letters
from ops.deployment import Deployment
from ops.errors import CommandError


def erase(stack: str | None, company_id: str, reason: str, *, dry_run: bool) -> None:
    """Erase a company's data and print what was deleted; with ``dry_run``, count it only."""
    service = _service(Deployment.connect(stack))
    try:
        if dry_run:
            print(
                _counted(sum(service.items.count(company_id), Counter())),
                "would be deleted, and the dead letters of the company.",
            )
        else:
            print(_summary(service.erase(company_id, reason)))
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise CommandError(f"not finished: {error}\nRun the same command again to continue.") from error


def unerase(stack: str | None, company_id: str, reason: str) -> None:
    """Lift the erasure block of a company: deleted data stays deleted, new data is stored again."""
    service = _service(Deployment.connect(stack))
    try:
        was_erased = service.lift_block(company_id, reason)
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise CommandError(f"the erasure block is not lifted: {error}") from error
    print(f"company {company_id} {'is no longer blocked' if was_erased else 'was not erased'}")


def purge_bodies(stack: str | None, days: int, *, dry_run: bool) -> None:
    """Purge the bodies stored more than ``days`` days ago and print how many; with ``dry_run``, count them only."""
    deployment, now = Deployment.connect(stack), utc_now()
    bodies = BodyPurger(deployment.table)
    before = now - timedelta(days=days)
    try:
        if dry_run:
            number, done = sum(bodies.count(before)), "would be purged"
        else:
            entry = AuditEntry(now, deployment.operator, Action.PURGE_BODIES, details={"before": f"{before:%Y-%m-%d}"})
            audit = AuditRepository(deployment.table)
            audit.record(entry)
            number, done = sum(bodies.purge(before, now)), "purged"
            audit.record(entry.with_details(bodies=str(number)))
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"not finished: {error}\nRun the same command again to continue.") from error
    print(f"{number:,} bodies from before {before:%Y-%m-%d %H:%M} UTC {done}.")


def _service(deployment: Deployment) -> ErasureService:
    try:
        queues, operator, table = dead_letters(deployment).queues, deployment.operator, deployment.table
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"can't read {deployment.description}: {error}") from error
    tombstones, items, audit = TombstoneRepository(table), CompanyItems(table), AuditRepository(table)
    return ErasureService(tombstones, items, queues, audit, operator, utc_now, sleep, _print_progress)


def _summary(erased: ErasureResult) -> str:
    stone = erased.tombstone
    return (
        f"{_counted(erased.items)} and {erased.dead_letters} dead letters deleted. Only the tombstone remains in the "
        f"table:\n  company {stone.company_id}, erased {stone.requested_at}, by {stone.by}: {stone.reason}"
    )


def _counted(items: Counter[str]) -> str:
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(items.items()))
    return f"{items.total():,} items" + (f" ({kinds})" if kinds else "")


def _print_progress(text: str) -> None:
    print(text, flush=True)
