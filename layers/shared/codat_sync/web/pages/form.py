"""Parse submitted HTML forms."""

from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2


def read_form(event: APIGatewayProxyEventV2) -> dict[str, str]:
    """Return the fields by name; the last value wins. A body that is not a form has no fields."""
    return dict(_fields(event))


def read_all(event: APIGatewayProxyEventV2, name: str) -> list[str]:
    """Return all values of a field, such as ticked checkboxes."""
    return [value for each, value in _fields(event) if each == name]


def _fields(event: APIGatewayProxyEventV2) -> list[tuple[str, str]]:
    try:
        return parse_qsl(event.decoded_body or "")
    except ValueError:  # invalid base64 or UTF-8, or too many fields
        return []
