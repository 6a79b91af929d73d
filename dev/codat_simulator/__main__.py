"""Run the Codat simulator as a process."""

import json
import signal
import sys
from threading import Event
from typing import Annotated

import typer

from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat

_EXAMPLE = """\b
Examples:
  python -m dev.codat_simulator --api-key any --signing-secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw --port 8080"""


def main(
    *,
    api_key: Annotated[
        str, typer.Option(envvar="SIMULATOR_API_KEY", metavar="KEY", help="API key that requests need: any text.")
    ],
    signing_secret: Annotated[
        str,
        typer.Option(envvar="SIMULATOR_SIGNING_SECRET", metavar="SECRET", help="Secret to sign webhooks with: whsec_…"),
    ],
    authorization: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Authorization header of every webhook.")
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Receiver of webhooks. Can be set later.")
    ] = None,
    time_scale: Annotated[
        float, typer.Option(help="Factor for the delays between delivery attempts: 0.001 makes them fast.")
    ] = 1.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
) -> None:
    """Simulate Codat's Sync for Expenses over HTTP, including its webhooks.

    Prints {"url": …} once it is ready, and runs until SIGTERM or SIGINT.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    codat = SimulatedCodat(api_key, signing_secret, authorization)
    with serve(codat, host=host, port=port, webhook_url=webhook_url, time_scale=time_scale) as simulator:
        sys.stdout.write(json.dumps({"url": simulator.url}) + "\n")
        sys.stdout.flush()
        stop.wait()


app = typer.Typer(
    name="python -m dev.codat_simulator",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(epilog=_EXAMPLE)(main)

if __name__ == "__main__":
    app()
