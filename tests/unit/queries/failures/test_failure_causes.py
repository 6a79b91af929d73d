"""Failures with the same message but for ids and numbers are one cause."""

from datetime import date

from codat_sync.queries.failures.failure_causes import CauseGroups, Failure

_TODAY = date(2026, 11, 3)


def _failure(company: str, sync: str, at: str, text: str, number: int = 1) -> Failure:
    return Failure(company, sync, at, 5130, text, None, f"{text} of {sync}", number)


def _groups(*failures: Failure) -> CauseGroups:
    groups = CauseGroups(_TODAY)
    groups.add_all(failures)
    return groups


def test_the_most_frequent_cause_is_first_with_its_newest_example() -> None:
    """Counted over syncs and companies."""
    found = _groups(
        _failure("c1", "s1", "2026-11-01", "Rare"),
        _failure("c1", "s1", "2026-11-01", "Account #", 5),
        _failure("c2", "s2", "2026-11-03", "Account #"),
        _failure("c2", "s3", "2026-11-02", "Account #"),
    ).causes()
    assert [(cause.text, cause.failures, len(cause.syncs), len(cause.companies)) for cause in found] == [
        ("Account #", 7, 3, 2),
        ("Rare", 1, 1, 1),
    ]
    assert found[0].example.message == "Account # of s2"


def test_the_failures_of_today_and_since_yesterday_are_counted() -> None:
    """Days are in UTC."""
    (cause,) = _groups(
        _failure("c", "s1", "2026-11-03T00:00:00.000Z", "x", 2),
        _failure("c", "s2", "2026-11-02T00:00:00.000Z", "x", 3),
        _failure("c", "s3", "2026-11-01T23:59:59.999Z", "x", 4),
    ).causes()
    assert (cause.failures, cause.today, cause.since_yesterday) == (9, 2, 5)
    assert cause.first_at == "2026-11-01T23:59:59.999Z"


def test_the_company_with_the_most_failures_is_affected_first() -> None:
    """With its own syncs, and the time of the newest."""
    (cause,) = _groups(
        _failure("c1", "s1", "2026-11-01", "x"),
        _failure("c2", "s2", "2026-11-03", "x", 3),
        _failure("c2", "s3", "2026-11-02", "x"),
    ).causes()
    assert [(each.company_id, each.failures, len(each.syncs), each.last_at) for each in cause.affected] == [
        ("c2", 4, 2, "2026-11-03"),
        ("c1", 1, 1, "2026-11-01"),
    ]
