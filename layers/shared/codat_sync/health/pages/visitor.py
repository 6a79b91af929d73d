"""Who looks at a page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who looks at a page.

    ``form_token`` has to come back with what they send. ``is_anybody`` tells that nobody was asked who they are, which
    is only so in the local environment.
    """

    name: str
    may_retry: bool
    form_token: str
    is_anybody: bool


ANYBODY = Visitor("Anybody", may_retry=True, form_token="authentication-is-off", is_anybody=True)  # noqa: S106 - none
