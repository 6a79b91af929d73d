"""Sum up what `make test` has checked, after pytest."""

import subprocess
from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from dev.browser.errors import NO_BROWSER
from dev.browser.running import missing
from dev.paths import LOCAL

_REPORT = LOCAL / "tests.xml"


def print_verdict() -> None:
    """Print the verdict: one line, with the tests that were left out."""
    print(f"{_passed()}{omitted(_REPORT.read_text(), {NO_BROWSER: missing()})}")


def _passed() -> str:
    total = subprocess.run(["coverage", "report", "--format=total"], check=True, capture_output=True, text=True).stdout
    return f"Style, types, template and tests pass, {total.strip()} % of the functions and the layer is covered."


def omitted(report: str, details: Mapping[str, str | None]) -> str:
    """Return how many tests were left out, and why, from pytest's report in JUnit's format.

    ``details`` says more than pytest about some of the reasons.
    """
    skipped = ET.fromstring(report).iter("skipped")  # noqa: S314 - pytest wrote it
    reasons = Counter(test.get("message", "no reason given") for test in skipped)
    return "".join(f" {count} tests were left out: {details.get(each) or each}." for each, count in reasons.items())
