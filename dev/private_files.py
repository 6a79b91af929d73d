"""Write files that contain secrets."""

import json
from pathlib import Path


def write_private(path: Path, document: object) -> None:
    """Write ``document`` as JSON to a file that only this user can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=2) + "\n")
