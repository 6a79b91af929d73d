"""The command line of `python -m dev`. Each command imports what it needs, so that `--help` is fast."""

from pathlib import Path
from typing import Annotated

import typer

from dev.release.cli import release_app
from dev.sam_local.cli import sam_local_app
from ops.options import examples

app = typer.Typer(
    name="python -m dev",
    help="Develop this project: run it on this machine, on an emulated AWS against a simulated Codat.\n\n"
    "`make` has targets for most commands. They install what is missing first; the commands here do not.",
    epilog=examples("make up", "python -m dev show-sync 6fb40d5e-b13e-11ed-afa1-0242ac120002"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_ReceiverEvent = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="Event of API Gateway, such as those in events/receiver."),
]

app.add_typer(sam_local_app)
app.add_typer(release_app)


@app.command(epilog=examples("make demo"))
def demo() -> None:
    """Run the whole scenario on a new local stack.

    Prints each step, and compares the table with Codat at the end. Exits with 1 if anything is lost or differs, or a
    message is left in a queue.
    """
    from dev.demo.run import main

    if not main():
        raise typer.Exit(1)


@app.command(epilog=examples("make up", "CODAT_BASE_URL=https://api.codat.io CODAT_API_KEY=… make up"))
def up() -> None:
    """Start the local stack, or update it with the current code.

    It keeps running until `down`. With CODAT_BASE_URL and CODAT_API_KEY in the environment it uses that Codat, else the
    simulator, with four weeks of sample syncs. Prints the addresses, and writes them to .local/outputs.json.
    """
    from dev.local_stack.up import start_local_stack

    start_local_stack()


@app.command(epilog=examples("make down"))
def down() -> None:
    """Stop the local stack and delete its data."""
    from dev.local_stack.down import stop_local_stack

    stop_local_stack()


@app.command(epilog=examples("python -m dev show-sync 6fb40d5e-b13e-11ed-afa1-0242ac120002"))
def show_sync(sync_id: Annotated[str, typer.Argument(help="Id of the sync at Codat.")]) -> None:
    """Show a sync in the table of the local stack.

    Waits for it while webhooks are being processed. Prints its outcome, schedule and items.
    """
    from dev.local_stack.show_sync import show_sync as show

    show(sync_id)


@app.command(
    epilog=examples(
        "python -m dev sign-webhook events/receiver/sync-successful.json | sam local invoke ReceiverFunction -e -",
    )
)
def sign_webhook(payload: _ReceiverEvent) -> None:
    """Sign a webhook as Codat would now.

    Uses the secret of the local stack. Prints the signed event. The signature expires after five minutes.
    """
    from dev.local_stack.webhooks import sign_webhook as sign

    sign(payload)


@app.command(epilog=examples("python -m dev send-webhook events/receiver/sync-successful.json"))
def send_webhook(
    payload: _ReceiverEvent,
    api: Annotated[
        str | None, typer.Option("--api", metavar="URL", help="API to post to. Without it: the local stack.")
    ] = None,
) -> None:
    """Send a webhook, signed as Codat would now.

    Uses the secret of the local stack. Prints the response: 202 if the webhook is accepted.
    """
    from dev.local_stack.webhooks import send_webhook as send

    send(payload, api)


@app.command(epilog=examples("make screenshots"))
def screenshots() -> None:
    """Take the screenshots of the README.

    Starts a new local stack and a browser. Prints the path of each picture in docs/screenshots.
    """
    from dev.screenshots.capture import capture_screenshots

    capture_screenshots()


@app.command(epilog=examples("make browser"))
def browser() -> None:
    """Find a browser for the tests of the pages and the screenshots, or install one.

    Prints which one it is. Without any, those tests are left out; with `CI` set, it fails.
    """
    from dev.browser.preparation import prepare_browser

    prepare_browser()


@app.command(epilog=examples("make test"))
def verdict() -> None:
    """Sum up what `make test` has checked, and name the tests that were left out."""
    from dev.verdict import print_verdict

    print_verdict()
