"""`make check`, against what is deployed."""

import json
from collections.abc import Iterator

import pytest

from dev.codat_simulator.control.client import SimulatorControl
from dev.local_stack.aws_clients import LocalAws
from ops.check import check
from ops.cloudformation import outputs
from ops.deployment import Deployment
from ops.local_stack import STACK, Outputs

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them


@pytest.fixture
def aws(stack: Outputs) -> LocalAws:
    return LocalAws(stack.aws_endpoint_url)


@pytest.fixture
def codat(stack: Outputs) -> Iterator[SimulatorControl]:
    """Yield the control client of simulated Codat."""
    with SimulatorControl(stack.codat_url) as control:
        yield control


@pytest.fixture
def secret_ids(aws: LocalAws) -> Iterator[dict[str, str]]:
    """Yield the ids of the stack's secrets; restores their values afterwards."""
    made = outputs(aws.cloudformation, STACK)
    ids = {name: made[name] for name in ("WebhookSecretArn", "CodatSecretArn")}
    values = {id_: aws.secretsmanager.get_secret_value(SecretId=id_)["SecretString"] for id_ in ids.values()}
    yield ids
    for id_, value in values.items():
        aws.secretsmanager.put_secret_value(SecretId=id_, SecretString=value)


def test_a_deployment_that_works_passes_every_check(stack: Outputs, capsys: pytest.CaptureFixture[str]) -> None:
    """The event gets through receiver, queue and worker, and the worker's own log is the witness."""
    assert check(Deployment.local(stack))
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["✓"] * 7
    assert "✓ webhook endpoint healthy; Codat's example event: " in lines[2]
    assert "acknowledged it" in lines[5]


def test_an_empty_secret_is_reported_with_the_command_that_sets_it(
    stack: Outputs, aws: LocalAws, secret_ids: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And what needs it is not tried."""
    aws.secretsmanager.put_secret_value(SecretId=secret_ids["WebhookSecretArn"], SecretString='{"signingSecrets": []}')
    aws.secretsmanager.put_secret_value(SecretId=secret_ids["CodatSecretArn"], SecretString="not JSON")
    assert not check(Deployment.local(stack))
    output = capsys.readouterr().out
    assert "✗ signing secrets  the secret holds no signing secret yet" in output
    assert "✗ Codat's API key  the secret is not" in output
    assert output.count("aws secretsmanager put-secret-value") == 2
    assert "✓" not in output


@pytest.mark.parametrize(
    ("signing", "key", "reasons"),
    [
        ("whsec_…", f"whsec_{'A' * 32}", ("is still a placeholder", "is the signing secret of a webhook endpoint")),
        ("whsec_c2VjcmV0", "Basic …", ("is too short", "is still a placeholder")),
    ],
)
def test_what_is_wrong_with_a_secret_is_reported(  # noqa: PLR0913, PLR0917 - what is stored, and what is expected
    stack: Outputs,
    aws: LocalAws,
    secret_ids: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    signing: str,
    key: str,
    reasons: tuple[str, ...],
) -> None:
    """Without quoting it."""
    stored = {
        "WebhookSecretArn": {"signingSecrets": [signing, stack.signing_secret]},
        "CodatSecretArn": {"apiKey": key},
    }
    for name, value in stored.items():
        aws.secretsmanager.put_secret_value(SecretId=secret_ids[name], SecretString=json.dumps(value))
    assert not check(Deployment.local(stack))
    said = capsys.readouterr().out
    assert all(reason in said for reason in reasons)
    assert "c2VjcmV0" not in said


def test_secrets_as_pasted_pass_every_check(
    stack: Outputs, aws: LocalAws, secret_ids: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The receiver and the worker clean them up in the same way."""
    signing, key = f"v1,{stack.signing_secret}\n", f'"{stack.codat_api_key}"\n'
    aws.secretsmanager.put_secret_value(SecretId=secret_ids["WebhookSecretArn"], SecretString=signing)
    aws.secretsmanager.put_secret_value(SecretId=secret_ids["CodatSecretArn"], SecretString=json.dumps({"apiKey": key}))
    assert check(Deployment.local(stack))
    assert capsys.readouterr().out.count("✓") == 7


def test_a_filtered_endpoint_is_reported(
    stack: Outputs, codat: SimulatorControl, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do about it; the rest is checked all the same."""
    codat.set_webhook_url(stack.webhook_url, company_tags=("region:us",))
    try:
        assert not check(Deployment.local(stack))
    finally:
        codat.set_webhook_url(stack.webhook_url)
    said = capsys.readouterr().out
    assert f"✗ webhook endpoint filtered: {stack.webhook_url}" in said
    assert "remove its company tags" in said
    assert said.count("✓") == 6


def test_a_rejected_api_key_is_reported(
    stack: Outputs, aws: LocalAws, secret_ids: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The key itself is not shown."""
    wrong = json.dumps({"apiKey": "a wrong key"})
    aws.secretsmanager.put_secret_value(SecretId=secret_ids["CodatSecretArn"], SecretString=wrong)
    assert not check(Deployment.local(stack))
    output = capsys.readouterr().out
    assert f"✗ Codat            {stack.codat_url} answers 401" in output
    assert "a wrong key" not in output
    assert output.count("✓") == 5
