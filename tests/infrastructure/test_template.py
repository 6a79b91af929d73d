"""What matters in the template, held without deploying it."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from graphlib import TopologicalSorter
from itertools import chain
from typing import Any
from unittest.mock import MagicMock

import pytest

from codat_sync.auth.roles import Role
from codat_sync.erasure.service import MAX_INVOCATION
from codat_sync.idempotency.repository import MAX_DURATION
from codat_sync.web.pages.resolver import pages
from dev.deploying.template import read_template
from dev.paths import ROOT
from dev.release.event_schemas import facts
from ops.dead_letters.commands import QUEUES as DEAD_LETTER_QUEUES

TEMPLATE = read_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = _of_type("AWS::Serverless::Function")
# The role with which EventBridge calls the HTTPS endpoint; all others are functions'.
EVENTBRIDGE_ROLE = "EventsEndpointRole"
ROLES = {name: role for name, role in _of_type("AWS::IAM::Role").items() if name != EVENTBRIDGE_ROLE}
POLICIES = _of_type("AWS::IAM::Policy")
QUEUES = _of_type("AWS::SQS::Queue")


_NO_VALUE = {"Ref": "AWS::NoValue"}
_KEY = {"Ref": "KmsKeyArn"}


def _with_key(key: object, *, otherwise: object) -> dict[str, Any]:
    """Return what a property is with a key of the customer's own, and without."""
    return {"Fn::If": ["HasKmsKey", key, otherwise]}


_SQS_MANAGED = _with_key(_NO_VALUE, otherwise=True)


def _statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    documents = (policy["PolicyDocument"]["Statement"] for policy in role["Properties"]["Policies"])
    return list(chain.from_iterable(documents))


def _actions(statement: dict[str, Any]) -> list[str]:
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]


def test_every_function_has_a_role_and_a_log_group_of_its_own() -> None:
    """Least privilege is per function."""
    roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in FUNCTIONS.values()]
    assert sorted(roles) == sorted(ROLES)
    groups = {function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in FUNCTIONS.values()}
    assert len(groups) == len(FUNCTIONS)


@pytest.mark.parametrize("name", [*ROLES, EVENTBRIDGE_ROLE, *POLICIES])
def test_no_role_has_a_wildcard(name: str) -> None:
    """Neither in an action nor in a resource, but for X-Ray, which knows no resources."""
    policy = POLICIES.get(name)
    for statement in policy["Properties"]["PolicyDocument"]["Statement"] if policy else _statements(RESOURCES[name]):
        actions = _actions(statement)
        assert not any("*" in action for action in actions)
        if not all(action.startswith("xray:") for action in actions):
            assert "*" not in json.dumps(statement["Resource"])


def test_the_receiver_can_do_nothing_but_verify_and_enqueue() -> None:
    """And be watched: it is the one that the world can reach."""
    actions = chain.from_iterable(_actions(statement) for statement in _statements(ROLES["ReceiverRole"]))
    assert {action for action in actions if action.split(":")[0] not in {"logs", "xray"}} == {
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
    }


