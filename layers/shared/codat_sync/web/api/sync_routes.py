"""JSON API routes for a sync, its push items, and transactions across syncs."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.auth.roles import Role
from codat_sync.queries.item_search import ItemQuery, ItemWalk, find_items
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import CODAT_PROBLEMS, PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import (
    Item,
    ItemPage,
    LiveSync,
    LiveTransaction,
    RetryPreview,
    SyncDetails,
    SyncStatus,
    Transaction,
)
from codat_sync.web.parameters import (
    CompanyInPath,
    Cursor,
    Format,
    ItemSearch,
    Limit,
    Selection,
    Statuses,
    SyncId,
    TransactionId,
    identifier,
    selection,
)
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_sync(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes of a sync."""

    @app.get(
        f"{PREFIX}/syncs/<sync_id>",
        operation_id="getSync",
        tags=[Tag.SYNCS],
        summary="Get a sync",
        responses=documented_responses(SyncDetails),
    )
    def sync(sync_id: SyncId) -> Response[Any]:
        """Costs three table requests."""
        found = read_service.details.load(identifier("syncId", sync_id))
        return json_response(presenters.details(found)) if found else not_found("sync")

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/transactions",
        operation_id="listSyncTransactions",
        tags=[Tag.TRANSACTIONS],
        summary="List a sync's push items",
        responses=documented_responses(ItemPage, is_list=True),
    )
    def transactions(  # noqa: PLR0913, PLR0917 - one per parameter
        sync_id: SyncId,
        search: ItemSearch = None,
        status: Statuses = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs one table request, up to eight for a large sync (CSV: all); one read unit per 4 KB of items."""
        wanted, query = identifier("syncId", sync_id), ItemQuery(search or "", frozenset(status or ()), limit=limit)
        if format == "csv":
            walk = ItemWalk(read_service.store, wanted, query, cursor)
            return csv_export.export_items(walk) if walk.is_found else not_found("sync")
        found = find_items(read_service.store, wanted, query, cursor)
        return json_response(presenters.items(found)) if found else not_found("sync")

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/plan",
        operation_id="previewRetry",
        tags=[Tag.FAILURES],
        summary="Preview a retry",
        responses=documented_responses(RetryPreview),
    )
    def plan(sync_id: SyncId, transaction_id: Selection = None) -> Response[Any]:
        """Change nothing. Costs about three table requests for each transaction in the response."""
        named = selection("transactionId", transaction_id)
        found = read_service.retry_previews.preview_sync(identifier("syncId", sync_id), named)
        return json_response(presenters.preview(found)) if found else not_found("sync")


def add_transaction(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the route of a transaction."""

    @app.get(
        f"{PREFIX}/companies/<company_id>/transactions/<transaction_id>",
        operation_id="getTransaction",
        tags=[Tag.TRANSACTIONS],
        summary="Get a transaction with all its syncs",
        responses=documented_responses(Transaction),
    )
    def transaction(company_id: CompanyInPath, transaction_id: TransactionId) -> Response[Any]:
        """Costs five table requests, plus one per sync."""
        company, wanted = identifier("companyId", company_id), identifier("transactionId", transaction_id)
        may_see_expenses = app.context["viewer"].has_role(Role.EXPENSES)
        found = read_service.load_expense(company, wanted, may_see_expenses=may_see_expenses)
        if not found.is_known:
            return not_found("transaction")
        name = read_service.load_company_name(company)
        return json_response(presenters.transaction(company, name, found))


def add_live(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes that fetch current data from Codat."""

    @app.post(
        f"{PREFIX}/syncs/<sync_id>/refresh",
        operation_id="refreshSync",
        tags=[Tag.SYNCS],
        summary="Fetch a sync's current status from Codat",
        responses=documented_responses(LiveSync, CODAT_PROBLEMS),
    )
    def refresh(sync_id: SyncId) -> Response[Any]:
        """Costs one request of the Codat quota reserved for users. The worker then fetches the rest."""
        found = read_service.details.load(identifier("syncId", sync_id))
        if found is None:
            return not_found("sync")
        request_id = app.current_event.request_context.request_id
        status = read_service.live.fetch_sync(found, request_id, app.context["viewer"].signature)
        shown = SyncStatus.model_validate(status)
        return json_response(LiveSync(status=shown, meaning=presenters.code(status.code), is_queued=True))

    @app.post(
        f"{PREFIX}/syncs/<sync_id>/transactions/<transaction_id>/refresh",
        operation_id="refreshTransaction",
        tags=[Tag.TRANSACTIONS],
        summary="Fetch a transaction's current status from Codat",
        responses=documented_responses(LiveTransaction, CODAT_PROBLEMS),
    )
    def refresh_transaction(sync_id: SyncId, transaction_id: TransactionId) -> Response[Any]:
        """Costs one request of the Codat quota reserved for users."""
        found = read_service.details.load(identifier("syncId", sync_id))
        wanted = identifier("transactionId", transaction_id)
        if found is None:
            return not_found("sync")
        listed, by = found.listed, app.context["viewer"].signature
        items = read_service.live.fetch_transaction(listed.company_id, listed.sync_id, wanted, by)
        if not items:
            return not_found("transaction in this sync")
        return json_response(LiveTransaction(transactions=list(map(Item.model_validate, items))))
