"""Has a company known again that was forgotten: `python -m ops.unerase COMPANY --reason WHY [--stack NAME]`."""

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import CodatSyncError
from ops.deployment import forgetting, parser
from ops.errors import LocalStackError, told


def main() -> None:
    """Take its tombstone away. What was deleted stays so; what comes from now on is kept."""
    arguments = parser("remember", "Has a company known again that was forgotten.").parse_args()
    found = forgetting(arguments.stack)
    try:
        was_forgotten = found.remember(arguments.company, arguments.reason)
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise LocalStackError(f"not done: {error}") from error
    print(f"company {arguments.company} {'is known again' if was_forgotten else 'was not forgotten'}")


if __name__ == "__main__":
    with told():
        main()
