"""The command line of `python -m ops unknown-outcomes`. Each command imports what it needs: `--help` is fast."""

from typing import Annotated

import typer

from ops.options import Stack, examples, not_blank

unknown_outcomes_app = typer.Typer(
    name="unknown-outcomes",
    help="List submissions with an unknown outcome, and state what the accounting software shows.",
    epilog=examples("python -m ops unknown-outcomes list"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@unknown_outcomes_app.command("list", epilog=examples("make unknown-outcomes ENV=prod"))
def list_(stack: Stack = None) -> None:
    """List what has an unknown outcome: submissions, oldest first, then syncs.

    Prints its id, its company, when it was sent, and its transactions: check the accounting software.
    """
    from ops.unknown_outcomes.commands import list_outcomes

    list_outcomes(stack)


@unknown_outcomes_app.command(epilog=examples('make resolve SUBMISSION=… WRITTEN=none WHY="not in Xero" ENV=prod'))
def resolve(
    submission: Annotated[
        str, typer.Option("--submission", envvar="SUBMISSION", metavar="ID", callback=not_blank, help="Submission id.")
    ],
    written: Annotated[
        str,
        typer.Option(
            "--written",
            envvar="WRITTEN",
            metavar="IDS",
            callback=not_blank,
            help="Transactions in the accounting software: all, none, or their ids, separated by commas.",
        ),
    ],
    why: Annotated[
        str,
        typer.Option("--why", envvar="WHY", metavar="TEXT", callback=not_blank, help="Where you looked: is recorded."),
    ],
    stack: Stack = None,
) -> None:
    """State which transactions of a submission are in the accounting software.

    Those that are not may be submitted again: a wrong statement writes them twice. Possible once the submission is
    listed. Your name, the time and the reason are recorded with it.
    """
    from ops.unknown_outcomes.commands import resolve as run

    run(stack, submission, _parse_written(written), why)


@unknown_outcomes_app.command(epilog=examples('make acknowledge SYNC=… WHY="entered by hand" ENV=prod'))
def acknowledge(
    sync: Annotated[
        str, typer.Option("--sync", envvar="SYNC", metavar="ID", callback=not_blank, help="Sync id on the list.")
    ],
    why: Annotated[
        str,
        typer.Option("--why", envvar="WHY", metavar="TEXT", callback=not_blank, help="What you did: is recorded."),
    ],
    stack: Stack = None,
) -> None:
    """Take a sync that ended without an outcome off the list.

    Do so once you have checked its transactions in the accounting software. They are never sent again under their ids.
    """
    from ops.unknown_outcomes.commands import acknowledge as run

    run(stack, sync, why)


def _parse_written(text: str) -> frozenset[str] | None:
    """Return the ids; None for all."""
    if text == "all":
        return None
    return frozenset() if text == "none" else frozenset(each.strip() for each in text.split(","))
