"""Which requests of a product are recorded, and which are passed on."""

import base64

import pytest

from codat_sync.core.errors import InvalidBodyError
from codat_sync.submissions.expense_schemas import Kind
from codat_sync.submissions.proxy_routes import company_id_from_path, is_authorized, match_route

_SYNC = "/companies/c/sync/expenses"


@pytest.mark.parametrize(
    ("method", "path", "kind", "codat_method"),
    [
        ("POST", f"{_SYNC}/expense-transactions", Kind.EXPENSE, "POST"),
        ("PUT", f"{_SYNC}/expense-transactions/t", Kind.EXPENSE, "PUT"),
        ("POST", f"{_SYNC}/reimbursable-expense-transactions/", Kind.REIMBURSABLE, "POST"),
        ("PUT", f"{_SYNC}/transfer-transactions/t", Kind.TRANSFER, "PUT"),
        ("POST", f"{_SYNC}/adjustment-transactions", Kind.ADJUSTMENT, "POST"),
        ("PUT", "/recorded/c/expense-transactions/t", Kind.EXPENSE, "POST"),
        ("PUT", "/recorded/c/transfer-transactions/t", Kind.TRANSFER, "PUT"),
    ],
)
def test_what_writes_is_recorded(method: str, path: str, kind: Kind, codat_method: str) -> None:
    """With how Codat gets it."""
    found = match_route(method, path)
    assert found
    assert (found.company_id, found.kind, found.codat_method) == ("c", kind, codat_method)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{_SYNC}/expense-transactions"),
        ("POST", f"{_SYNC}/transfer-transactions"),
        ("PUT", f"{_SYNC}/adjustment-transactions/t"),
        ("POST", f"{_SYNC}/expense-transactions/t"),
        ("POST", f"{_SYNC}/other-transactions"),
        ("POST", f"{_SYNC}/syncs/s/transactions/t/attachments"),
        ("POST", "/recorded/c/expense-transactions/t"),
        ("GET", "/companies"),
    ],
)
def test_all_else_is_passed_on(method: str, path: str) -> None:
    """Codat says what it makes of it."""
    assert match_route(method, path) is None


def test_an_id_that_is_none_is_refused() -> None:
    """It would become part of a key; a GUID is the same in any letter case."""
    with pytest.raises(InvalidBodyError):
        match_route("POST", "/companies/a%2Fb/sync/expenses/expense-transactions")
    found = match_route("PUT", f"{_SYNC}/expense-transactions/4D7C6929-7770-412B-91BB-44D3BC71D333")
    assert found
    assert found.transaction_id == "4d7c6929-7770-412b-91bb-44d3bc71d333"


def test_a_path_contains_its_company() -> None:
    """Or none."""
    assert company_id_from_path("/companies/c/connections") == "c"
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
