"""What is wrong with an input that did not validate."""

from pydantic import ValidationError


def describe_validation_error(error: ValidationError) -> str:
    """Return where and why it is wrong, without quoting it: inputs hold personal data."""
    complaint = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, complaint['loc'])) or 'as a whole'}: {complaint['msg']}"
