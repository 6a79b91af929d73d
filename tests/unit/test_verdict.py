"""The last line of `make test`."""

import subprocess
import sys
from pathlib import Path

import pytest

from dev.verdict import omitted

_TESTS = """
import pytest

@pytest.fixture
def browser():
    pytest.skip("no browser")

def test_one(browser): ...
def test_two(browser): ...
def test_three(): ...
"""


@pytest.mark.parametrize(
    ("selected", "message"),
    [("one or two", " 2 tests were left out: no browser (CHROMIUM: not set)."), ("three", "")],
)
def test_it_states_how_many_tests_were_left_out_and_why(tmp_path: Path, selected: str, message: str) -> None:
    (tmp_path / "test_it.py").write_text(_TESTS)
    pytest_ = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", selected]
    subprocess.run([*pytest_, "--junitxml=report.xml", "test_it.py"], cwd=tmp_path, check=True, capture_output=True)
    details = {"no browser": "no browser (CHROMIUM: not set)"}
    assert omitted((tmp_path / "report.xml").read_text(), details) == message
