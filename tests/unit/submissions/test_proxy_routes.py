"""Which requests of a product are recorded, which are forwarded, and which are rejected."""

import base64
import os
import re
import string
from collections.abc import Callable
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codat_sync.core.errors import InvalidBodyError
from codat_sync.submissions.expense_schemas import Kind
from codat_sync.submissions.proxy_routes import (
    WriteRoute,
    company_id_from_path,
    is_authorized,
    match_route,
    strip_base_path,
)
from tests.support.codat.operations import (
    UNDOCUMENTED_WRITES,
    WRITES,
    Operation,
    Treatment,
    read_documented_writes,
)

_ID = "4d7c6929-7770-412b-91bb-44d3bc71d333"
_SYNC = "/companies/c/sync/expenses"
_DOCUMENTED = [each for each in WRITES if each.treatment is Treatment.FORWARDED]
_RECORDED = [each for each in WRITES if each.treatment is Treatment.RECORDED]


def _treatment(method: str, path: str) -> Treatment:
    try:
        return Treatment.RECORDED if match_route(method, path) else Treatment.FORWARDED
    except InvalidBodyError:
        return Treatment.REJECTED


# ---------------------------------------------------------------- as documented


@pytest.mark.parametrize("operation", [*WRITES, *UNDOCUMENTED_WRITES], ids=lambda each: f"{each.method} {each.path}")
def test_each_write_of_codats_api_has_its_treatment(operation: Operation) -> None:
    """Also behind the base path of a custom domain, or the name of a stage."""
    for base, end in product(["", "/codat", "/v1/codat", "/$default", "/companies-of-codat"], ["", "/"]):
        path = base + operation.path_with(_ID) + end
        assert _treatment(operation.method, path) is operation.treatment
        if operation.path.startswith("/companies"):
            assert strip_base_path(path) == operation.path_with(_ID) + end


def test_the_tables_name_every_write_that_codat_documents() -> None:
    """Each new one needs a decision."""
    folder = Path(os.environ.get("CODAT_OPENAPI") or "/nonexistent")
    if not folder.is_dir():
        pytest.skip("CODAT_OPENAPI names no folder with Codat's OpenAPI descriptions")
    documented = read_documented_writes(folder)
    assert documented
    assert documented == {(each.method, each.path) for each in WRITES}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_writes_nothing_is_forwarded(method: str) -> None:
    """Codat says what it makes of it."""
    for operation in (*WRITES, *UNDOCUMENTED_WRITES):
        assert match_route(method, operation.path_with(_ID)) is None


@pytest.mark.parametrize(
    ("method", "path", "kind", "codat_method"),
    [
        ("POST", f"{_SYNC}/expense-transactions", Kind.EXPENSE, "POST"),
        ("PUT", f"{_SYNC}/expense-transactions/t", Kind.EXPENSE, "PUT"),
        ("POST", f"{_SYNC}/reimbursable-expense-transactions/", Kind.REIMBURSABLE, "POST"),
        ("PUT", f"{_SYNC}/transfer-transactions/t", Kind.TRANSFER, "PUT"),
        ("POST", f"{_SYNC}/adjustment-transactions", Kind.ADJUSTMENT, "POST"),
        ("POST", "/companies/c/Sync/EXPENSES/Expense-Transactions", Kind.EXPENSE, "POST"),
        ("PUT", "/recorded/c/expense-transactions/t", Kind.EXPENSE, "POST"),
        ("PUT", "/recorded/c/transfer-transactions/t/", Kind.TRANSFER, "PUT"),
        ("PUT", "/codat/recorded/c/adjustment-transactions/t", Kind.ADJUSTMENT, "POST"),
    ],
)
def test_what_writes_is_recorded(method: str, path: str, kind: Kind, codat_method: str) -> None:
    """With how Codat gets it."""
    found = match_route(method, path)
    assert found
    assert (found.company_id, found.kind, found.codat_method) == ("c", kind, codat_method)


