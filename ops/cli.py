"""The command line of `python -m ops`. Each command imports what it needs, so that `--help` is fast."""

from typing import Annotated

import typer

from ops.dead_letters.cli import dead_letters_app
from ops.options import CompanyId, DryRun, Reason, Stack, examples
from ops.unknown_outcomes.cli import unknown_outcomes_app

# What failed is resubmitted within days, but a disconnected company may take weeks to be linked again.
_MIN_DAYS = 30

app = typer.Typer(
    name="python -m ops",
    help="Operate a deployed stack: check it, process dead letters, re-send events, erase data.\n\n"
    "Commands work on the local stack that `make up` started, unless --stack names a stack on AWS, which needs "
    "credentials for its account. `make` has a target for each command; ENV=dev or ENV=prod names the stack there.",
    epilog=examples("python -m ops check", "python -m ops dead-letters list --stack codat-sync-prod"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(dead_letters_app)
app.add_typer(unknown_outcomes_app)


@app.command(epilog=examples("make check ENV=prod", "python -m ops check --stack codat-sync-prod"))
def check(stack: Stack = None) -> None:
    """Check a deployment end to end.

    Calls Codat with the stored API key, sends a signed test event to the webhook URL and waits until the worker has
    acknowledged it. Prints one line per step: ✓ passed, ✗ failed with the fix below, - skipped. Exits with 1 if a
    step failed.
    """
    from ops.check import check as run_checks
    from ops.deployment import Deployment

    if not run_checks(Deployment.connect(stack)):
        raise typer.Exit(1)


@app.command(
    epilog=examples("make republish ENV=prod DRY_RUN=1", "python -m ops republish --stack codat-sync-prod --dry-run")
)
def republish(stack: Stack = None, *, dry_run: DryRun = False) -> None:
    """Re-send events that failed to publish.

    Reads the dead-letter queue of publish, invokes the function with each record and deletes what was published.
    Prints one line per message: its id, and how many records were published or why it stays in the queue.
    """
    from ops.republish import republish as run

    run(stack, dry_run=dry_run)


@app.command(
    epilog=examples(
        'make erase COMPANY=… REASON="ticket 7" ENV=prod DRY_RUN=1',
        'python -m ops erase --company … --reason "ticket 7" --stack codat-sync-prod --dry-run',
    )
)
def erase(company: CompanyId, reason: Reason, stack: Stack = None, *, dry_run: DryRun = False) -> None:
    """Erase all data of a company.

    Blocks the company first, so that nothing new is stored; waits 30 minutes, until no function can still be writing;
    then deletes its items and dead letters. Only a tombstone remains. Can be interrupted: run it again to continue.
    Prints how many items of each kind were deleted.
    """
    from ops.erasure import erase as run

    run(stack, company, reason, dry_run=dry_run)


@app.command(
    epilog=examples(
        'make unerase COMPANY=… REASON="wrong company" ENV=prod',
        'python -m ops unerase --company … --reason "wrong company" --stack codat-sync-prod',
    )
)
def unerase(company: CompanyId, reason: Reason, stack: Stack = None) -> None:
    """Lift the erasure block of a company.

    Data that was deleted stays deleted; new data is stored again. Possible until the deletion begins, and again one
    day after it ended. Prints whether the company was blocked.
    """
    from ops.erasure import unerase as run

    run(stack, company, reason)


@app.command(epilog=examples("make search-index ENV=prod", "python -m ops search-index --stack codat-sync-prod"))
def search_index(stack: Stack = None) -> None:
    """Rebuild the search index from the table.

    Needed once for data from before the index, after a change of the parameter SearchIndex, and after the index
    function has failed for hours. Reads the whole table. Prints how many entries were written and deleted.
    """
    from ops.search_index import rebuild_search_index as run

    run(stack)


@app.command(epilog=examples("make plan-retries ENV=prod", "python -m ops plan-retries --stack codat-sync-prod"))
def plan_retries(stack: Stack = None) -> None:
    """Put failed syncs of version 0.2.0 on the worklist.

    Needed once after the upgrade: a retry is put on the worklist when it is planned, and one that is resolved or needs
    manual action is not planned by itself. Reads the whole table. Prints how many will be planned.
    """
    from ops.plan_retries import plan_retries as run

    run(stack)


@app.command(
    epilog=examples(
        "make purge-bodies DAYS=90 ENV=prod DRY_RUN=1",
        "python -m ops purge-bodies --days 90 --stack codat-sync-prod --dry-run",
    )
)
def purge_bodies(
    days: Annotated[
        int,
        typer.Option(
            "--days",
            envvar="DAYS",
            min=_MIN_DAYS,
            help="Maximum age to keep. Younger bodies may be needed to resubmit expenses.",
        ),
    ],
    stack: Stack = None,
    *,
    dry_run: DryRun = False,
) -> None:
    """Purge old request bodies of submitted expenses.

    Only the bodies are deleted: syncs and their history stay. Prints how many bodies were purged.
    """
    from ops.erasure import purge_bodies as run

    run(stack, days, dry_run=dry_run)
