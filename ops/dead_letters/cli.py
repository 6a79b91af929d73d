"""The command line of `python -m ops dead-letters`. Each command imports what it needs, so that `--help` is fast."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DryRun, LetterCompany, LetterReason, MessageIds, Queue, Stack, examples, not_blank

if TYPE_CHECKING:
    from codat_sync.dead_letters.dead_letter import DeadLetterFilter

dead_letters_app = typer.Typer(
    name="dead-letters",
    help="List, redrive or drop messages that failed.",
    epilog=examples(
        "python -m ops dead-letters list", "python -m ops dead-letters redrive --reason malformed-response --dry-run"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dead_letters_app.command("list", epilog=examples("make dead-letters ENV=prod QUEUE=sync"))
def list_(
    ids: MessageIds = None,
    queue: Queue = None,
    reason: LetterReason = None,
    company: LetterCompany = None,
    stack: Stack = None,
) -> None:
    """List dead letters and why they failed.

    Without a filter, all of them. Prints the message id, queue, time, reason, company and sync of each, and details on
    a second line. They stay in the queue.
    """
    from ops.dead_letters.commands import list_letters

    list_letters(stack, _wanted(ids, queue, reason, company))


@dead_letters_app.command(epilog=examples("make redrive REASON=malformed-response ENV=prod DRY_RUN=1"))
def redrive(
    ids: MessageIds = None,
    queue: Queue = None,
    reason: LetterReason = None,
    company: LetterCompany = None,
    stack: Stack = None,
    *,
    dry_run: DryRun = False,
) -> None:
    """Send dead letters back to their source queue.

    Do so once the cause is fixed. Without a filter, all of them. Nothing is submitted to Codat twice. Dead letters of
    publish have no source queue: `make republish` re-sends those. Prints what was redriven, as list does.
    """
    from ops.dead_letters.commands import redrive as run

    run(stack, _wanted(ids, queue, reason, company), dry_run=dry_run)


@dead_letters_app.command(epilog=examples('make drop ID=… WHY="duplicate, see ticket 7" ENV=prod DRY_RUN=1'))
def drop(
    why: Annotated[
        str, typer.Option("--why", envvar="WHY", metavar="TEXT", callback=not_blank, help="Reason to record.")
    ],
    ids: MessageIds = None,
    queue: Queue = None,
    reason: LetterReason = None,
    company: LetterCompany = None,
    stack: Stack = None,
    *,
    drop_all: Annotated[bool, typer.Option("--all", envvar="ALL", help="Drop all, if no filter is given.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Drop dead letters and record them.

    The record stays in SyncTable for a year. Needs a filter, or --all. Prints what was dropped, as list does.
    """
    from ops.dead_letters.commands import drop as run

    wanted = _wanted(ids, queue, reason, company)
    if wanted.is_empty and not drop_all:
        raise typer.BadParameter(
            "which dead letters? Filter by --id, --reason, --company or --queue (make: ID, REASON, COMPANY, QUEUE), "
            "or drop all of them with --all (make: ALL=1)"
        )
    run(stack, wanted, why, dry_run=dry_run)


def _wanted(ids: list[str] | None, queue: str | None, reason: str | None, company: str | None) -> "DeadLetterFilter":
    from codat_sync.core.identifiers import canonicalize
    from codat_sync.dead_letters.dead_letter import DeadLetterFilter

    return DeadLetterFilter(frozenset(ids or ()), queue, reason, company and canonicalize(company))
