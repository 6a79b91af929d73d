"""Messages that are alike but for ids and numbers are one problem."""

import pytest

from codat_sync.queries.failure_causes import CauseGroups, Failure, normalize_message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Account 6100 is archived.", "Account # is archived."),
        ("Account 61.00 is archived.", "Account # is archived."),
        ("No supplier 4d7c6929-7770-412b-91bb-44d3bc71d111 there", "No supplier … there"),
        ("One or more transactions have previously been processed: 4D7C6929-7770-412B-91BB-44D3BC71D111",
         "One or more transactions have previously been processed: …"),
        ("Two\n lines  and spaces ", "Two lines and spaces"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("No supplier sup_7fQx2b for INV-AB12C", "No supplier … for …"),
        ("Vendor 5f3e9a0c1b2d is gone", "Vendor … is gone"),
        ("No supplier 'Acme Ltd' there", "No supplier '…' there"),
        ("The company's books aren't open", "The company's books aren't open"),
        ("x" * 16_000, "x" * 300),
    ],
)  # fmt: skip
def test_what_differs_from_failure_to_failure_is_left_out(message: str, text: str) -> None:
    """Ids, numbers and spaces."""
    assert normalize_message(message, 5130) == text


def test_without_a_message_the_code_explains_the_failure() -> None:
    """And if there is none either, that is said."""
    assert normalize_message(None, 4260) == "Billing of the accounting software has expired"
    assert normalize_message("  ", None) == "Codat does not say why"


def test_the_most_frequent_cause_is_first_with_its_newest_example() -> None:
    """Counted over syncs and companies."""

    def failure(company: str, sync: str, at: str, message: str) -> Failure:
        return Failure(company, sync, at, 5130, None, message)

    groups = CauseGroups()
    groups.add_all(
        [
            failure("c1", "s1", "2026-11-01", "Rare"),
            failure("c1", "s1", "2026-11-01", "Account 1"),
            failure("c2", "s2", "2026-11-03", "Account 2"),
            failure("c2", "s3", "2026-11-02", "Account 3"),
        ]
    )
    found = groups.causes()
    assert [(cause.text, cause.failures, len(cause.syncs), len(cause.companies)) for cause in found] == [
        ("Account #", 3, 3, 2),
        ("Rare", 1, 1, 1),
    ]
    assert found[0].example.message == "Account 2"
