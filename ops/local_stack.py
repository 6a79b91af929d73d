"""Connection details of the local stack, as `make up` writes them to `.local/outputs.json`."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config

from ops.errors import CommandError

STACK: Final = "codat-sync-local"
REGION: Final = "eu-west-2"
OUTPUTS: Final = Path(__file__).resolve().parent.parent / ".local" / "outputs.json"

# The emulator listens on this machine: no proxy of the environment leads there.
NO_PROXY: Final = Config(proxies={})


@dataclass(frozen=True)
class Outputs:
    """Addresses, names and credentials of a local stack. The file has the names in camelCase."""

    webhook_url: str
    api_url: str
    codat_url: str
    table_name: str
    queue_url: str
    dead_letter_queue_url: str
    event_bus_name: str
    aws_endpoint_url: str
    region: str
    signing_secret: str
    codat_api_key: str

    def to_json(self) -> dict[str, str]:
        """Return the content of the file."""
        return {_camel_case(name): value for name, value in asdict(self).items()}

    @classmethod
    def read(cls) -> "Outputs":
        """Return those of the stack that `make up` started. Raises CommandError."""
        if not OUTPUTS.exists():
            raise CommandError("The local stack is not running: start it with `make up`.")
        try:
            values = json.loads(OUTPUTS.read_text())
            return cls(**{field.name: values[_camel_case(field.name)] for field in fields(cls)})
        except (ValueError, KeyError) as error:
            raise CommandError("The local stack is another version's: start it again with `make up`.") from error


def local_session() -> boto3.Session:
    """Return a session with the emulator's root credentials and none of this machine's."""
    return boto3.Session("test", "test", region_name=REGION)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
