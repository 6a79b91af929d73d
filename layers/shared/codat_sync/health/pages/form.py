"""What a form of a page sends."""

import hmac
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from codat_sync.errors import ForgedRequestError
from codat_sync.health.pages.request import PageRequest


def read_form(event: APIGatewayProxyEventV2) -> dict[str, str]:
    """Return the fields by name. What is no form has none."""
    try:
        return dict(parse_qsl(event.decoded_body or ""))
    except ValueError:  # no base64, no UTF-8, too many fields
        return {}


def checked_form(event: APIGatewayProxyEventV2, request: PageRequest) -> dict[str, str]:
    """Return the fields of a form that asks for something to be done. Raises ForgedRequestError."""
    form = read_form(event)
    if not hmac.compare_digest(form.get("token", "").encode(), request.visitor.form_token.encode()):
        raise ForgedRequestError("the form's token is not this visitor's")
    return form
