"""Options that several commands share.

Each can also be an environment variable: `make` passes its variables on as such, never through the shell.
"""

from typing import Annotated, Literal

import typer

from codat_sync.core.identifiers import canonicalize, is_identifier


def examples(*lines: str) -> str:
    """Return the examples of a command for the end of its help, one per line."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def _company_id(text: str) -> str:
    """Return a company's id as the table has it."""
    if not is_identifier(text):
        raise typer.BadParameter("not the id of a company at Codat")
    return canonicalize(text)


def not_blank(text: str) -> str:
    """Return a text that is required."""
    if not text.strip():
        raise typer.BadParameter("must not be blank")
    return text


Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        envvar="STACK",
        metavar="NAME",
        help="CloudFormation stack in the AWS account of your credentials, such as codat-sync-prod. "
        "Without it: the local stack that `make up` started.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", envvar="DRY_RUN", help="Show what would be done; change nothing.")]
CompanyId = Annotated[
    str, typer.Option("--company", envvar="COMPANY", metavar="ID", callback=_company_id, help="Company id at Codat.")
]
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        envvar="REASON",
        metavar="TEXT",
        callback=not_blank,
        help="Reason to record in the tombstone: a ticket, for example. No personal data.",
    ),
]

# Which dead letters.
MessageIds = Annotated[
    list[str] | None,
    typer.Option("--id", envvar="ID", metavar="ID", help="Only the message with this id. Can be repeated."),
]
Queue = Annotated[
    Literal["sync", "retry", "publish"] | None,
    typer.Option("--queue", envvar="QUEUE", help="Only dead letters of this queue."),
]
LetterReason = Annotated[
    str | None,
    typer.Option("--reason", envvar="REASON", metavar="REASON", help="Only dead letters with this reason."),
]
LetterCompany = Annotated[
    str | None,
    typer.Option("--company", envvar="COMPANY", metavar="ID", help="Only dead letters about this company."),
]
