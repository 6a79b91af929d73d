"""Build the layer for this machine's Python with its own makefile, if anything has changed."""

import compileall
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from dev.deploying.zip_archive import zip_directory
from dev.paths import BUILD, LOGS, ROOT
from dev.processes.lock import locked
from ops.errors import CommandError

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_SOURCE = ROOT / "layers" / "shared"
_BUILDS = BUILD / "layer"
_LOG = LOGS / "layer.log"


def built_layer() -> bytes:
    """Return the layer as a zip. Third-party packages are cached; the project's own package is copied each time."""
    with locked(BUILD / "layer.lock"):
        return zip_directory(_build())


def built_layer_folder() -> Path:
    """Return the folder of the layer, built as by ``built_layer``."""
    with locked(BUILD / "layer.lock"):
        return _build()


def _build() -> Path:
    build = _BUILDS / _third_party_digest()
    if not build.exists():
        shutil.rmtree(_BUILDS, ignore_errors=True)
        _make(build)
    _copy_own_package(build / "python")
    return build


def _third_party_digest() -> str:
    digest = hashlib.sha256(f"{sys.version} {platform.machine()}".encode())
    for name in ("Makefile", "requirements.txt"):
        digest.update((_SOURCE / name).read_bytes())
    return digest.hexdigest()[:16]


def _make(build: Path) -> None:
    unfinished = build.with_suffix(".unfinished")
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    command = ["make", "-C", str(_SOURCE), "build-SharedLayer", f"ARTIFACTS_DIR={unfinished}"]
    command += [f"LAYER_PYTHON={PYTHON}", "LAYER_PLATFORM="]
    # The makefile needs uv and this very Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with _LOG.open("w") as log:
        made = subprocess.run(command, stdout=log, stderr=log, env={**os.environ, "PATH": path}, check=False)
    if made.returncode:
        raise CommandError(f"the layer can't be built; see {_LOG}")
    unfinished.rename(build)


def _copy_own_package(site: Path) -> None:
    package = site / "codat_sync"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(_SOURCE / "codat_sync", package, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(package, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
