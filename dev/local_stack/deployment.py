"""Deploy the project's real template to the embedded AWS."""

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from dev.deploying.api_routes import make_routes
from dev.deploying.cloudformation import apply
from dev.deploying.layer import PYTHON, built_layer
from dev.deploying.template import Template, adapt_for_emulator, read_template
from dev.deploying.zip_archive import zip_directory
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.simulator_process import send_webhooks_to
from dev.paths import ROOT
from dev.release.build_target import machine_architecture
from dev.release.version_stamp import stamp
from ops.cloudformation import outputs as stack_outputs
from ops.local_stack import REGION, Outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from dev.local_stack.services import Services

_BUCKET = "code"


def deploy(services: "Services", parameters: "Mapping[str, str] | None" = None) -> Outputs:
    """Build the project and deploy it to ``services``, or update the deployment there."""
    aws = LocalAws(services.aws_endpoint_url)
    template = read_template()
    adapt_for_emulator(template, services.aws_endpoint_url)
    chosen = _parameters(services) | dict(parameters or {})
    stamp(template, chosen)
    _upload_code(aws.s3, template)
    # By URL: in a request, a template may have 51,200 bytes at most.
    uploaded = _uploaded(aws.s3, json.dumps(template).encode())
    template_url = f"{services.aws_endpoint_url}/{uploaded['Bucket']}/{uploaded['Key']}"
    apply(aws.cloudformation, template_url, chosen)
    made = stack_outputs(aws.cloudformation)
    _put_secrets(aws, made, services)
    api_url = f"{services.aws_endpoint_url}/_aws/execute-api/{make_routes(aws)}"
    webhook_url = f"{api_url}/webhooks/codat"
    if services.is_simulated:
        send_webhooks_to(webhook_url, simulator_url=services.codat.url)
    return Outputs(
        webhook_url=webhook_url,
        api_url=api_url,
        codat_url=services.codat.url,
        table_name=made["SyncTableName"],
        queue_url=made["SyncQueueUrl"],
        dead_letter_queue_url=made["SyncDeadLetterQueueUrl"],
        event_bus_name=made.get("EventBusName", ""),
        aws_endpoint_url=services.aws_endpoint_url,
        region=REGION,
        signing_secret=services.signing_secret,
        codat_api_key=services.codat.api_key,
    )


def _parameters(services: "Services") -> dict[str, str]:
    return {
        "Environment": "local",
        "Runtime": f"python{PYTHON}",
        "Architecture": machine_architecture(),
        "CodatBaseUrl": services.codat.url,
        "SubmitEnabled": "true",
        "PublishEnabled": "true",
    }


def _upload_code(s3: "S3Client", template: Template) -> None:
    """Upload the code folders of the template, and set their properties to the uploads."""
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::Serverless::Function":
                code = zip_directory(ROOT / properties["CodeUri"], without="__pycache__")
                properties["CodeUri"] = _uploaded(s3, code)
            case "AWS::Serverless::LayerVersion":
                properties["ContentUri"] = _uploaded(s3, built_layer())


def _uploaded(s3: "S3Client", code: bytes) -> dict[str, str]:
    key = hashlib.sha256(code).hexdigest()
    s3.put_object(Bucket=_BUCKET, Key=key, Body=code)
    return {"Bucket": _BUCKET, "Key": key}


def _put_secrets(aws: LocalAws, outputs: "Mapping[str, str]", services: "Services") -> None:
    webhook = {"signingSecrets": [services.signing_secret], "authorization": None}
    aws.secretsmanager.put_secret_value(SecretId=outputs["WebhookSecretArn"], SecretString=json.dumps(webhook))
    codat = {"apiKey": services.codat.api_key}
    aws.secretsmanager.put_secret_value(SecretId=outputs["CodatSecretArn"], SecretString=json.dumps(codat))
