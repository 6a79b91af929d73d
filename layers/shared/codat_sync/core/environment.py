"""Read environment variables."""

from collections.abc import Mapping

from codat_sync.core.errors import SettingsError


def required(environment: Mapping[str, str], name: str) -> str:
    """Return the variable ``name``. Raises SettingsError if it is missing or empty."""
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value
