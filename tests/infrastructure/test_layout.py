"""The layout of the repository: small packages, and tests where a reader looks for them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from dev.paths import ROOT

LAYER = ROOT / "layers" / "shared" / "codat_sync"
SUBJECTS = (LAYER, ROOT / "dev", ROOT / "ops")
CODE = (*SUBJECTS, ROOT / "tests" / "support")
UNIT_TESTS = ROOT / "tests" / "unit"
MAX_MODULES = 15
MAX_HANDLER_LINES = 80


def test_no_package_has_too_many_modules() -> None:
    """A reader can take in a package's list of files at a glance. `core` alone may have more."""
    sizes = {package: sum(path.name != "__init__.py" for path in package.glob("*.py")) for package in _packages()}
    large = {_relative(package): size for package, size in sizes.items() if size > MAX_MODULES}
    assert large.keys() <= {_relative(LAYER / "core")}


def test_handlers_are_short() -> None:
    """A handler has settings, wiring, one call of a service and the response; decisions are in the layer."""
    handlers = ROOT.glob("functions/*/app.py")
    sizes = {_relative(path): len(path.read_text().splitlines()) for path in handlers}
    assert sizes
    assert {path: size for path, size in sizes.items() if size > MAX_HANDLER_LINES} == {}


def test_init_files_are_empty() -> None:
    """Importing a module runs no code of its packages."""
    roots = ("benchmarks", "dev", "functions", "layers/shared/codat_sync", "ops", "tests")
    found = [path for root in roots for path in (ROOT / root).rglob("__init__.py") if path.read_text().strip()]
    assert list(map(_relative, found)) == []


def test_no_module_only_reexports() -> None:
    """There is one place to import each name from."""
    modules = (path for package in _packages() for path in package.glob("*.py") if path.name != "__init__.py")
    found = [path for path in modules if not any(map(_defines_something, ast.parse(path.read_text()).body))]
    assert list(map(_relative, found)) == []


def test_a_unit_test_names_its_subject() -> None:
    """`tests/unit/<package>/test_<name>.py` tests the module or package `<package>/<name>` of the layer, dev or ops."""
    found = [test for test in sorted(UNIT_TESTS.rglob("test_*.py")) if not _has_subject(test)]
    assert list(map(_relative, found)) == []


def test_nothing_imports_a_conftest() -> None:
    """Tests and their support modules import what they share from `tests/support`."""
    found = [path for path in (ROOT / "tests").rglob("*.py") if _imports_a_conftest(path)]
    assert list(map(_relative, found)) == []


def _packages() -> Iterator[Path]:
    for root in CODE:
        for path in (root, *sorted(root.rglob("*"))):
            if path.is_dir() and any(path.glob("*.py")):
                yield path


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _defines_something(statement: ast.stmt) -> bool:
    """Return whether a statement is anything but a docstring, an import, `__all__` or an alias of a name."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
            return False
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return False
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name != "__all__" and not isinstance(value, ast.Name | ast.Attribute)
    return True


def _has_subject(test: Path) -> bool:
    subject = test.parent.relative_to(UNIT_TESTS) / test.stem.removeprefix("test_")
    return any((root / subject).is_dir() or (root / f"{subject}.py").is_file() for root in SUBJECTS)


def _imports_a_conftest(path: Path) -> bool:
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(isinstance(node, ast.ImportFrom) and (node.module or "").endswith("conftest") for node in nodes)
