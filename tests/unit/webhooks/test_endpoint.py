"""How our endpoint stands among those that Codat sends webhooks to."""

import pytest

from codat_sync.webhooks.endpoint import EndpointState, WebhookConsumer, evaluate_endpoint

_OURS = "https://api.example.com/webhooks/codat"
_SYNCS = frozenset({"expenses.sync.successful", "expenses.sync.unsuccessful"})


@pytest.mark.parametrize(
    ("consumers", "state"),
    [
        ([WebhookConsumer(_OURS, is_disabled=False)], EndpointState.HEALTHY),
        ([WebhookConsumer(_OURS, is_disabled=False, event_types=_SYNCS)], EndpointState.HEALTHY),
        ([WebhookConsumer(_OURS, is_disabled=False, event_types=frozenset({"*"}))], EndpointState.HEALTHY),
        ([WebhookConsumer("HTTPS://API.example.com/webhooks/codat/?x=1", is_disabled=False)], EndpointState.HEALTHY),
        ([WebhookConsumer(_OURS, is_disabled=True)], EndpointState.DISABLED),
        ([WebhookConsumer(_OURS, is_disabled=True), WebhookConsumer(_OURS, is_disabled=False)], EndpointState.HEALTHY),
        (
            [WebhookConsumer(_OURS, is_disabled=False, event_types=frozenset({"expenses.sync.successful"}))],
            EndpointState.UNSUBSCRIBED,
        ),
        ([WebhookConsumer("https://example.com/webhooks/codat", is_disabled=False)], EndpointState.WRONG_URL),
        ([WebhookConsumer("http://api.example.com/webhooks/codat", is_disabled=False)], EndpointState.WRONG_URL),
        (
            [WebhookConsumer("https://x.com/", is_disabled=False, event_types=frozenset({"bills.write.successful"}))],
            EndpointState.MISSING,
        ),
        ([WebhookConsumer("https://[", is_disabled=False, event_types=frozenset({"x"}))], EndpointState.MISSING),
        ([], EndpointState.MISSING),
    ],
)
def test_our_endpoint_is_found_among_all(consumers: list[WebhookConsumer], state: EndpointState) -> None:
    """By its URL; others of the same client are none of our business."""
    assert evaluate_endpoint(consumers, _OURS) is state
