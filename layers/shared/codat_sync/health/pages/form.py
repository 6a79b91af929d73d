"""What a form of a page sends."""

from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2


def read_form(event: APIGatewayProxyEventV2) -> dict[str, str]:
    """Return the fields by name. What is no form has none."""
    try:
        return dict(parse_qsl(event.decoded_body or ""))
    except ValueError:  # no base64, no UTF-8, too many fields
        return {}
