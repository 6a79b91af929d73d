"""What an upgrade changes, held on the template as AWS transforms it."""

import copy
import json
import os
import re
import tomllib
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from dev.deploying.template import read_template
from dev.paths import ROOT
from dev.release.stack_policy import POLICY, protect
from dev.release.version_stamp import stamp
from ops.errors import CommandError
from tests.support.alarms import ALARMS, NAMESPACE, RESOURCES, metrics_of


def _transformed(
    parameters: dict[str, str] | None = None, *, layer: str = "first", code: str = "first", built_at: str = ""
) -> Any:  # noqa: ANN401 - CloudFormation's
    """Return the resources that SAM makes of the template, with the layer and the code uploaded under these names."""
    template = copy.deepcopy(read_template())
    stamp(template, parameters or {}, built_at)
    for resource in template["Resources"].values():
        match resource["Type"]:
            case "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = {"Bucket": "b", "Key": code}
            case "AWS::Serverless::LayerVersion":
                resource["Properties"]["ContentUri"] = {"Bucket": "b", "Key": layer}
    return Translator({}, Parser()).translate(template, parameters or {})["Resources"]


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "AWS_DEFAULT_REGION", "eu-west-2")


def _of_type(resources: Any, kind: str) -> set[str]:  # noqa: ANN401 - CloudFormation's
    return {name for name, resource in resources.items() if resource["Type"] == kind}


def test_a_change_of_the_layer_alone_makes_a_new_version_of_every_function() -> None:
    """Else the old code would run on, and the deployment would say that it succeeded."""
    before, after = (_of_type(_transformed(layer=layer), "AWS::Lambda::Version") for layer in ("first", "second"))
    assert len(before) == len(_of_type(_transformed(), "AWS::Lambda::Function"))
    assert before.isdisjoint(after)
    assert before == _of_type(_transformed(), "AWS::Lambda::Version")


def test_so_does_a_change_of_the_code_or_of_a_parameter() -> None:
    """SAM itself does not resolve a `!Ref`."""
    before = _of_type(_transformed(), "AWS::Lambda::Version")
    assert before.isdisjoint(_of_type(_transformed(code="second"), "AWS::Lambda::Version"))
    assert before.isdisjoint(_of_type(_transformed({"LogLevel": "DEBUG"}), "AWS::Lambda::Version"))
    assert before == _of_type(_transformed({"LogLevel": "INFO"}), "AWS::Lambda::Version")


# What a function has and its versions don't: https://github.com/aws/serverless-application-model/issues/3281
_NOT_OF_A_VERSION = {"Tags", "ReservedConcurrentExecutions", "CodeSigningConfigArn"}


def _kept_in_versions(resources: Any) -> dict[str, Any]:  # noqa: ANN401 - CloudFormation's
    """Return, by function, what Lambda keeps in a version of it."""
    return {
        name: {key: each for key, each in resources[name]["Properties"].items() if key not in _NOT_OF_A_VERSION}
        for name in _of_type(resources, "AWS::Lambda::Function")
    }


@pytest.mark.parametrize(
    "change", [{"parameters": {"AlarmEmail": "a@example.com"}}, {"built_at": "later"}, {"layer": "other"}]
)
def test_a_new_version_has_something_new_in_it(change: dict[str, Any]) -> None:
    """Else Lambda refuses it and the deployment fails: "A version for this Lambda function exists".

    Of each function, though the parameter is not its own. And of a build that is tried again after it was taken back:
    the version of the first try is still there.
    """
    before, after = _transformed(), _transformed(**change)
    assert _of_type(before, "AWS::Lambda::Version").isdisjoint(_of_type(after, "AWS::Lambda::Version"))
    old, new = _kept_in_versions(before), _kept_in_versions(after)
    assert [name for name in old if old[name] == new[name]] == []


