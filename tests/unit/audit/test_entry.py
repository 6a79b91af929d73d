"""What an audit entry holds, and that it stays small."""

from datetime import UTC, datetime

from codat_sync.audit.entry import Action, AuditEntry, list_ids, shorten

_AT = datetime(2026, 11, 28, 10, tzinfo=UTC)


def test_texts_are_cut_and_empty_details_are_left_out() -> None:
    """Who is in a form can write what they like; an entry remains small."""
    details = {"reason": "x" * 1_000, "none": ""} | {f"d{number}": "y" for number in range(30)}
    bounded = AuditEntry(_AT, "n" * 1_000, Action.NOTE, details=details).bounded
    assert (len(bounded.actor), len(bounded.details), len(bounded.details["reason"])) == (300, 20, 500)
    assert bounded.details["reason"].endswith("x…")
    assert "none" not in bounded.details


def test_more_details_make_the_same_entry() -> None:
    """Recorded again, it replaces the first one: position and id stay."""
    entry = AuditEntry(_AT, "Ann", Action.RETRY, details={"transactions": "t"})
    complete = entry.with_details(state="resolved")
    assert complete.position == entry.position == f"2026-11-28T10:00:00.000Z#{entry.entry_id}"
    assert complete.details == {"transactions": "t", "state": "resolved"}
    assert AuditEntry(_AT, "Ann", Action.RETRY).position != entry.position


def test_ids_are_listed_with_their_number_if_they_do_not_fit() -> None:
    """A retry can name a thousand."""
    assert list_ids({"b", "a"}) == "a, b"
    text = list_ids([f"transaction-{number:04}" for number in range(1_000)])
    assert text.startswith("1000: transaction-0000, ")
    assert len(text) == 500
    assert shorten("abc", 3) == "abc"
