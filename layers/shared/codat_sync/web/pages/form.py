"""What a form of a page sends."""

from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2


def read_form(event: APIGatewayProxyEventV2) -> dict[str, str]:
    """Return the fields by name, of several alike the last. What is no form has none."""
    return dict(_fields(event))


def read_all(event: APIGatewayProxyEventV2, name: str) -> list[str]:
    """Return what all fields of a name say, such as boxes that are ticked."""
    return [value for each, value in _fields(event) if each == name]


def _fields(event: APIGatewayProxyEventV2) -> list[tuple[str, str]]:
    try:
        return parse_qsl(event.decoded_body or "")
    except ValueError:  # no base64, no UTF-8, too many fields
        return []
