"""Responses of the retry API: a report as JSON, or a problem (RFC 9457)."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from codat_sync.auth.roles import Role
from codat_sync.aws.observability import logger
from codat_sync.core.errors import (
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidBodyError,
    InvalidQueryError,
    RequestInProgressError,
)
from codat_sync.core.problems import CONTENT_TYPE, ProblemDetails, ProblemType, invalid_request
from codat_sync.core.timestamps import format_timestamp
from codat_sync.retries.requests import (
    RetryCommand,
    parse_acknowledgement,
    parse_direct_invocation,
    parse_http_request,
    parse_resolution,
    parse_work_decision,
)
from codat_sync.syncs.retry_record import Step

if TYPE_CHECKING:
    from codat_sync.auth.roles import AccessPolicy
    from codat_sync.idempotency.requests import IdempotentRequests
    from codat_sync.retries.command_service import RetryReport
    from codat_sync.retries.work_decisions import WorkDecisionService
    from codat_sync.submissions.resolution import ResolutionService

# Keeps the response under Lambda's limit of 6 MB: an entry has 600 bytes or so.
_MAX_LISTED = 5000

# A response: JSON, whose shape AWS defines for the outer object.
Json = dict[str, Any]


def answer_request(
    event: Mapping[str, Any],
    access: "AccessPolicy",
    requests: "IdempotentRequests",
    execute: Callable[[RetryCommand], "RetryReport | None"],
) -> Json:
    """Return the response to an HTTP request (payload 2.0) that passed the authorizer: callers need the role RETRY."""
    try:
        caller = access.caller(event)
        caller.require_role(Role.RETRY)
        logger.append_keys(requested_by=caller.subject)
        return requests.answer(event, caller, lambda: _retry(event, caller.signature, execute))
    except ForbiddenError as error:
        return _problem(ProblemDetails(ProblemType.FORBIDDEN, str(error)))
    except InvalidBodyError as error:
        return _problem(invalid_request([("body", str(error))]))
    except InvalidQueryError as error:
        return _problem(invalid_request([(error.parameter, str(error).removeprefix(f"{error.parameter} "))]))
    except RequestInProgressError:
        return _problem(ProblemDetails(ProblemType.REQUEST_IN_PROGRESS))
    except IdempotencyKeyReusedError:
        return _problem(ProblemDetails(ProblemType.IDEMPOTENCY_KEY_REUSED))


def _retry(event: Mapping[str, Any], by: str, execute: Callable[[RetryCommand], "RetryReport | None"]) -> Json:
    report = execute(parse_http_request(event, by))
    if report is None:
        return _problem(ProblemDetails(ProblemType.NOT_FOUND, "There is no such sync."))
    return _build_response(HTTPStatus.OK, "application/json", json.dumps(report_to_json(report)))


def answer_invocation(
    event: Mapping[str, Any],
    execute: Callable[[RetryCommand], "RetryReport | None"],
    resolutions: "ResolutionService",
    decisions: "WorkDecisionService",
) -> Json | None:
    """Return the response to a direct invocation, which IAM has authorized: a report, or whether it was recorded.

    Raises InvalidBodyError, TooEarlyError, CompanyErasedError and DynamoDB's errors.
    """
    if "submissionId" in event:
        return {"isResolved": resolutions.resolve(parse_resolution(event))}
    if "acknowledgedSyncId" in event:
        return {"isResolved": resolutions.acknowledge(parse_acknowledgement(event))}
    if "decidedSyncId" in event:
        return {"isDone": decisions.decide(parse_work_decision(event))}
    report = execute(parse_direct_invocation(event))
    return report_to_json(report) if report else None


def report_to_json(report: "RetryReport") -> Json:
    """Return a report as the retry API returns it, timestamps in UTC. Only the first 5,000 transactions are listed."""
    return {
        "syncId": report.sync_id,
        "state": report.retry.state.value,
        "retrySyncIds": list(report.retry.sync_ids),
        "dueAt": report.retry.due_at and format_timestamp(report.retry.due_at),
        "transactions": [
            {
                "transactionId": each.transaction_id,
                "step": each.plan.step.value,
                "supportNote": each.plan.support_note,
                "customerNote": each.plan.customer_note,
                "until": each.plan.until and format_timestamp(each.plan.until),
                "retrySyncId": each.sync_id,
            }
            for each in report.results[:_MAX_LISTED]
        ],
        "failed": sum(each.plan.step is not Step.NOT_FAILED for each in report.results),
        "isTruncated": len(report.results) > _MAX_LISTED,
        "message": report.message,
    }


def _problem(problem: ProblemDetails) -> Json:
    return _build_response(problem.status, CONTENT_TYPE, problem.to_json(), problem.headers)


def _build_response(
    status: HTTPStatus, content_type: str, body: str, headers: Mapping[str, str] = MappingProxyType({})
) -> Json:
    return {"statusCode": int(status), "headers": {"content-type": content_type, **headers}, "body": body}
