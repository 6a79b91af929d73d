"""Sync Health as a whole: the JSON API below `/api/v1`, and the pages on all other paths."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from codat_sync.core.errors import InvalidBodyError
from codat_sync.core.http_event import text_body
from codat_sync.core.http_response import is_too_large
from codat_sync.core.problems import ProblemDetails, ProblemType, invalid_request
from codat_sync.web.api.responses import PREFIX
from codat_sync.web.problems import problem_response
from codat_sync.web.security_headers import headers_for

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from codat_sync.web.pages.site import Site

# A request and the response to it: JSON, whose shape AWS defines.
Json = dict[str, Any]

_TOO_LARGE = ProblemDetails(ProblemType.RESPONSE_TOO_LARGE, "It would exceed 6 MB, the limit of AWS Lambda.")


@dataclass(frozen=True)
class SyncHealth:
    """``public_url`` may have a path, below which Sync Health is served."""

    api: "APIGatewayHttpResolver"
    site: "Site"
    public_url: str

    def answer(self, event: Json, context: "LambdaContext") -> Json:
        """Return the response to a request of API Gateway (payload 2.0), with its security headers."""
        if event["requestContext"]["http"]["method"] == "HEAD":
            return self.answer(_as_get(event), context) | {"body": ""}
        path = event["rawPath"].removeprefix(urlsplit(self.public_url).path.rstrip("/"))
        if path.startswith(f"{PREFIX}/"):
            answer = self._answer_api(event | {"rawPath": path}, context)
        else:
            answer = self.site.resolve(event, context)
        if is_too_large(answer):
            answer = _problem(_TOO_LARGE)
        return answer | {"headers": headers_for(answer["headers"])}

    def _answer_api(self, event: Json, context: "LambdaContext") -> Json:
        """Answer a request of the JSON API whose body, if any, is text: Powertools fails on any other.

        It also fails on JSON that is nested too deeply for Python's parser.
        """
        try:
            body = text_body(event)
            with suppress(ValueError):
                json.loads(body)
        except InvalidBodyError as error:
            return _problem(invalid_request([("body", str(error))]))
        except RecursionError:
            return _problem(invalid_request([("body", "is nested too deeply")]))
        answer: Json = self.api.resolve(event | {"body": body or None, "isBase64Encoded": False}, context)
        return answer


def _problem(problem: ProblemDetails) -> Json:
    response = problem_response(problem)
    headers = {"content-type": response.content_type}
    return {"statusCode": response.status_code, "headers": headers, "body": response.body}


def _as_get(event: Json) -> Json:
    """Return a HEAD request as the GET that it asks about: the response has the same headers, but no body."""
    context = event["requestContext"]
    return event | {"requestContext": context | {"http": context["http"] | {"method": "GET"}}}
