"""Bearer tokens: the user pool issues them, the authorizer verifies them, retry checks the role.

The local stack requires no authentication. Here a separate API with the authorizer leads to retry, with it on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from dev.local_stack.aws_clients import LocalAws
from dev.stored_events import SYNC_ID
from dev.waiting import PATIENCE_SECONDS
from ops.cloudformation import outputs, physical_ids
from ops.local_stack import STACK, Outputs

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them
PASSWORD = "Correct-Horse-7-Battery"


@dataclass(frozen=True)
class Door:
    """The API with the authorizer, and the user pool that issues tokens for it."""

    url: str
    token_url: str
    outputs: dict[str, str]
    cognito: "CognitoIdentityProviderClient"

    def asks(self, token: str | None) -> httpx.Response:
        """Ask for a retry of a sync that is not there."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.post(
            f"{self.url}/api/v1/syncs/{SYNC_ID}-not-there/retry", json={}, headers=headers, timeout=PATIENCE_SECONDS
        )

    def machine_token(self, scope: str) -> str:
        """Get a token as a machine does."""
        client_id = self.outputs["MachineClientId"]
        describe_result = self.cognito.describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=client_id
        )
        secret = describe_result["UserPoolClient"]["ClientSecret"]
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = httpx.post(self.token_url, data=form, auth=(client_id, secret), timeout=PATIENCE_SECONDS)
        return str(answer.raise_for_status().json()["access_token"])

    def user_token(self, name: str) -> str:
        """Get a token of a pool user with the AWS account's credentials."""
        answer = self.cognito.admin_initiate_auth(
            UserPoolId=self.outputs["UserPoolId"],
            ClientId=self.outputs["ApiClientId"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return answer["AuthenticationResult"]["AccessToken"]


@pytest.fixture
def door(stack: Outputs) -> Iterator[Door]:
    """Return it; afterwards retry is as it was."""
    aws = LocalAws(stack.aws_endpoint_url)
    made = outputs(aws.cloudformation)
    retry = physical_ids(aws.cloudformation)["RetryFunction"]
    cognito = boto3.Session("test", "test", region_name=stack.region).client(
        "cognito-idp", endpoint_url=stack.aws_endpoint_url
    )
    before = aws.lambda_.get_function_configuration(FunctionName=retry)
    variables = before["Environment"]["Variables"]
    asking: Any = {"Variables": variables | {"AUTHENTICATION": "on"}}
    aws.lambda_.update_function_configuration(FunctionName=retry, Environment=asking)
    api_id = _api(aws, before["FunctionArn"], made)
    try:
        url = f"{stack.aws_endpoint_url}/_aws/execute-api/{api_id}/$default"
        yield Door(url, f"{stack.aws_endpoint_url}/oauth2/token", made, cognito)
    finally:
        aws.apigatewayv2.delete_api(ApiId=api_id)
        aws.lambda_.update_function_configuration(FunctionName=retry, Environment={"Variables": variables})


def _api(aws: LocalAws, function_arn: str, made: dict[str, str]) -> str:
    """Make an API whose authorizer is as the template has it."""
    api_id = aws.apigatewayv2.create_api(Name=f"{STACK}-door", ProtocolType="HTTP")["ApiId"]
    aws.apigatewayv2.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    integration = aws.apigatewayv2.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=function_arn, PayloadFormatVersion="2.0"
    )
    authorizer = aws.apigatewayv2.create_authorizer(
        ApiId=api_id,
        Name="Token",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={
            "Issuer": f"https://cognito-idp.{aws.sqs.meta.region_name}.amazonaws.com/{made['UserPoolId']}",
            "Audience": [made["ApiClientId"], made["MachineClientId"]],
        },
    )
    aws.apigatewayv2.create_route(
        ApiId=api_id,
        RouteKey="POST /api/v1/syncs/{syncId}/retry",
        Target=f"integrations/{integration['IntegrationId']}",
        AuthorizationType="JWT",
        AuthorizerId=authorizer["AuthorizerId"],
    )
    return api_id


def test_a_machine_may_do_what_its_scopes_say(door: Door) -> None:
    """Only a caller who may retry gets the 404 of an unknown sync."""
    looks = door.asks(door.machine_token("codat-sync/view"))
    assert (looks.status_code, looks.headers["content-type"]) == (403, "application/problem+json")
    assert door.asks(door.machine_token("codat-sync/view codat-sync/retry")).status_code == 404
    assert door.asks(door.machine_token("")).status_code == 404  # all that it may have


def test_a_user_may_do_what_its_groups_say(door: Door) -> None:
    """Those of now, with each new token."""
    pool = door.outputs["UserPoolId"]
    # The emulator's own temporary password is shorter than the pool wants.
    door.cognito.admin_create_user(
        UserPoolId=pool, Username="ann", MessageAction="SUPPRESS", TemporaryPassword=PASSWORD
    )
    door.cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
    assert door.asks(door.user_token("ann")).status_code == 403
    door.cognito.admin_add_user_to_group(UserPoolId=pool, Username="ann", GroupName="codat-sync/view")
    assert door.asks(door.user_token("ann")).status_code == 403
    door.cognito.admin_add_user_to_group(UserPoolId=pool, Username="ann", GroupName="codat-sync/retry")
    assert door.asks(door.user_token("ann")).status_code == 404


def test_who_has_no_token_is_refused_by_the_authorizer(door: Door) -> None:
    """Or one that was changed."""
    good = door.machine_token("codat-sync/retry")
    head, claims, signature = good.split(".")
    for token in (None, "no token", f"{head}.{claims}.{signature[::-1]}", f"{head}.{claims[::-1]}.{signature}"):
        assert door.asks(token).status_code == 401
