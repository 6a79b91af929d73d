"""Messages that are alike but for ids and numbers are one problem."""

import pytest

from codat_sync.syncs.failure_causes import (
    CauseSummary,
    SyncCause,
    cause_id,
    normalize_message,
    read_causes,
    summarize_causes,
    write_causes,
)
from codat_sync.syncs.items import Item


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
        ("a-" * 8_000, "a-" * 150),
    ],
)  # fmt: skip
def test_what_differs_from_failure_to_failure_is_left_out(message: str, text: str) -> None:
    """Ids, numbers and spaces."""
    assert normalize_message(message, 5130) == text


def test_without_a_message_the_code_explains_the_failure() -> None:
    """And if there is none either, that is said."""
    assert normalize_message(None, 4260) == "Billing of the accounting software has expired"
    assert normalize_message("  ", None) == "Codat does not say why"


def _failed(message: str | None, transaction_id: str = "t") -> Item:
    return Item(transaction_id, "expense", "PushError", message)


def test_the_failed_items_of_a_sync_are_counted_by_cause() -> None:
    """With the first of each as an example; items that have not failed do not count."""
    items = [
        Item("good", "expense", "Completed", "Account 1"),
        _failed("Rare", "a"),
        _failed("Account 1", "b"),
        _failed("Account 2", "c"),
        _failed(None, "d"),
    ]
    assert summarize_causes(items, 4260) == CauseSummary(
        (
            SyncCause("Account #", 2, "b", "Account 1"),
            SyncCause("Rare", 1, "a", "Rare"),
            SyncCause("Billing of the accounting software has expired", 1, "d", None),
        )
    )
    assert summarize_causes(items, 4260, 1) == CauseSummary((SyncCause("Account #", 2, "b", "Account 1"),), 2)


def test_a_summary_is_read_as_it_was_written() -> None:
    """But for the end of a long example: the text is what the long message was normalised to."""
    message = "x" * 16_000
    written = write_causes(summarize_causes([_failed(message), _failed("Account 1")], 5130, 1))
    assert read_causes(written) == CauseSummary((SyncCause("x" * 300, 1, "t", "x" * 500),), 1)


def test_a_text_that_is_cut_has_the_same_id_when_it_is_read_again() -> None:
    """Otherwise the items of a large sync would not be found by their cause."""
    message = f"{'x' * 299} and more"
    (read,) = read_causes(write_causes(summarize_causes([_failed(message)], 5130))).causes
    assert cause_id(read.text) == cause_id(normalize_message(message, 5130))


def test_a_text_that_an_older_version_wrote_is_normalised_again() -> None:
    """The same cause has one id, whichever version counted it."""
    counts = [{"text": "Account 6100", "failures": 1}]
    assert read_causes({"counts": counts, "otherFailures": 0}).causes == (SyncCause("Account #", 1, None, None),)


def test_the_id_of_a_cause_is_stable() -> None:
    """It is part of links that people keep."""
    assert cause_id("Account # is archived.") == "a1464ef2ef732e46"
