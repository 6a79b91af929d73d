"""Pages for one sync: tabs for its summary, push items, timeline and the company's configuration."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from codat_sync.companies.configuration import CompanyThen
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.problems import ProblemDetails
from codat_sync.queries.configuration_history import ConfigurationThenAndNow
from codat_sync.queries.item_search import ItemQuery, ItemWalk, find_items
from codat_sync.queries.sync_details import SyncDetails
from codat_sync.queries.sync_query import ListedSync
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import JSON
from codat_sync.web.pages.components.retry_panel import retry_panel
from codat_sync.web.pages.components.timeline import timeline
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import Cursor, ItemSearch, PageFormat, Rows, Statuses, SyncId, identifier
from codat_sync.web.problems import problem_for
from codat_sync.web.read_service import ReadService

_AUDIT_ROWS = 50
ConfigFormat = Annotated[Literal["html", "json"], Query()]
ConfigVersion = Annotated[Literal["then", "now"], Query()]


def add_sync_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the tabs of a sync and its refresh action."""

    @app.get("/syncs/<sync_id>")
    def summary(sync_id: SyncId) -> Response[Any]:
        return _tab(app, _load(read_service, sync_id), "summary")

    @app.get("/syncs/<sync_id>/timeline")
    def course(sync_id: SyncId) -> Response[Any]:
        found = _load(read_service, sync_id)
        made = _load_retry_syncs(read_service, found)
        moments = timeline(found, made) if found else []
        audit = read_service.audit_log.load_of_sync(identifier("syncId", sync_id), _AUDIT_ROWS, None)
        return _tab(app, found, "timeline", moments=moments, audit=audit)

    @app.post("/syncs/<sync_id>/refresh")
    def refresh(sync_id: SyncId) -> Response[Any]:
        request = app.context["request"]
        found = _load(read_service, sync_id)
        if found is None:
            return not_found_page(request, "sync")
        request_id = app.current_event.request_context.request_id
        status = read_service.live.fetch_sync(found, request_id, request.visitor.signature)
        return _tab(app, found, "summary", live=status)

    @app.get("/syncs/<sync_id>/refresh")
    def refreshed(sync_id: SyncId) -> Response[Any]:
        """Redirect to the sync when the result of a refresh is reloaded, without another request to Codat."""
        return see_other(app.context["request"].to("syncs", identifier("syncId", sync_id)))

    _add_items(app, read_service)
    _add_support(app, read_service)


def _add_items(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    @app.get("/syncs/<sync_id>/items")
    def items(  # noqa: PLR0913, PLR0917 - one per parameter
        sync_id: SyncId,
        search: ItemSearch = None,
        status: Statuses = None,
        limit: Rows = 50,
        cursor: Cursor = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        wanted = identifier("syncId", sync_id)
        query = ItemQuery(search or "", frozenset(status or ()), limit=limit)
        if format == "csv":
            walk = ItemWalk(read_service.store, wanted, query, cursor)
            listed = read_service.name_companies(read_service.details.load_listed([wanted]))
            if not (walk.is_found and listed):
                return not_found_page(app.context["request"], "sync")
            return csv_export.export_items(walk, listed[0])
        found = find_items(read_service.store, wanted, query, cursor)
        if found is None:
            return not_found_page(app.context["request"], "sync")
        details = _load(read_service, sync_id)
        return _tab(
            app,
            details,
            "items",
            found=found,
            query=query,
            panel=details and retry_panel(details, read_service.now()),
            made=_load_retry_syncs(read_service, details),
        )


def _add_support(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    @app.get("/syncs/<sync_id>/config")
    def config(
        sync_id: SyncId,
        format: ConfigFormat = "html",  # noqa: A002 - the parameter's name
        version: ConfigVersion = "now",
    ) -> Response[Any]:
        found = _load(read_service, sync_id)
        then = read_service.configurations.load_then(found.listed.sync_id) if found else None
        if format == "json" and version == "then" and then and then.configuration is not None:
            return _download(then.configuration, "configuration-then.json")
        compared, problem = _compare(read_service, found, then) if found else (None, None)
        if format == "json" and compared and compared.now is not None:
            return _download(compared.now, "configuration.json")
        return _tab(app, found, "config", then=then, compared=compared, problem=problem)

    @app.get("/syncs/<sync_id>/support-bundle")
    def support_bundle(sync_id: SyncId) -> Response[Any]:
        found = _load(read_service, sync_id)
        if found is None:
            return not_found_page(app.context["request"], "sync")
        bundle = presenters.support_bundle(read_service.bundles.collect(found, read_service.now()))
        return _download(bundle.model_dump(mode="json", by_alias=True), f"support-{found.listed.sync_id}.json")


def _load_retry_syncs(read_service: ReadService, details: SyncDetails | None) -> list[ListedSync]:
    """Return the syncs created by retries of a sync."""
    sync_ids = details.retry.sync_ids if details and details.retry else ()
    return read_service.details.load_listed(sync_ids) if sync_ids else []


def _load(read_service: ReadService, sync_id: str) -> SyncDetails | None:
    return read_service.details.load(identifier("syncId", sync_id))


def _tab(app: APIGatewayHttpResolver, found: SyncDetails | None, tab: str, /, **values: Any) -> Response[Any]:  # noqa: ANN401 - template variables
    request = app.context["request"]
    if found is None:
        return not_found_page(request, "sync")
    meaning = presenters.meaning(found)
    shown = {"live": None} | values
    return page(request, f"sync_{tab}.html", tab=tab, sync=found, listed=found.listed, meaning=meaning, **shown)


def _compare(
    read_service: ReadService, found: SyncDetails, then: CompanyThen | None
) -> tuple[ConfigurationThenAndNow | None, ProblemDetails | None]:
    """Return the comparison, or the problem if Codat fails: the rest of the page does not depend on it."""
    try:
        return read_service.configurations.compare(found, then), None
    except CodatSyncError as error:
        return None, problem_for(error, read_service.now())


def _download(content: Mapping[str, Any], name: str) -> Response[Any]:
    """Return JSON for people, in the order of its fields, as a file."""
    kept = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(int(HTTPStatus.OK), JSON, json.dumps(content, indent=2, ensure_ascii=False), kept)
