"""Where things are: the project's files, and what the local stack makes of them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LOCAL = ROOT / ".local"
BUILD = LOCAL / "build"
LOGS = LOCAL / "logs"
RUN = LOCAL / "run"
UP = LOCAL / "up"
EMULATOR_VENV = LOCAL / "venvs" / "emulator"

# What `make up` leaves for scripts and for `sam local`.
OUTPUTS = LOCAL / "outputs.json"
ENV_VARS = LOCAL / "env-vars.json"