def test_all_that_calls_a_function_calls_the_version_that_is_live() -> None:
    """Queues, schedules, the API and its permissions: who calls the function itself calls what is not tried yet."""
    resources = _transformed()
    aliases = _of_type(resources, "AWS::Lambda::Alias")
    assert {resources[name]["Properties"]["Name"] for name in aliases} == {"live"}
    for name in _of_type(resources, "AWS::Lambda::EventSourceMapping") | _of_type(resources, "AWS::Lambda::Permission"):
        assert resources[name]["Properties"]["FunctionName"]["Ref"] in aliases, name
    called = set(re.findall(r"functions/\$\{(\w+)", json.dumps(resources["Api"]["Properties"]["Body"])))
    assert called == {f"{name}FunctionAliaslive" for name in ("Receiver", "Retry", "Submit", "Health")}
    assert (
        resources["HealthFunction"]["Properties"]["Environment"]["Variables"]["RETRY_FUNCTION_NAME"]["Ref"] in aliases
    )
    for name in _of_type(resources, "AWS::Events::Rule"):
        targets = resources[name]["Properties"]["Targets"]
        assert all(target["Arn"].get("Ref") in aliases for target in targets if "Function" in str(target["Arn"])), name


def test_a_version_stays_when_the_next_one_comes() -> None:
    """To go back to."""
    resources = _transformed()
    for name in _of_type(resources, "AWS::Lambda::Version"):
        assert resources[name]["DeletionPolicy"] == "Retain"


def test_a_gradual_deployment_is_taken_back_by_alarms_of_the_function() -> None:
    """A tenth of the calls first. What is switched off has no deployment either."""
    resources = _transformed({"GradualDeployment": "true"})
    functions = _of_type(resources, "AWS::Lambda::Function")
    for name in functions:
        group = resources[f"{name}DeploymentGroup"]
        assert group.get("Condition") == resources[name].get("Condition")
        properties = group["Properties"]
        assert "Canary10Percent15Minutes" in str(properties["DeploymentConfigName"])
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
        alarms = {alarm["Name"]["Ref"] for alarm in properties["AlarmConfiguration"]["Alarms"]}
        assert name.replace("Function", "ErrorsAlarm") in alarms
        assert resources[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]


@pytest.mark.parametrize("name", ["Worker", "Retry", "Publish"])
def test_a_version_that_fails_each_message_is_taken_back(name: str) -> None:
    """Lambda counts no error for partial batch failures: the function emits a metric of its own."""
    properties = RESOURCES[f"{name}Function"]["Properties"]
    assert "ReportBatchItemFailures" in str(properties["Events"])
    alarms = [ALARMS[alarm["Ref"]] for alarm in properties["DeploymentPreference"]["Alarms"]]
    watched = {metric.name for alarm in alarms for metric in metrics_of(alarm) if metric.namespace == NAMESPACE}
    assert watched & {"MessageFailed", "RecordFailed"}


def test_else_it_is_all_at_once() -> None:
    """And nothing of CodeDeploy's is made."""
    assert not [name for name, each in _transformed().items() if "CodeDeploy" in each["Type"]]