def test_the_reason_names_the_path_that_is_supported() -> None:
    """Users of v1 learn what replaces it."""
    for method, path in (("POST", "data/expense-transactions"), ("POST", "syncs")):
        with pytest.raises(InvalidBodyError, match=r"v1.*/sync/expenses/expense-transactions"):
            match_route(method, f"{_SYNC}/{path}")
    with pytest.raises(InvalidBodyError, match="not an operation below /sync/expenses that Codat documents"):
        match_route("PATCH", f"{_SYNC}/expense-transactions/t")


# ---------------------------------------------------------------- in other spellings

_RESOURCE_IDS = [
    "a b",
    "Toft, Sons & Co",
    "50%",
    "O'Neil (UK)",
    "a:b;c",
    "Sync Expenses",
    "expense-transactions",
    "Zoë",
    "a+b=c",
    "[1]",
    "{2}",
    "a|b",
    "!$*@~",
]


@pytest.mark.parametrize("resource_id", _RESOURCE_IDS)
@pytest.mark.parametrize("is_decoded", [True, False])
def test_ids_of_other_systems_are_forwarded_as_they_came(resource_id: str, *, is_decoded: bool) -> None:
    """API Gateway may have decoded them: they are encoded again."""
    written = resource_id if is_decoded else quote(resource_id, safe="")
    for template in ("connections/k/push/suppliers/{}", "connections/k/push/customers/{}"):
        path = f"/companies/{_ID}/" + template.format(written)
        assert match_route("PUT", path) is None
        sent = strip_base_path(path)
        assert unquote(sent) == f"/companies/{_ID}/" + template.format(resource_id)
        assert re.fullmatch(r"([!-$&-~]|%[0-9A-F]{2})+", sent)
        assert not set(sent) & set('?#"<>[]{}|\\^` ')


def test_an_id_may_hold_what_looks_encoded() -> None:
    """It is forwarded as often encoded as it came."""
    path = f"/companies/{_ID}/connections/k/push/suppliers/50%2525"
    assert match_route("PUT", path) is None
    assert strip_base_path(path) == path


@pytest.mark.parametrize("dots", ["..", "%2e%2e", ".%2E", ".", "..;x", "%252e%252e"])
def test_dot_segments_are_rejected(dots: str) -> None:
    """Also where nothing is written: the path may be about an erased company."""
    for method in ("GET", "PUT"):
        with pytest.raises(InvalidBodyError, match="dot segments"):
            match_route(method, f"/companies/x/{dots}/{_ID}/connections")


