"""Ends the local stack that `make up` left running: `python -m dev.local_stack.down`."""

from dev.local_stack import background
from ops.paths import ENV_VARS, OUTPUTS


def main() -> None:
    """End it, if it runs."""
    with background.commanding():
        was_running = background.stop()
        for path in (OUTPUTS, ENV_VARS):
            path.unlink(missing_ok=True)
    print("The local stack is gone." if was_running else "No local stack was running.")


if __name__ == "__main__":
    main()
