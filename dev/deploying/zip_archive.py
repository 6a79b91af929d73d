"""Package folders as zips for Lambda."""

import io
import zipfile
from pathlib import Path

# The earliest time that a zip can hold: the same files always make the same zip.
_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def zip_directory(directory: Path, *, without: str = "") -> bytes:
    """Return ``directory`` as an uncompressed zip, without folders named ``without``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory)
            if path.is_file() and without not in name.parts:
                entry = zipfile.ZipInfo(name.as_posix(), _TIME)
                entry.external_attr = _READABLE
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