_SPELLINGS: list[Callable[[str], str]] = [
    lambda path: path + "//",
    lambda path: "//x" + path,
    lambda path: "/" + path,
    lambda path: path.replace("/sync", "//sync"),
    lambda path: path.replace("/expenses", "//expenses"),
    lambda path: path.replace("expenses/", "expenses//"),
    lambda path: path.replace("/sync", "/./sync"),
    lambda path: path.replace("/sync", "/x/../sync"),
    lambda path: path.replace("/sync", "/x/..;/sync"),
    lambda path: path.replace("/expenses", "/x/../expenses"),
    lambda path: path.replace("/expenses", "/x/%252e%252e/expenses"),
    lambda path: path.replace("/expenses", "/./expenses"),
    lambda path: path.replace("/sync", "/x/%2e%2E/sync"),
    lambda path: path.replace("/sync", "/%2e/sync"),
    lambda path: path.replace("/sync", "%2fsync"),
    lambda path: path.replace("/sync", "%252Fsync"),
    lambda path: path.replace("/sync", "%25252Fsync"),
    lambda path: path.replace("/sync", "%" + "25" * 20 + "2Fsync"),
    lambda path: path.replace("/expenses", "%5Cexpenses"),
    lambda path: path.replace("/expenses", "\\expenses"),
    lambda path: path.replace("/expenses", "%u002fexpenses"),
    lambda path: path.replace("expenses/", "expenses;v=1/"),
    lambda path: path.replace("/sync", ";v=1/sync;v=2"),
    lambda path: path.replace("expenses/", "expenses%00/"),
    lambda path: path.replace("expenses/", "expenses%20/"),
    lambda path: path.replace("expenses/", "expenses./"),
    lambda path: path.replace("expenses/", "expenses%E2%80%8B/"),
    lambda path: path.replace("expenses/", "expenses.json/"),
    lambda path: path.replace("-transactions", "%2Dtransactions"),
    lambda path: path.replace("sync", "%73ync"),
    lambda path: path.replace("sync", "%2573ync"),
    lambda path: path.replace("sync", "\uff53\uff59\uff4e\uff43"),
    lambda path: path.replace("sync", "\u017fync"),
    lambda path: path.replace("expenses/", "Expense\u0301s/"),
    lambda path: path.replace("companies", "Companies"),
    lambda path: path.replace("companies", "%63ompanies"),
    lambda path: "/companies" + path,
    lambda path: "/companies/x" + path,
    lambda path: path + "?x=1",
    lambda path: path + "%3Fx=1",
    lambda path: path + "%23x",
    lambda path: path + "#x",
    lambda path: path + "/.",
    lambda path: path.replace("companies", "companies/x/..", 1),
    lambda path: path.replace("/sync", "%3F/sync"),
    lambda path: path + "%20",
    str.upper,
    str.title,
    str.swapcase,
]


@pytest.mark.parametrize("spelling", _SPELLINGS)
def test_a_write_is_never_forwarded_in_any_spelling(spelling: Callable[[str], str]) -> None:
    """It is recorded as the same write, or rejected: servers and the proxies before them read paths differently."""
    for operation in (*_RECORDED, *UNDOCUMENTED_WRITES):
        path = spelling(operation.path_with(_ID))
        treatment = _treatment(operation.method, path)
        assert treatment is not Treatment.FORWARDED
        if treatment is Treatment.RECORDED:
            assert match_route(operation.method, path) == match_route(operation.method, operation.path_with(_ID))


@pytest.mark.parametrize("operation", _DOCUMENTED, ids=lambda each: f"{each.method} {each.path}")
def test_a_forwarded_path_hides_no_write(operation: Operation) -> None:
    """An id of one segment may be several to another server."""
    for name in re.findall(r"\{(\w+)\}", operation.path):
        for hidden in (
            f"..%2f{_ID}%2fsync%2fexpenses%2fexpense-transactions",
            f"{_ID}%2fsync%2fexpenses%2fexpense-transactions%3F",
            f"{_ID}%2fsync%2fexpenses%2fexpense-transactions%2f",
            f"{_ID}%252fsync%252fexpenses%252fexpense-transactions%23",
            f"{_ID}\\sync\\expenses\\syncs",
        ):
            path = operation.path_with(_ID, **{name: hidden})
            assert _treatment(operation.method, path) is Treatment.REJECTED, path


def _may_write_expenses(path: str) -> bool:
    """Return whether some server could read ``path`` as a write of Sync for Expenses."""
    for _ in range(9):
        path = unquote(path)
    path = re.sub(r";[^/]*", "", path.replace("\\", "/")).partition("?")[0].partition("#")[0].lower()
    segments: list[str] = []
    for each in path.split("/"):
        if each == "..":
            segments = segments[:-1]
        elif each.strip() not in {"", "."}:
            segments.append(each.strip())
    return bool(re.search(r"/sync/expenses/((data/)?[a-z-]+-transactions(/[^/]+)?|syncs)$", "/" + "/".join(segments)))


