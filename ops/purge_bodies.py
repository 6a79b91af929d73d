"""Empties bodies that are too old: `python -m ops.purge_bodies --days N [--stack NAME] [--dry-run]`."""

import argparse
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.erasure.body_retention import BodyItems
from ops.deployment import table_of
from ops.errors import LocalStackError, told

# What failed is created again within days; a connection may take weeks to be linked again.
_LEAST_DAYS = 30


def main() -> None:
    """Empty them, or show how many there are."""
    arguments = _parser().parse_args()
    bodies, now = BodyItems(table_of(arguments.stack)), datetime.now(UTC)
    before = now - timedelta(days=arguments.days)
    try:
        if arguments.dry_run:
            print(f"{sum(bodies.count(before)):,} bodies of before {before:%Y-%m-%d %H:%M} UTC would be emptied.")
        else:
            print(f"{sum(bodies.empty(before, now)):,} bodies of before {before:%Y-%m-%d %H:%M} UTC are empty now.")
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"not done yet: {error}\nThe same command again goes on.") from error


def _days(text: str) -> int:
    """Return a number of days, for argparse. Raises ValueError."""
    days = int(text)
    if days < _LEAST_DAYS:
        raise argparse.ArgumentTypeError(f"{_LEAST_DAYS} at least: younger ones may be needed to create it again")
    return days


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m ops.purge_bodies", description="Empties bodies that are too old.")
    made.add_argument("--days", required=True, type=_days, help="how old a body may be")
    made.add_argument("--stack", help="a stack on AWS; without it, the local one")
    made.add_argument("--dry-run", action="store_true", help="only show how many there are")
    return made


if __name__ == "__main__":
    with told():
        main()
