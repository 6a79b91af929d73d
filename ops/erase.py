"""Deletes all that is known of a company: `python -m ops.erase COMPANY --reason WHY [--stack NAME] [--dry-run]`."""

import argparse
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import CodatSyncError
from codat_sync.erasure.service import Forgetting, Forgotten
from ops.deployment import forgetting, parser
from ops.errors import LocalStackError, told


def main() -> None:
    """Forget it, or show what would be deleted."""
    arguments = _parser().parse_args()
    found = forgetting(arguments.stack)
    try:
        if arguments.dry_run:
            print(_counted(show(found, arguments.company)), "would be deleted, and its dead letters.")
        else:
            print(described(found.forget(arguments.company, arguments.reason)))
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise LocalStackError(f"not done yet: {error}\nThe same command again goes on.") from error


def show(found: Forgetting, company: str) -> Counter[str]:
    """Return how much there is of a company, by kind."""
    return sum(found.items.count(company), Counter())


def described(forgotten: Forgotten) -> str:
    """Return what was done, for a person."""
    stone = forgotten.tombstone
    return (
        f"{_counted(forgotten.items)} and {forgotten.dead_letters} dead letters deleted; nothing is left in the table "
        f"but the tombstone:\n  company {stone.company_id}, forgotten {stone.forgotten_at}, by {stone.by}: "
        f"{stone.reason}"
    )


def _counted(items: Counter[str]) -> str:
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(items.items()))
    return f"{items.total():,} items" + (f" ({kinds})" if kinds else "")


def _parser() -> argparse.ArgumentParser:
    made = parser("forget", "Deletes all that is known of a company.")
    made.add_argument("--dry-run", action="store_true", help="only show how much there is")
    return made


if __name__ == "__main__":
    with told():
        main()
