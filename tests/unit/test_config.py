"""The environment."""

import pytest

from codat_sync.auth.roles import AccessPolicy
from codat_sync.config import (
    ClockSettings,
    HealthSettings,
    IndexSettings,
    LoginSettings,
    PublishSettings,
    ReconcileSettings,
    RetrySettings,
    SubmitSettings,
    WorkerSettings,
)
from codat_sync.core.errors import SettingsError
from codat_sync.search.kinds import SearchIndexScope

_WORKER = {
    "CODAT_BASE_URL": "https://api.codat.io",
    "CODAT_SECRET_ARN": "arn:secret",
    "SYNC_TABLE_NAME": "table",
    "SYNC_QUEUE_URL": "https://queue",
    "SYNC_DEAD_LETTER_QUEUE_URL": "https://dead",
    "EVENT_RETENTION_DAYS": "16",
    "POLL_INITIAL_DELAY_SECONDS": "60",
    "MAXIMUM_CONCURRENCY": "2",
}


@pytest.mark.parametrize("name", list(_WORKER))
def test_the_worker_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    assert WorkerSettings.from_environment(_WORKER).event_retention.days == 16
    with pytest.raises(SettingsError, match=name):
        WorkerSettings.from_environment({key: value for key, value in _WORKER.items() if key != name})


@pytest.mark.parametrize("name", ["SYNC_TABLE_NAME", "SYNC_QUEUE_URL", "RETRY_QUEUE_URL"])
def test_the_clock_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    environment = {"SYNC_TABLE_NAME": "table", "SYNC_QUEUE_URL": "https://queue", "RETRY_QUEUE_URL": "https://retry"}
    assert ClockSettings.from_environment(environment) == ClockSettings("table", "https://queue", "https://retry")
    with pytest.raises(SettingsError, match=name):
        ClockSettings.from_environment(environment | {name: ""})


def test_a_number_of_days_is_a_number() -> None:
    """Else the error says what it is instead."""
    with pytest.raises(SettingsError, match=r"EVENT_RETENTION_DAYS.*'a fortnight'"):
        WorkerSettings.from_environment(_WORKER | {"EVENT_RETENTION_DAYS": "a fortnight"})


_SUBMIT = {name: value for name, value in _WORKER.items() if "QUEUE" not in name and name != "MAXIMUM_CONCURRENCY"}
_RETRY = _SUBMIT | {
    "RETRY_DEAD_LETTER_QUEUE_URL": "https://dead",
    "RETRY_MAX_ATTEMPTS": "5",
    "RETRY_INITIAL_DELAY_SECONDS": "300",
    "RETRY_MAX_DELAY_SECONDS": "21600",
    "ENVIRONMENT": "dev",
    "AUTHENTICATION": "on",
    "ROLE_CLAIMS": "cognito:groups,scope",
}


@pytest.mark.parametrize("name", list(_SUBMIT))
def test_submit_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    assert SubmitSettings.from_environment(_SUBMIT).poll_initial_delay.total_seconds() == 60
    with pytest.raises(SettingsError, match=name):
        SubmitSettings.from_environment({key: value for key, value in _SUBMIT.items() if key != name})


@pytest.mark.parametrize("name", list(_RETRY))
def test_retry_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    settings = RetrySettings.from_environment(_RETRY)
    assert (settings.max_attempts, settings.max_delay.total_seconds()) == (5, 21600)
    with pytest.raises(SettingsError, match=name):
        RetrySettings.from_environment({key: value for key, value in _RETRY.items() if key != name})


_HEALTH = _WORKER | _RETRY | {"RETRY_FUNCTION_NAME": "retry", "RETRY_QUEUE_URL": "https://retry", "SEARCH_INDEX": "all"}
_LOGIN = {
    "ENVIRONMENT": "dev",
    "AUTHENTICATION": "on",
    "ROLE_CLAIMS": "cognito:groups, scope,",
    "ISSUER": "https://issuer.example",
    "LOGIN_SECRET_ID": "stack-login",
    "SESSION_SECRET_ARN": "arn:session",
}


