"""One attempt to sign in."""

from codat_sync.auth.login_state import LoginState, begin_login


def test_the_challenge_is_the_one_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    attempt = LoginState("state", "nonce", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "/")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_no_two_attempts_share_anything() -> None:
    """Nor do their parts; each is as long as the standard wants a verifier at least."""
    made = [begin_login("/syncs") for _ in range(100)]
    secrets = [part for each in made for part in (each.state, each.nonce, each.verifier)]
    assert len(set(secrets)) == 300
    assert all(43 <= len(each) <= 128 for each in secrets)
    assert {each.next_path for each in made} == {"/syncs"}


def test_an_attempt_is_answered_by_its_own_state_only() -> None:
    """Whatever else comes."""
    attempt = begin_login("//evil.example")
    assert attempt.next_path == "/"
    assert attempt.is_state_valid(attempt.state)
    assert not any(map(attempt.is_state_valid, ("", attempt.state[:-1], attempt.state + "A", "é", "\ud800")))
