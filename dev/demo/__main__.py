"""`python -m dev.demo`: exits with 1 if anything is lost or differs, or a message is left in a queue."""

import sys

from ops.errors import told

if __name__ == "__main__":
    with told():
        # Only now: it takes a second, and who interrupts that is spared the traceback too.
        from dev.demo.run import main

        sys.exit(not main())
