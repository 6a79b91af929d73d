"""A body is read as Codat's description of its kind says, whatever else is in it."""

from decimal import Decimal

import pytest

from codat_sync.retries.submitted_expense import read_expense
from codat_sync.submissions.expense_bodies import Kind

_EXPENSE = """{"id": "t", "type": "Payment", "issueDate": "2026-11-24T00:00:00+00:00", "currency": "GBP",
  "currencyRate": 1.5, "merchantName": "Café Noir", "reference": "R-1", "notes": "with Ann",
  "contactRef": {"id": "s1", "type": "Supplier"}, "bankAccountRef": {"id": "b1"},
  "lines": [{"netAmount": 100.10, "taxAmount": 20.02, "taxRateRef": {"id": "vat"}, "accountRef": {"id": "a1"},
             "itemRef": {"id": "i1"}, "invoiceTo": {"id": "c1"},
             "trackingRefs": [{"id": "k1", "dataType": "trackingCategories"}, {"id": "k2"}]},
            {"netAmount": -0.1}]}"""
_REIMBURSABLE = """{"contactRef": {"id": "e1"}, "issueDate": "2026-11-24", "dueDate": "2026-12-24", "currency": "EUR",
  "reference": "R-2", "lines": [{"description": "Taxi", "netAmount": 12, "accountRef": {"id": "a2"}}]}"""
_TRANSFER = """{"description": "Top up", "date": "2026-11-24",
  "from": {"accountRef": {"id": "a3"}, "amount": 250.00}, "to": {"accountRef": {"id": "a4"}, "amount": 290.5}}"""
_ADJUSTMENT = """{"id": "t", "date": "2026-11-24", "currency": "GBP", "reference": "R-3",
  "lines": [{"amount": 5.5, "accountRef": {"id": "a5"}, "description": "debit"},
            {"amount": -5.5, "accountRef": {"id": "a6"}, "trackingRefs": [{"id": "s9", "dataType": "suppliers"}]}]}"""


def test_an_expense_has_its_merchant_total_and_lines() -> None:
    """The total is with tax. Amounts are exact."""
    found = read_expense(Kind.EXPENSE, _EXPENSE)
    assert found
    assert (found.merchant, found.reference, found.contact_id, found.bank_account_id) == (
        "Café Noir",
        "R-1",
        "s1",
        "b1",
    )
    assert (found.type, found.date, found.currency, found.notes) == (
        *("Payment", "2026-11-24T00:00:00+00:00"),
        *("GBP", "with Ann"),
    )
    assert (found.amount, found.currency_rate) == (Decimal("120.02"), Decimal("1.5"))
    first, second = found.lines
    assert (first.net_amount, first.tax_amount, first.tax_rate_id) == (Decimal("100.10"), Decimal("20.02"), "vat")
    assert (first.account_id, first.item_id, first.invoice_to) == ("a1", "i1", "c1")
    assert first.tracking == (("trackingCategories", "k1"), ("", "k2"))
    assert (second.net_amount, second.tax_amount, second.account_id) == (Decimal("-0.1"), None, None)


def test_a_reimbursable_expense_has_a_due_date_and_described_lines() -> None:
    """Its contact is who is reimbursed."""
    found = read_expense(Kind.REIMBURSABLE, _REIMBURSABLE)
    assert found
    assert (found.contact_id, found.due_date, found.amount) == ("e1", "2026-12-24", Decimal(12))
    assert [(line.description, line.account_id, line.net_amount) for line in found.lines] == [
        ("Taxi", "a2", Decimal(12))
    ]


def test_a_transfer_has_two_sides() -> None:
    """Each in the currency of its account."""
    found = read_expense(Kind.TRANSFER, _TRANSFER)
    assert found
    assert (found.date, found.notes, found.amount) == ("2026-11-24", "Top up", Decimal(250))
    assert [(line.description, line.account_id, line.net_amount) for line in found.lines] == [
        ("From", "a3", Decimal(250)),
        ("To", "a4", Decimal("290.5")),
    ]


def test_an_adjustment_has_debits_and_credits() -> None:
    """Their sum is zero."""
    found = read_expense(Kind.ADJUSTMENT, _ADJUSTMENT)
    assert found
    assert (found.reference, found.amount) == ("R-3", Decimal(0))
    assert [(line.net_amount, line.account_id) for line in found.lines] == [
        (Decimal("5.5"), "a5"),
        (Decimal("-5.5"), "a6"),
    ]
    assert found.lines[1].tracking == (("suppliers", "s9"),)


def test_names_are_read_in_any_letter_case() -> None:
    """As .NET does."""
    found = read_expense(
        Kind.EXPENSE, '{"MerchantName": "Bar", "LINES": [{"NetAmount": 1, "AccountRef": {"ID": "a"}}]}'
    )
    assert found
    assert (found.merchant, found.lines[0].account_id, found.lines[0].net_amount) == ("Bar", "a", Decimal(1))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "text",
    [
        '{"lines": "none", "from": [], "contactRef": "s1", "currency": 7, "date": null}',
        '{"lines": [null, 7, {"netAmount": "12", "amount": true, "trackingRefs": {"id": "k"}, "accountRef": null}]}',
        '{"lines": [{"netAmount": 1e400, "taxAmount": 1e-400, "amount": 1e29}], "currencyRate": 1e-29}',
        '{"x": 1}',
    ],
)
def test_what_has_another_shape_is_absent(kind: Kind, text: str) -> None:
    """Codat decides what is valid; here nothing fails."""
    found = read_expense(kind, text)
    assert found
    assert (found.contact_id, found.currency, found.date, found.currency_rate) == (None, None, None, None)
    for line in found.lines:
        assert (line.net_amount, line.tax_amount, line.account_id, line.tracking) == (None, None, None, ())


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '"text"', "7", "[" * 100_000])
def test_a_purged_or_unreadable_body_is_no_expense(text: str) -> None:
    """The page says so."""
    assert read_expense(Kind.EXPENSE, text) is None