def test_a_message_is_not_handed_out_again_while_it_is_worked_on() -> None:
    """AWS asks for a visibility time-out of six times the function's."""
    for function in FUNCTIONS.values():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = QUEUES[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Properties"]
                assert queue["VisibilityTimeout"] >= 6 * function["Properties"]["Timeout"]
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
                assert event["Properties"]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize("name", QUEUES)
def test_every_queue_is_encrypted_and_leads_to_one_that_keeps_longer(name: str) -> None:
    """A dead letter's age counts from when it first came in."""
    queue = QUEUES[name]["Properties"]
    assert queue["SqsManagedSseEnabled"] == _SQS_MANAGED
    if "RedrivePolicy" in queue:
        dead = QUEUES[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
        assert dead["Properties"]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
        assert dead["DeletionPolicy"] == "Retain"
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    else:
        assert name.endswith("DeadLetterQueue")


def test_a_stream_has_what_failed_split_off_and_kept() -> None:
    """And its retries end, so that one record does not hold up the others.

    Index keeps none: what it makes follows from the table, from which a command makes it again.
    """
    streams = {
        name: event["Properties"]
        for name, function in FUNCTIONS.items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    }
    assert set(streams) == {"PublishFunction", "IndexFunction"}
    for stream in streams.values():
        assert stream["BisectBatchOnFunctionError"] is True
        assert 0 < stream["MaximumRetryAttempts"] < 100
        assert 0 < stream["MaximumRecordAgeInSeconds"] < 24 * 60 * 60  # The stream keeps a record for so long.
        assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert streams["PublishFunction"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    kept = streams["PublishFunction"]["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert QUEUES[kept]["DeletionPolicy"] == "Retain"


def test_the_table_has_a_stream_while_a_function_reads_it() -> None:
    """Otherwise, none: its records would be kept for nobody."""
    (condition, stream, otherwise) = RESOURCES["SyncTable"]["Properties"]["StreamSpecification"]["Fn::If"]
    assert TEMPLATE["Conditions"][condition] == {
        "Fn::Or": [{"Condition": RESOURCES[name]["Condition"]} for name in ("PublishFunction", "IndexFunction")]
    }
    assert stream == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert otherwise == _NO_VALUE


def test_index_writes_nothing_but_search_entries() -> None:
    """And reads nothing but whether a company is erased."""
    statements = [
        each for each in _statements(ROLES["IndexRole"]) if each["Resource"] == {"Fn::GetAtt": ["SyncTable", "Arn"]}
    ]
    assert [(each["Action"], each["Condition"]["ForAllValues:StringLike"]) for each in statements] == [
        ("dynamodb:BatchGetItem", {"dynamodb:LeadingKeys": ["COMPANY#*"]}),
        ("dynamodb:BatchWriteItem", {"dynamodb:LeadingKeys": ["FIND#*"]}),
    ]


def _switched_off(value: Any, condition: str) -> Any:  # noqa: ANN401 - a part of a template
    """Return what a part of the template is if a condition does not hold."""
    match value:
        case {"Fn::If": [name, _, otherwise]} if name == condition:
            return _switched_off(otherwise, condition)
        case dict():
            return {name: _switched_off(each, condition) for name, each in value.items()}
        case list():
            return [_switched_off(each, condition) for each in value]
    return value


def test_what_is_switched_off_leaves_nothing_behind() -> None:
    """Neither what belongs to it, nor a reference to that from what does not."""
    needs = {"HasEventsEndpoint": "HasPublish"}
    for condition, begins_with in (
        ("HasSubmit", "Submit"),
        ("HasPublish", ("Publish", "EventBus", "Attention", "EventsEndpoint")),
        ("HasEventsEndpoint", "EventsEndpoint"),
        ("HasSearchIndex", "Index"),
    ):
        conditions = {condition, *(name for name, needed in needs.items() if needed == condition)}
        switched = {name for name, resource in RESOURCES.items() if resource.get("Condition") in conditions}
        assert switched == {name for name in RESOURCES if name.startswith(begins_with)}
        others = _switched_off(
            {name: resource for name, resource in RESOURCES.items() if name not in switched}, condition
        )
        assert not any(f'"{name}"' in json.dumps(others) for name in switched)


def test_every_dead_letter_queue_is_known_to_the_commands() -> None:
    """Otherwise a queue would be neither listed nor redriven, and an erased company's data would stay there."""
    outputs = {name for name in TEMPLATE["Outputs"] if name.endswith("DeadLetterQueueUrl")}
    assert outputs == {dead for dead, _ in DEAD_LETTER_QUEUES.values()}
    assert len(outputs) == sum(name.endswith("DeadLetterQueue") for name in QUEUES)


def test_the_topic_takes_only_what_its_rule_brings() -> None:
    """From EventBridge, by the only policy that all versions of its documentation allow for topics."""
    (statement,) = RESOURCES["AttentionTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sns:Publish"
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in statement
    assert all("RoleArn" not in target for target in RESOURCES["AttentionRule"]["Properties"]["Targets"])
    notified = set(RESOURCES["AttentionRule"]["Properties"]["EventPattern"]["detail-type"])
    assert notified <= {kind.__name__ for kind in facts()}


def test_what_a_rule_cannot_deliver_is_kept_and_raises_an_alarm() -> None:
    """For every target of every rule; a schedule's target has a heartbeat alarm, and the next run does its work."""
    rules = {name: each for name, each in RESOURCES.items() if each["Type"] == "AWS::Events::Rule"}
    assert rules
    for name, rule in rules.items():
        watched = [each for each in RESOURCES.values() if each["Properties"].get("MetricName") == "FailedInvocations"]
        assert name in json.dumps(watched)
        for target in rule["Properties"]["Targets"]:
            (queue, _) = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
            (policy,) = (
                each["Properties"]["PolicyDocument"]["Statement"][0]
                for each in RESOURCES.values()
                if each["Type"] == "AWS::SQS::QueuePolicy" and {"Ref": queue} in each["Properties"]["Queues"]
            )
            assert policy["Action"] == "sqs:SendMessage"
            assert policy["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [name, "Arn"]}}}


def test_all_events_are_posted_to_the_endpoint_with_its_key() -> None:
    """For a day of retries; the key is read from the user's secret, and the role permits nothing else."""
    assert TEMPLATE["Conditions"]["HasEventsEndpoint"] == {
        "Fn::And": [{"Condition": "HasPublish"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventsEndpointUrl"}, ""]}]}]
    }
    rule = RESOURCES["EventsEndpointRule"]["Properties"]
    assert rule["EventPattern"] == {"source": ["codat-sync"]}
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["EventsEndpointDestination", "Arn"]}
    assert target["RoleArn"] == {"Fn::GetAtt": [EVENTBRIDGE_ROLE, "Arn"]}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == timedelta(days=1).total_seconds()
    assert not target.keys() & {"Input", "InputPath", "InputTransformer"}
    (statement,) = _statements(RESOURCES[EVENTBRIDGE_ROLE])
    assert (statement["Action"], statement["Resource"]) == ("events:InvokeApiDestination", target["Arn"])
    (trusted,) = RESOURCES[EVENTBRIDGE_ROLE]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "events.amazonaws.com"}
    destination = RESOURCES["EventsEndpointDestination"]["Properties"]
    assert destination["InvocationEndpoint"] == {"Ref": "EventsEndpointUrl"}
    assert destination["ConnectionArn"] == {"Fn::GetAtt": ["EventsEndpointConnection", "Arn"]}
    parameters = RESOURCES["EventsEndpointConnection"]["Properties"]["AuthParameters"]["ApiKeyAuthParameters"]
    assert parameters["ApiKeyName"] == {"Ref": "EventsEndpointHeader"}
    assert parameters["ApiKeyValue"]["Fn::Sub"].startswith("{{resolve:secretsmanager:${EventsEndpointSecretArn}:")


def test_an_endpoint_needs_events_and_a_secret() -> None:
    """Otherwise nothing would be posted, or the deployment would fail halfway."""
    rule = TEMPLATE["Rules"]["EndpointNeedsEventsAndSecret"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventsEndpointUrl"}, ""]}]}
    assert [assertion["Assert"] for assertion in rule["Assertions"]] == [
        {"Fn::Equals": [{"Ref": "PublishEnabled"}, "true"]},
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "EventsEndpointSecretArn"}, ""]}]},
    ]


def test_the_table_outlives_the_stack_and_cannot_be_replaced() -> None:
    """Retained, protected, recoverable to any second, and named, which is what makes CloudFormation refuse."""
    table = RESOURCES["SyncTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" in table["Properties"]
    assert table["Properties"]["TimeToLiveSpecification"]["AttributeName"] == "expiresAt"


def test_every_log_group_has_a_retention() -> None:
    """After as many days as the parameter says, those of the API included."""
    groups = _of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + len(_of_type("AWS::Serverless::HttpApi"))
    assert all(group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_secrets_are_made_empty() -> None:
    """The template contains no secret value, and generates none that could be taken for a real one.

    Nobody but AWS makes the two that the pages need: what the user pool knows them by, and a key of their own.
    """
    secrets = {name: secret["Properties"] for name, secret in _of_type("AWS::SecretsManager::Secret").items()}
    assert "${OidcClientCredentials.ClientSecret}" in json.dumps(secrets.pop("LoginSecret")["SecretString"])
    assert secrets.pop("SessionSecret")["GenerateSecretString"]["PasswordLength"] >= 32
    assert secrets
    for secret in secrets.values():
        assert not {"SecretString", "GenerateSecretString"} & set(secret)


_POOL_CLIENTS = _of_type("AWS::Cognito::UserPoolClient")


def test_no_user_gets_a_scope_that_is_a_role() -> None:
    """Scopes are asked for, not given: only machines get those that stand for a role."""
    for name, client in _POOL_CLIENTS.items():
        scopes, flows = (
            json.dumps(client["Properties"].get(key)) for key in ("AllowedOAuthScopes", "AllowedOAuthFlows")
        )
        assert ("codat-sync/" in scopes) == (name == "MachineClient") == ("client_credentials" in flows)


def test_people_sign_in_with_a_code_and_with_nothing_else() -> None:
    """No token in a URL, no password past the issuer's page; and nobody makes themselves an account."""
    client = _POOL_CLIENTS["OidcClientCredentials"]["Properties"]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["GenerateSecret"] is True
    assert RESOURCES["UserPool"]["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def _names(value: object) -> Iterator[str]:
    """Yield the resources that a part of the template needs."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} | {"DependsOn": str(name)}:
            yield name
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from re.findall(r"\$\{(\w+)", text)
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _names(part)


def test_no_resource_needs_itself() -> None:
    """However far around: CloudFormation would not know which to make first, and no linter sees it.

    An API needs the functions that its routes lead to, so none of those may need the client that people sign in with,
    which needs the API's URL.
    """
    graph = {name: set(_names(resource)) & set(RESOURCES) for name, resource in RESOURCES.items()}
    for name, function in FUNCTIONS.items():
        graph[name] -= set(_names(function["Properties"]["DeploymentPreference"]))  # SAM gives them to the alias
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "HttpApi":
                graph[name].discard("Api")  # SAM makes the route, in the API
                graph["Api"].add(name)
    assert "Api" in graph["OidcClientCredentials"]
    assert set(TopologicalSorter(graph).static_order()) == set(RESOURCES)


def test_groups_and_scopes_are_called_as_the_roles() -> None:
    """A token then contains the scopes that the roles are read from."""
    groups = {group["Properties"]["GroupName"] for group in _of_type("AWS::Cognito::UserPoolGroup").values()}
    server = RESOURCES["ResourceServer"]["Properties"]
    scopes = {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]}
    assert groups == scopes == set(Role)


def test_every_route_has_the_authorizer_or_a_reason() -> None:
    """Without a token one reaches what is authenticated otherwise, and nothing else."""
    open_to_all = {
        "/webhooks/codat",
        "/companies",
        "/companies/{path+}",
        "/recorded/{companyId}/{kind}/{transactionId}",
        # Pages: the function has people sign in, as tests/integration/auth/test_page_access.py sees.
        *("/", "/syncs", "/syncs/{path+}", "/syncs/{syncId}/refresh", "/syncs/{syncId}/retry"),
        *("/syncs/{syncId}/retry/{step}", "/company/{companyId}/transactions/{transactionId}/retry", "/live"),
        *("/worklist", "/worklist/{syncId}"),
        *(
            *("/causes", "/causes/{causeId}", "/failed-items"),
            *("/bulk-retries", "/bulk-retries/{path+}", "/bulk-retries/{bulkRetryId}/stop"),
            "/company",
            "/search",
            "/company/{path+}",
            "/audit",
            "/dead-letters",
            "/dead-letters/{action}",
            "/unknown-outcomes",
            "/unknown-outcomes/{syncId}",
            "/theme",
            "/logout",
        ),
        # How they sign in, and what the page looks like that says that it failed.
        *("/login", "/login/callback", "/assets/{name}"),
    }
    for function in FUNCTIONS.values():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "HttpApi" and event["Properties"]["Path"] not in open_to_all:
                assert event["Properties"]["Auth"] == {"Authorizer": "Token"}, event["Properties"]["Path"]


def test_every_page_and_form_of_the_function_has_a_route() -> None:
    """There is no catch-all route: a product's request to an unknown path must not be answered with a login page."""
    offered = [
        (event["Properties"]["Method"], re.compile(re.sub(r"\{\w+(\+?)\}", _any_segments, event["Properties"]["Path"])))
        for event in FUNCTIONS["HealthFunction"]["Properties"]["Events"].values()
        if event["Type"] == "HttpApi"
    ]
    unused: Any = MagicMock()
    served = pages(unused, unused, unused).app.get_openapi_schema().paths or {}
    asked = [
        (method, path) for path, item in served.items() for method in ("GET", "POST") if getattr(item, method.lower())
    ]
    assert len(asked) > len(served) > 20
    assert [(method, path) for method, path in asked if not _is_routed(offered, method, path)] == []


def _is_routed(offered: Iterable[tuple[str, re.Pattern[str]]], method: str, path: str) -> bool:
    return any(method == each and route.fullmatch(path) for each, route in offered)


def _any_segments(parameter: re.Match[str]) -> str:
    return ".+" if parameter[1] else "[^/]+"


def test_only_health_invokes_a_function_and_only_retry() -> None:
    """What writes to Codat again is one function, whoever asks."""
    statements = [
        (role, statement)
        for role, resource in _of_type("AWS::IAM::Role").items()
        for policy in resource["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
    ]
    assert [(role, statement["Resource"]) for role, statement in statements] == [
        ("HealthRole", {"Ref": "RetryFunction.Alias"})
    ]


def test_every_parameter_has_a_default_and_the_webhooks_url_comes_first() -> None:
    """A deployment with default parameters works, and shows first what is needed next."""
    assert all({"Default", "Description"} <= set(parameter) for parameter in TEMPLATE["Parameters"].values())
    assert next(iter(TEMPLATE["Outputs"])) == "WebhookUrl"


def test_whatever_keeps_something_is_encrypted_with_the_customers_key_if_there_is_one() -> None:
    """The table, the queues, the secrets and the logs."""
    properties = {
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SecretsManager::Secret": "KmsKeyId",
        "AWS::Logs::LogGroup": "KmsKeyId",
    }
    for kind, name in properties.items():
        for resource in _of_type(kind).values():
            assert resource["Properties"][name] == _with_key(_KEY, otherwise=_NO_VALUE)
    encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": _KEY}
    assert RESOURCES["SyncTable"]["Properties"]["SSESpecification"] == _with_key(encryption, otherwise=_NO_VALUE)


def test_every_role_may_use_the_customers_key_for_what_it_keeps_and_for_nothing_else() -> None:
    """With none, there is no such permission."""
    policy = RESOURCES["KmsKeyPolicy"]
    assert policy["Condition"] == "HasKmsKey"
    conditions = {name: role.get("Condition") for name, role in ROLES.items()}
    assert policy["Properties"]["Roles"] == [
        {"Fn::If": [condition, {"Ref": name}, _NO_VALUE]} if condition else {"Ref": name}
        for name, condition in conditions.items()
    ]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == _KEY
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
    services = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert {service["Fn::Sub"].split(".")[0] for service in services} == {"dynamodb", "secretsmanager", "sqs"}


def test_functions_that_write_a_companys_data_end_before_an_erased_one_is_deleted() -> None:
    """The erasure waits for the longest timeout: see `codat_sync.erasure.service`."""
    may_write = {"dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    for function in FUNCTIONS.values():
        role = ROLES[function["Properties"]["Role"]["Fn::GetAtt"][0]]
        if may_write & set(chain.from_iterable(map(_actions, _statements(role)))):
            assert timedelta(seconds=function["Properties"]["Timeout"]) <= MAX_INVOCATION


def test_health_writes_nothing_but_who_calls_codat_the_gate_the_audit_and_what_was_dropped() -> None:
    """It shows: what is in the table is others' to write."""
    writing = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
    for statement in _statements(ROLES["HealthRole"]):
        if writing & set(_actions(statement)):
            assert writing >= set(_actions(statement))
            assert statement["Condition"] in (
                {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["GATE", "LIMIT#*", "IDEMPOTENCY#*"]}},
                {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}},
                {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["DROPPED"]}},
            )


def test_a_request_with_an_idempotency_key_is_locked_for_as_long_as_it_may_run() -> None:
    """Otherwise a second one with the same key could begin beside it."""
    for name in "HealthFunction", "RetryFunction":
        assert timedelta(seconds=FUNCTIONS[name]["Properties"]["Timeout"]) < MAX_DURATION


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_stack_is_tagged_with_its_environment(environment: str) -> None:
    """Tags are the stack's, which CloudFormation puts on each resource: the template has none of its own."""
    deploy = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    assert deploy["tags"] == ["Application=codat-sync", f"Environment={environment}"]
    assert f"Environment={environment}" in deploy["parameter_overrides"]
    assert 'Tags":' not in json.dumps(TEMPLATE)
