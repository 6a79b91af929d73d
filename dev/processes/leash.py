"""Run a command for as long as the process that started this one lives: `leash.py COMMAND …`.

Standard input is a pipe from that process. It closes when that process ends, however it ends, and then the command
and all that it started are ended too: a killed `make demo` leaves nothing behind.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Run the command that the arguments name."""
    # What was handed to this process is meant for the command.
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, close_fds=False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(command.wait())


def _end_with_parent() -> None:
    # Not sys.stdin: a thread that waits in there is one that Python cannot end.
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
