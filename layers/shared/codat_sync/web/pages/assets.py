"""Static assets of the pages, with a content digest for cache busting."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file. ``digest`` is part of its links, so browsers may cache it indefinitely."""

    name: str
    content_type: str
    text: str
    digest: str


def _read(path: Path) -> Asset:
    text = path.read_text()
    return Asset(path.name, _TYPES[path.suffix], text, hashlib.sha256(text.encode()).hexdigest()[:12])


ASSETS = {path.name: _read(path) for path in sorted(_FOLDER.iterdir())}
