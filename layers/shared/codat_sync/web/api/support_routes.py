"""JSON API routes that help to find out why a sync failed: the configuration then, and the support bundle."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.web.api import presenters
from codat_sync.web.api.responses import CODAT_PROBLEMS, PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import ConfigurationAtFailure, ConfigurationThenAndNow, SupportBundle
from codat_sync.web.parameters import SyncId, identifier
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_support(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes."""

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/configuration",
        operation_id="getConfigurationAtFailure",
        tags=[Tag.FAILURES],
        summary="Get the company's configuration and connection when a sync failed",
        responses=documented_responses(ConfigurationAtFailure),
    )
    def configuration_then(sync_id: SyncId) -> Response[Any]:
        """Costs two table requests. Not found if nothing was recorded, as for a sync that has not failed."""
        then = read_service.configurations.load_then(identifier("syncId", sync_id))
        return json_response(ConfigurationAtFailure.model_validate(then)) if then else not_found("configuration")

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/configuration/differences",
        operation_id="compareConfigurations",
        tags=[Tag.FAILURES],
        summary="Compare the company's configuration when a sync failed with the current one",
        responses=documented_responses(ConfigurationThenAndNow, CODAT_PROBLEMS),
    )
    def configuration_differences(sync_id: SyncId) -> Response[Any]:
        """Costs five table requests, and one request of the Codat quota reserved for users."""
        found = read_service.details.load(identifier("syncId", sync_id))
        if found is None:
            return not_found("sync")
        then = read_service.configurations.load_then(found.listed.sync_id)
        compared = read_service.configurations.compare(found, then)
        return json_response(ConfigurationThenAndNow.model_validate(compared))

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/support-bundle",
        operation_id="getSupportBundle",
        tags=[Tag.FAILURES],
        summary="Get what Codat's support needs about a sync",
        responses=documented_responses(SupportBundle),
    )
    def support_bundle(sync_id: SyncId) -> Response[Any]:
        """Costs about 35 table requests at most. It has no secrets, bodies or amounts."""
        found = read_service.details.load(identifier("syncId", sync_id))
        if found is None:
            return not_found("sync")
        return json_response(presenters.support_bundle(read_service.bundles.collect(found, read_service.now())))
