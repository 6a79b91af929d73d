"""`python -m dev.codat_simulator`: prints `{"url": …}` once it answers, and runs until SIGTERM or SIGINT."""

import argparse
import json
import os
import signal
import sys
from threading import Event

from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat


def main() -> None:
    """Serve until told to stop."""
    arguments = _parser().parse_args()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    codat = SimulatedCodat(arguments.api_key, arguments.signing_secret, arguments.authorization)
    with serve(
        codat,
        host=arguments.host,
        port=arguments.port,
        webhook_url=arguments.webhook_url,
        time_scale=arguments.time_scale,
    ) as simulator:
        sys.stdout.write(json.dumps({"url": simulator.url}) + "\n")
        sys.stdout.flush()
        stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dev.codat_simulator", description="Codat's Sync for Expenses, played."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    for option, variable, example in (
        ("--api-key", "SIMULATOR_API_KEY", "any text"),
        ("--signing-secret", "SIMULATOR_SIGNING_SECRET", "whsec_…"),
    ):
        given = os.environ.get(variable)
        parser.add_argument(option, default=given, required=not given, help=f"{example}; or in {variable}")
    parser.add_argument("--authorization", help="sent as Authorization with every webhook")
    parser.add_argument("--webhook-url", help="where webhooks go; can be set later")
    parser.add_argument("--time-scale", type=float, default=1.0, help="shortens the schedule of retries: 0.001")
    return parser


main()
