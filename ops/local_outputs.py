"""What a person or a script has to know of a running stack."""

import json
from dataclasses import asdict, dataclass, fields

from ops.errors import LocalStackError
from ops.paths import OUTPUTS
from ops.private_files import write_private


@dataclass(frozen=True)
class Outputs:
    """Where everything is. Written to `.local/outputs.json`, its names in camelCase."""

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

    def write(self) -> None:
        """Write them down, for this user's eyes only."""
        write_private(OUTPUTS, {_camel_case(name): value for name, value in asdict(self).items()})

    @classmethod
    def read(cls) -> "Outputs":
        """Return those of the stack that `make up` started. Raises LocalStackError."""
        if not OUTPUTS.exists():
            raise LocalStackError("No local stack is up: `make up` starts it.")
        values = json.loads(OUTPUTS.read_text())
        return cls(**{field.name: values[_camel_case(field.name)] for field in fields(cls)})


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
