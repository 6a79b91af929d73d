"""Stop the local stack that `make up` left running."""

from dev.local_stack import background
from dev.paths import ENV_VARS
from ops.local_stack import OUTPUTS


def stop_local_stack() -> None:
    """Stop the stack if it runs, remove its files, and print what was done."""
    with background.control_lock():
        was_running = background.stop()
        for path in (OUTPUTS, ENV_VARS):
            path.unlink(missing_ok=True)
    print("Stopped the local stack." if was_running else "The local stack was not running.")