def test_prod_is_deployed_gradually_and_nothing_else() -> None:
    """As samconfig.toml says."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
    gradual = {
        name
        for name in ("dev", "prod")
        if "GradualDeployment=true" in configured[name]["deploy"]["parameters"]["parameter_overrides"]
    }
    assert gradual == {"prod"}


def test_the_stack_is_not_too_large_for_cloudformation() -> None:
    """500 resources, and 1 MB: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html."""
    resources = _transformed({"GradualDeployment": "true"})
    assert len(resources) < 500
    assert len(json.dumps(resources)) < 1_000_000


# Where data lies, and the property that keeps a hand from deleting it, where there is one.
_HOLDS_DATA = {
    "AWS::DynamoDB::Table": ("DeletionProtectionEnabled", True),
    "AWS::Cognito::UserPool": ("DeletionProtection", "ACTIVE"),
    "AWS::SQS::Queue": None,
}


@pytest.mark.parametrize("kind", _HOLDS_DATA)
def test_what_holds_data_stays_when_the_stack_goes_or_a_change_would_replace_it(kind: str) -> None:
    """The table, who may sign in, and what waits in queues: it was acknowledged."""
    resources = _transformed()
    assert _of_type(resources, kind)
    for name in _of_type(resources, kind):
        assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
        if protection := _HOLDS_DATA[kind]:
            assert protection in resources[name]["Properties"].items()


def test_a_secret_is_not_lost_by_a_change() -> None:
    """An operator set its value. It is deleted with the stack, as unused keys should not remain."""
    resources = _transformed()
    secrets = _of_type(resources, "AWS::SecretsManager::Secret")
    assert secrets
    assert all(resources[name]["UpdateReplacePolicy"] == "Retain" for name in secrets)


def test_nothing_that_holds_data_can_be_replaced_unnoticed() -> None:
    """CloudFormation refuses to replace what has a name; the logical ids, which it would also replace by, are these."""
    resources = _transformed()
    assert _of_type(resources, "AWS::DynamoDB::Table") == {"SyncTable"}
    assert resources["SyncTable"]["Properties"]["TableName"] == {"Fn::Sub": "${AWS::StackName}-syncs"}
    assert [key["AttributeName"] for key in resources["SyncTable"]["Properties"]["KeySchema"]] == ["pk", "sk"]
    assert {"SyncQueue", "SyncDeadLetterQueue", "RetryQueue", "RetryDeadLetterQueue"} <= _of_type(
        resources, "AWS::SQS::Queue"
    )


def test_a_stack_policy_denies_replacement() -> None:
    """By make deploy: of whatever holds data, and that is not there only if a parameter says so."""
    _, replacing, deleting = json.loads(POLICY.read_text())["Statement"]
    kinds = {*_HOLDS_DATA, "AWS::SecretsManager::Secret"}
    assert set(replacing["Condition"]["StringEquals"]["ResourceType"]) == kinds
    assert set(deleting["Resource"]) == {
        f"LogicalResourceId/{name}"
        for name, resource in RESOURCES.items()
        if resource["Type"] in kinds and "Condition" not in resource
    }
    client = boto3.client("cloudformation")
    with Stubber(client) as aws:
        aws.add_response("set_stack_policy", {}, {"StackName": "s", "StackPolicyBody": POLICY.read_text()})
        protect(client, "s")
        aws.assert_no_pending_responses()
        aws.add_client_error("set_stack_policy", "AccessDenied")
        with pytest.raises(CommandError, match="deployed, but not protected"):
            protect(client, "s")


def test_what_a_schedule_calls_is_not_called_again_for_what_was_missed() -> None:
    """By Lambda itself neither, which tries twice more, and for six hours: the next call makes up for it."""
    resources = _transformed()
    rules = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Events::Rule"]
    called = {
        target["Arn"]["Ref"].removesuffix("Aliaslive")
        for rule in rules
        if "ScheduleExpression" in rule
        for target in rule["Targets"]
    }
    assert len(called) > 1
    configured = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::EventInvokeConfig"]
    assert {each["FunctionName"]["Ref"] for each in configured} == called
    assert {each["MaximumRetryAttempts"] for each in configured} == {0}
    assert {each["Qualifier"] for each in configured} == {"live"}


def test_every_operation_of_the_api_has_the_authorizer_as_deployed() -> None:
    """That of any method, too, which SAM writes as an extension of OpenAPI."""
    paths = _transformed()["Api"]["Properties"]["Body"]["paths"]
    operations = {
        (path, method): operation["Fn::If"][1] if "Fn::If" in operation else operation
        for path, methods in paths.items()
        if path.startswith("/api/")
        for method, operation in (methods["Fn::If"][1] if "Fn::If" in methods else methods).items()
    }
    assert ("/api/v1/{path+}", "x-amazon-apigateway-any-method") in operations
    assert [key for key, operation in operations.items() if operation.get("security") != [{"Token": []}]] == []
