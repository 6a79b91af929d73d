"""Print the demo's output: colours and a progress bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dev.demo.progress import PlainSteps, Steps, TerminalSteps
from dev.demo.verification.result import Result
from dev.paths import LOGS, ROOT
from ops.local_stack import Outputs

_INTRODUCTION = (
    "codat-sync receives Codat's webhooks and records the outcome of every expense in a DynamoDB table. This demo "
    "deploys template.yaml to AWS emulated on this machine, lets a simulated Codat send signed webhooks, and then "
    "compares the table with every sync and transaction at Codat. It needs no account and leaves nothing running."
)
_NEXT = "Next: [bold]make up[/] leaves the same stack running, and shows how to send a webhook to it."
_LOGS = f"The logs of this run are in {LOGS.relative_to(ROOT) / 'demo'}."
_MAX_DIFFERENCES = 12
_WIDTH = 100  # at most, and in a file


class Screen:
    """The console that the demo prints to."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not sys.stdout.isatty() or self._console.width > _WIDTH:
            self._console.width = _WIDTH

    def introduce(self) -> None:
        """Print the introduction."""
        self._console.print(f"{_INTRODUCTION}\n")

    @contextmanager
    def steps(self) -> Iterator[Steps]:
        """Show the progress while the block runs."""
        if not self._console.is_terminal:
            yield PlainSteps(self._console)
            return
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield TerminalSteps(progress)

    def show_endpoints(self, outputs: Outputs) -> None:
        """Print the endpoints of the stack."""
        where = {
            "AWS": f"{outputs.aws_endpoint_url} (MiniStack, which enforces IAM)",
            "Codat": f"{outputs.codat_url} (dev/codat_simulator)",
            "webhooks": outputs.webhook_url,
            "table": outputs.table_name,
            "logs": (LOGS / "demo").relative_to(ROOT),
        }
        for name, value in where.items():
            self._console.print(f"  {name:<10}{value}", soft_wrap=True)
        self._console.print()

    def show(self, result: Result, *, seconds: float) -> None:
        """Print both sides, the differences, the summary and the next step; the verdict comes last."""
        self._console.print(_tally_table(result))
        self._console.print()
        for difference in result.differences[:_MAX_DIFFERENCES]:
            self._console.print(str(difference), style="red", markup=False, soft_wrap=True)
        if len(result.differences) > _MAX_DIFFERENCES:
            self._console.print(f"… and {len(result.differences) - _MAX_DIFFERENCES} more\n", style="red")
        self._console.print(_expense_table(result))
        self._console.print()
        self._console.print(result.webhooks)
        self._console.print(result.completeness)
        self._console.print(result.codat_calls_summary)
        self._console.print(result.events_summary)
        self._console.print(result.example, style="dim", markup=False)
        self._console.print(f"{_NEXT if result.passed else _LOGS}\n")
        style = "bold green" if result.passed else "bold red"
        self._console.print(f"{result.verdict}, in {seconds:.0f} s", style=style)


def _expense_table(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("submitted expense", "times in books", "plan", "reason"):
        table.add_column(title, justify="right" if title == "times in books" else "left")
    for each in result.expense_outcomes:
        table.add_row(each.description, str(each.times_in_books), each.step, Text(each.support))
    return table


def _tally_table(result: Result) -> Table:
    tallies = result.tallies
    columns = {
        "syncs\nCodat": [tally.syncs[0] for tally in tallies],
        "\ntable": [tally.syncs[1] for tally in tallies],
        "transactions\nCodat": [tally.transactions[0] for tally in tallies],
        "\n table": [tally.transactions[1] for tally in tallies],
        "\ndiffer": [tally.differences for tally in tallies],
    }
    table = Table(box=None, pad_edge=False, show_footer=True, header_style="dim", footer_style="bold")
    table.add_column("\ncode", no_wrap=True)
    table.add_column("\nmeaning", "total")
    for title, numbers in columns.items():
        total = sum(numbers) if title != "\ndiffer" else len(result.differences)
        table.add_column(title, f"{total:,}", justify="right", no_wrap=True)
    for tally, *numbers in zip(tallies, *columns.values(), strict=True):
        meaning = Text(tally.meaning, no_wrap=True, overflow="ellipsis")  # the one that gives way on a narrow screen
        style = "red" if tally.differences else None
        table.add_row(str(tally.code), meaning, *(f"{number:,}" for number in numbers), style=style)
    return table
