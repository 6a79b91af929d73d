"""Describe validation errors."""

from pydantic import ValidationError


def describe_validation_error(error: ValidationError) -> str:
    """Describe the locations and reasons without quoting the input, which may hold personal data."""
    issue = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, issue['loc'])) or 'as a whole'}: {issue['msg']}"
