"""What a company is connected to."""

from codat_sync.companies.company import Connection, build_company


def _connection(platform: str, source_type: str, status: str) -> Connection:
    return {"platformName": platform, "sourceType": source_type, "status": status}


def test_of_several_targets_the_linked_one_counts() -> None:
    """A customer who changed accounting software still has the old connection."""
    company = build_company(
        "c",
        "Toft",
        [
            _connection("Xero", "Accounting", "Unlinked"),
            _connection("QuickBooks Online", "Accounting", "Linked"),
            _connection("Partner Expense", "Expense", "Linked"),
            _connection("Shopify", "Commerce", "Linked"),
        ],
    )
    assert (company.source_platform, company.target_platform) == ("Partner Expense", "QuickBooks Online")
    assert company.connection_status == "Linked"


def test_if_none_is_linked_the_first_counts() -> None:
    """Its state explains why nothing is written."""
    connections = [_connection("Xero", "Accounting", "Deauthorized"), _connection("Sage", "Accounting", "PendingAuth")]
    company = build_company("c", "Toft", connections)
    assert (company.target_platform, company.connection_status) == ("Xero", "Deauthorized")


def test_a_company_need_not_have_any() -> None:
    """Nor need a connection say what it is."""
    for connections in ([], [Connection()], [_connection("Xero", "Accounting", "x") | {"sourceType": None}]):
        company = build_company("c", None, connections)
        assert (company.source_platform, company.target_platform, company.connection_status) == (None, None, None)
