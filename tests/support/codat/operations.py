"""The operations of Codat's API that write, and what submit does with each.

Source: Codat's OpenAPI descriptions of Sync for Expenses and of its common API, https://docs.codat.io. A test compares
them with these tables, if the variable ``CODAT_OPENAPI`` names a folder that holds them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_EXPENSES = "/companies/{companyId}/sync/expenses"


class Treatment(StrEnum):
    """What submit does with a request."""

    RECORDED = "recorded"
    FORWARDED = "forwarded"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Operation:
    """A method and the template of a path."""

    method: str
    path: str
    treatment: Treatment

    def path_with(self, value: str, **values: str) -> str:
        """Return the path with ``value`` for each parameter that is not in ``values``."""
        return "/".join(
            values.get(each[1:-1], value) if each.startswith("{") else each for each in self.path.split("/")
        )


WRITES = (
    Operation("POST", f"{_EXPENSES}/expense-transactions", Treatment.RECORDED),
    Operation("PUT", f"{_EXPENSES}/expense-transactions/{{transactionId}}", Treatment.RECORDED),
    Operation("POST", f"{_EXPENSES}/reimbursable-expense-transactions", Treatment.RECORDED),
    Operation("PUT", f"{_EXPENSES}/reimbursable-expense-transactions/{{transactionId}}", Treatment.RECORDED),
    Operation("PUT", f"{_EXPENSES}/transfer-transactions/{{transactionId}}", Treatment.RECORDED),
    Operation("POST", f"{_EXPENSES}/adjustment-transactions", Treatment.RECORDED),
    Operation("POST", f"{_EXPENSES}/config", Treatment.FORWARDED),
    Operation("POST", f"{_EXPENSES}/connections/partnerExpense", Treatment.FORWARDED),
    Operation("POST", f"{_EXPENSES}/syncs/{{syncId}}/transactions/{{transactionId}}/attachments", Treatment.FORWARDED),
    Operation("POST", "/companies", Treatment.FORWARDED),
    Operation("PUT", "/companies/{companyId}", Treatment.FORWARDED),
    Operation("PATCH", "/companies/{companyId}", Treatment.FORWARDED),
    Operation("DELETE", "/companies/{companyId}", Treatment.FORWARDED),
    Operation("POST", "/companies/{companyId}/connections", Treatment.FORWARDED),
    Operation("PATCH", "/companies/{companyId}/connections/{connectionId}", Treatment.FORWARDED),
    Operation("DELETE", "/companies/{companyId}/connections/{connectionId}", Treatment.FORWARDED),
    Operation("PUT", "/companies/{companyId}/connections/{connectionId}/authorization", Treatment.FORWARDED),
    Operation("POST", "/companies/{companyId}/connections/{connectionId}/push/accounts", Treatment.FORWARDED),
    Operation("POST", "/companies/{companyId}/connections/{connectionId}/push/bankAccounts", Treatment.FORWARDED),
    Operation("POST", "/companies/{companyId}/connections/{connectionId}/push/customers", Treatment.FORWARDED),
    Operation(
        "PUT", "/companies/{companyId}/connections/{connectionId}/push/customers/{customerId}", Treatment.FORWARDED
    ),
    Operation("POST", "/companies/{companyId}/connections/{connectionId}/push/suppliers", Treatment.FORWARDED),
    Operation(
        "PUT", "/companies/{companyId}/connections/{connectionId}/push/suppliers/{supplierId}", Treatment.FORWARDED
    ),
    Operation("POST", "/companies/{companyId}/data/all", Treatment.FORWARDED),
    Operation("POST", "/companies/{companyId}/data/queue/{dataType}", Treatment.FORWARDED),
    # API Gateway routes only what is below /companies to submit. These would be forwarded.
    Operation("POST", "/apiKeys", Treatment.FORWARDED),
    Operation("DELETE", "/apiKeys/{apiKeyId}", Treatment.FORWARDED),
    Operation("PUT", "/integrations/{platformKey}/datatypes/{dataType}/supplementalDataConfig", Treatment.FORWARDED),
    Operation("PUT", "/profile", Treatment.FORWARDED),
    Operation("POST", "/profile/syncSettings", Treatment.FORWARDED),
    Operation("POST", "/rules", Treatment.FORWARDED),
)

# No longer, or not yet, in the description: what may write expenses without being recorded.
UNDOCUMENTED_WRITES = (
    # Sync for Expenses v1, as the TypeScript SDK calls it.
    Operation("POST", f"{_EXPENSES}/data/expense-transactions", Treatment.REJECTED),
    Operation("PUT", f"{_EXPENSES}/data/expense-transactions/{{transactionId}}", Treatment.REJECTED),
    Operation("POST", f"{_EXPENSES}/syncs", Treatment.REJECTED),
    # Methods that Codat does not document for these paths.
    Operation("POST", f"{_EXPENSES}/transfer-transactions", Treatment.REJECTED),
    Operation("PUT", f"{_EXPENSES}/adjustment-transactions/{{transactionId}}", Treatment.REJECTED),
    Operation("POST", f"{_EXPENSES}/expense-transactions/{{transactionId}}", Treatment.REJECTED),
    Operation("PUT", f"{_EXPENSES}/expense-transactions", Treatment.REJECTED),
    Operation("PATCH", f"{_EXPENSES}/expense-transactions/{{transactionId}}", Treatment.REJECTED),
    Operation("DELETE", f"{_EXPENSES}/expense-transactions/{{transactionId}}", Treatment.REJECTED),
    Operation("PATCH", f"{_EXPENSES}/config", Treatment.REJECTED),
    # Kinds that Codat may add.
    Operation("POST", f"{_EXPENSES}/journal-transactions", Treatment.REJECTED),
    Operation("POST", f"{_EXPENSES}/syncs/{{syncId}}/retry", Treatment.REJECTED),
)


def read_documented_writes(folder: Path) -> set[tuple[str, str]]:
    """Return the methods and paths of every operation that writes, in the OpenAPI descriptions of ``folder``."""
    return {write for file in folder.glob("*.json") for write in _read_writes(file)}


def _read_writes(file: Path) -> Iterator[tuple[str, str]]:
    for path, operations in json.loads(file.read_text()).get("paths", {}).items():
        for method in operations.keys() & {"post", "put", "patch", "delete"}:
            yield method.upper(), path