_PIECES = st.sampled_from(
    ["companies", _ID, "sync", "expenses", "expense-transactions", "transfer-transactions", "data", "syncs", "config"]
)
_PLAIN = st.sampled_from([each.path_with(_ID).split("/")[1:] for each in [*WRITES, *UNDOCUMENTED_WRITES]])
_SEPARATORS = st.sampled_from(["/"] * 8 + ["//", "%2f", "%252F", "/./", "/x/../", "/%2e%2e/", ";a/", "\\", "/ /", "?"])


def _as_is(text: str) -> str:
    return text


def _percent_encode(text: str) -> str:
    return "".join(f"%{each:02x}" for each in text.encode())


_ENCODINGS: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [_as_is, _as_is, _as_is, str.upper, str.title, _percent_encode]
)


@st.composite
def _paths(draw: st.DrawFn) -> str:
    """Return a path made of the names of Codat's paths, in any order, encoding and letter case."""
    pieces = draw(_PLAIN | st.lists(_PIECES | st.text(string.printable, max_size=4), max_size=8))
    return draw(st.sampled_from(["", "/codat", "//x"])) + "".join(
        draw(_SEPARATORS) + draw(_ENCODINGS)(each) for each in pieces
    )


@settings(max_examples=500)
@given(
    st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "QUERY"]),
    _paths() | st.text(max_size=40).map(lambda text: "/" + text),
)
@example("POST", "/companies/c/sync/expenses/expense-transactions//")
@example("POST", "//x/companies/c/sync/expenses/expense-transactions")
def test_no_path_that_may_write_expenses_is_forwarded(method: str, path: str) -> None:
    """And every path has an answer."""
    if _treatment(method, path) is Treatment.FORWARDED:
        assert not _may_write_expenses(path)
        assert not _may_write_expenses(strip_base_path(path))
    assert re.fullmatch(r"/(?!/)([!-$&-~]|%[0-9A-Fa-f]{2})*", strip_base_path(path))


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize("company_id", ["a%2Fb", "a b", "..", "a%23b", "x" * 129])
def test_an_id_that_cannot_be_recorded_is_rejected(company_id: str) -> None:
    """It would become part of a key."""
    with pytest.raises(InvalidBodyError):
        match_route("POST", f"/companies/{company_id}/sync/expenses/expense-transactions")
    with pytest.raises(InvalidBodyError):
        match_route("PUT", f"{_SYNC}/expense-transactions/{company_id}")
    with pytest.raises(InvalidBodyError):
        match_route("PUT", f"/recorded/c/expense-transactions/{company_id}")


@pytest.mark.parametrize("written", [_ID, _ID.upper(), _ID.replace("-", "%2D")])
def test_a_guid_is_the_same_in_each_spelling(written: str) -> None:
    """So that it has one claim; 32 digits without hyphens would be another key, and are rejected."""
    expected = WriteRoute(_ID, Kind.EXPENSE, _ID, is_storage_only=False)
    assert match_route("PUT", f"/companies/{written}/sync/expenses/expense-transactions/{written}") == expected
    with pytest.raises(InvalidBodyError):
        match_route("PUT", f"{_SYNC}/expense-transactions/{UUID(_ID).hex}")


def test_a_path_contains_its_company() -> None:
    """Or none."""
    assert company_id_from_path("/companies/c/connections") == "c"
    assert company_id_from_path("/codat/companies/c/connections") == "c"
    assert company_id_from_path(f"/companies/{_ID.upper().replace('-', '%2d')}/connections") == _ID
    assert company_id_from_path("/companies/c") == "c"
    assert company_id_from_path("/companies") is None
    assert company_id_from_path("/companies/a%2Fb/x") is None


def test_only_the_key_itself_is_good() -> None:
    """As Codat's clients send it."""
    good = "Basic " + base64.b64encode(b"key").decode()
    assert is_authorized({"authorization": good}, "key")
    assert not is_authorized({"authorization": good}, "another")
    for header in ("", "Basic", "Basic a", "Basic " + "é", "Bearer " + good[6:]):
        assert not is_authorized({"authorization": header}, "key")
    assert not is_authorized({}, "key")
