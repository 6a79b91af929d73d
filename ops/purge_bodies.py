"""Purge stored request bodies that are older than a number of days."""

from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.audit.repository import AuditRepository
from codat_sync.core.clock import utc_now
from codat_sync.erasure.body_retention import BodyPurger
from ops.deployment import Deployment
from ops.errors import CommandError


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
