"""Settings and fixtures of all tests. No test ever reaches a real AWS account."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Tests create many objects with few reference cycles: collecting at the usual rate takes a tenth of the time.
gc.set_threshold(100_000, 20)

# Powertools reads these once, when the first test imports the logger and the metrics.
os.environ |= {"POWERTOOLS_METRICS_NAMESPACE": "CodatSync", "POWERTOOLS_SERVICE_NAME": "tests"}

# How long an example takes depends on how busy the machine is. In CI the examples are always the same: what fails there
# fails because of the change. Elsewhere each run tries others.
settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _no_aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
