"""Represent what Codat read from a company's accounting software. The data is made up and always the same."""

from dev.codat_simulator.api.representations import made_id
from dev.codat_simulator.books.models import Company
from dev.codat_simulator.wire import JsonObject

_EXPENSE_TYPES = ["Payment", "Refund", "Reward", "Chargeback"]
_EXPENSE_ENDPOINTS = [f"expense-transactions.{name}" for name in _EXPENSE_TYPES]
_DATA_TYPES = ("bankAccounts", "chartOfAccounts", "company", "customers", "suppliers", "taxRates", "trackingCategories")


def mapping_options_json(company: Company) -> JsonObject:
    """Represent the accounts, tracking categories and tax rates that an expense may refer to."""
    return {
        "expenseProvider": company.source_platform,
        "accounts": [
            _account("6100", "Travel", "Expense", ["reimbursable-expense-transactions", "adjustment-transactions"]),
            _account("1200", "Current account", "Asset", ["transfer-transactions"]),
        ],
        "trackingCategories": [
            {"id": "c", "name": "Departments", "hasChildren": True, "parentId": None},
            {"id": "c-1", "name": "Sales", "hasChildren": False, "parentId": "c"},
        ],
        "taxRates": [
            {
                "id": "vat-20",
                "name": "20% VAT",
                "code": None,
                "effectiveTaxRate": 20.0,
                "totalTaxRate": 20.0,
                "validTransactionTypes": _EXPENSE_TYPES,
            }
        ],
    }


def _account(code: str, name: str, account_type: str, other_endpoints: list[str]) -> JsonObject:
    return {
        "id": code,
        "nominalCode": code,
        "name": name,
        "currency": "GBP",
        "accountType": account_type,
        "fullyQualifiedCategory": f"{account_type}.{name}",
        "isBankAccount": account_type == "Asset",
        "validTransactionTypes": _EXPENSE_TYPES,
        "validFor": _EXPENSE_ENDPOINTS + other_endpoints,
    }


def data_status_json(company: Company) -> JsonObject:
    """Represent when each type of data was last read."""
    return {
        name: {
            "dataType": name,
            "lastSuccessfulSync": company.created,
            "currentStatus": "Complete",
            "latestSyncId": made_id(company, name),
            "latestSuccessfulSyncId": made_id(company, name),
        }
        for name in _DATA_TYPES
    }


def company_info_json(company: Company) -> JsonObject:
    """Represent the company as its accounting software describes it."""
    return {
        "companyName": company.name,
        "accountingPlatformRef": made_id(company, "accounting"),
        "companyLegalName": company.name,
        "addresses": [{"type": "Billing", "line1": "1 High Street", "city": "London", "country": "GB"}],
        "phoneNumbers": [{"number": "+44 1632 960000", "type": "Primary"}],
        "webLinks": [{"type": "Website", "url": "https://example.com"}],
        "registrationNumber": None,
        "taxNumber": None,
        "baseCurrency": "GBP",
        "createdDate": company.created,
    }
