"""Paths of the project's files, and of what the local stack writes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LOCAL = ROOT / ".local"
BUILD = LOCAL / "build"
LOGS = LOCAL / "logs"
RUN = LOCAL / "run"
UP = LOCAL / "up"
EMULATOR_VENV = LOCAL / "venvs" / "emulator"

# Written by `make up`, read by `sam local`.
ENV_VARS = LOCAL / "env-vars.json"
