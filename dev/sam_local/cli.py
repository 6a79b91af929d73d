"""The command line of `python -m dev sam-local`. Each command imports what it needs, so that `--help` is fast."""

import typer

from ops.options import examples

sam_local_app = typer.Typer(
    name="sam-local",
    help="Run the functions in Docker, with `sam local`.",
    epilog=examples("make sam-local"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@sam_local_app.command(epilog=examples("make sam-local"))
def run() -> None:
    """Run every event of events/ in its container.

    Starts a new local stack. Prints one line per event: ✓ as expected, ✗ with what was expected. Exits with 1 if any
    failed, with 2 without Docker.
    """
    from dev.sam_local.all_events import run_all_events

    run_all_events()


@sam_local_app.command(epilog=examples("make sam-local-build"))
def build() -> None:
    """Build, to invoke functions by hand with `sam local`.

    Prints what it was built for.
    """
    from dev.sam_local.build import build as build_project

    print(f"built for sam local ({build_project()})")
