"""Run the emulator in this process: `launch_emulator.py LISTENING_SOCKET SITE_PACKAGES`.

The emulator runs functions with the Python that it runs in itself. That is a bare one, as a dependency that is missing
from the layer would go unnoticed otherwise. So its own packages are not installed there: they are added here, to the
search path of this process, which functions do not inherit.
"""

import asyncio
import site
import sys


def main() -> None:
    """Serve until killed."""
    listening_socket, site_packages = sys.argv[1:]
    site.addsitedir(site_packages)

    # Found only now, and by this process only.
    from hypercorn.asyncio import serve  # type: ignore[import-not-found]  # noqa: PLC0415
    from hypercorn.config import Config  # type: ignore[import-not-found]  # noqa: PLC0415
    from ministack.app import app  # type: ignore[import-not-found]  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{listening_socket}"]
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