@pytest.mark.parametrize("name", list(_LOGIN))
def test_the_pages_say_which_variable_is_missing(name: str) -> None:
    """Each of them; all they can do without is an address of the customer's."""
    settings = LoginSettings.from_environment(_LOGIN | {"PUBLIC_URL": ""})
    assert settings.access == AccessPolicy(is_enabled=True, roles_claims=("cognito:groups", "scope"))
    assert (settings.public_url, settings.is_local) == ("", False)
    with pytest.raises(SettingsError, match=name):
        LoginSettings.from_environment(_LOGIN | {name: ""})


@pytest.mark.parametrize("environment", ["dev", "prod", "Local", "local "])
def test_authentication_is_off_nowhere_but_in_the_local_environment(environment: str) -> None:
    """The function does not start with this setting in another environment."""
    off = {"AUTHENTICATION": "off", "ENVIRONMENT": environment}
    for read, good in (
        (LoginSettings.from_environment, _LOGIN),
        (RetrySettings.from_environment, _RETRY),
        (HealthSettings.from_environment, _HEALTH),
    ):
        assert not read(good | off | {"ENVIRONMENT": "local"}).access.is_enabled
        with pytest.raises(SettingsError, match=r"AUTHENTICATION .*ENVIRONMENT is local"):
            read(good | off)
        with pytest.raises(SettingsError, match=r"AUTHENTICATION .*'maybe'"):
            read(good | {"AUTHENTICATION": "maybe", "ENVIRONMENT": "local"})


@pytest.mark.parametrize("name", ["ISSUER", "PUBLIC_URL"])
def test_nobody_signs_in_without_tls_but_in_the_local_environment(name: str) -> None:
    """Nothing else says that a token is the issuer's."""
    environment = _LOGIN | {name: "http://127.0.0.1:9"}
    assert LoginSettings.from_environment(environment | {"ENVIRONMENT": "local"})
    with pytest.raises(SettingsError, match=name):
        LoginSettings.from_environment(environment)


@pytest.mark.parametrize("name", ["SYNC_TABLE_NAME", "EVENT_BUS_NAME", "PUBLISH_DEAD_LETTER_QUEUE_URL"])
def test_publish_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    environment = {
        "SYNC_TABLE_NAME": "table",
        "EVENT_BUS_NAME": "events",
        "PUBLISH_DEAD_LETTER_QUEUE_URL": "https://dead",
    }
    assert PublishSettings.from_environment(environment) == PublishSettings("table", "events", "https://dead")
    with pytest.raises(SettingsError, match=name):
        PublishSettings.from_environment(environment | {name: ""})


def test_index_says_which_variable_is_missing_or_has_no_meaning() -> None:
    """Each of them."""
    environment = {"SYNC_TABLE_NAME": "table", "SEARCH_INDEX": "ids"}
    assert IndexSettings.from_environment(environment) == IndexSettings("table", SearchIndexScope.IDS)
    for name in environment:
        with pytest.raises(SettingsError, match=name):
            IndexSettings.from_environment(environment | {name: ""})
    with pytest.raises(SettingsError, match=r"SEARCH_INDEX.*'some'"):
        IndexSettings.from_environment(environment | {"SEARCH_INDEX": "some"})


_RECONCILE = {
    name: _WORKER[name] for name in ("CODAT_BASE_URL", "CODAT_SECRET_ARN", "SYNC_TABLE_NAME", "SYNC_QUEUE_URL")
} | {
    "WEBHOOK_URL": "https://api.example.com/webhooks/codat",
    "RECONCILE_QUOTA_PERCENT": "10",
    "RECONCILE_ACTIVE_INTERVAL_MINUTES": "30",
    "RECONCILE_IDLE_INTERVAL_MINUTES": "360",
}


@pytest.mark.parametrize("name", list(_RECONCILE))
def test_reconcile_says_which_variable_is_missing(name: str) -> None:
    """Each of them."""
    settings = ReconcileSettings.from_environment(_RECONCILE)
    assert (settings.quota_percent, settings.idle_interval.total_seconds()) == (10, 21600)
    with pytest.raises(SettingsError, match=name):
        ReconcileSettings.from_environment({key: value for key, value in _RECONCILE.items() if key != name})
