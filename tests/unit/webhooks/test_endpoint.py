"""How our endpoint stands among those that Codat sends webhooks to."""

import pytest

from codat_sync.webhooks.endpoint import Consumer, EndpointState, judge

_OURS = "https://api.example.com/webhooks/codat"
_SYNCS = frozenset({"expenses.sync.successful", "expenses.sync.unsuccessful"})


@pytest.mark.parametrize(
    ("consumers", "state"),
    [
        ([Consumer(_OURS, is_disabled=False)], EndpointState.WELL),
        ([Consumer(_OURS, is_disabled=False, event_types=_SYNCS)], EndpointState.WELL),
        ([Consumer(_OURS, is_disabled=False, event_types=frozenset({"*"}))], EndpointState.WELL),
        ([Consumer("HTTPS://API.example.com/webhooks/codat/?x=1", is_disabled=False)], EndpointState.WELL),
        ([Consumer(_OURS, is_disabled=True)], EndpointState.DISABLED),
        ([Consumer(_OURS, is_disabled=True), Consumer(_OURS, is_disabled=False)], EndpointState.WELL),
        (
            [Consumer(_OURS, is_disabled=False, event_types=frozenset({"expenses.sync.successful"}))],
            EndpointState.UNSUBSCRIBED,
        ),
        ([Consumer("https://example.com/webhooks/codat", is_disabled=False)], EndpointState.ELSEWHERE),
        ([Consumer("http://api.example.com/webhooks/codat", is_disabled=False)], EndpointState.ELSEWHERE),
        (
            [Consumer("https://x.com/", is_disabled=False, event_types=frozenset({"bills.write.successful"}))],
            EndpointState.GONE,
        ),
        ([Consumer("https://[", is_disabled=False, event_types=frozenset({"x"}))], EndpointState.GONE),
        ([], EndpointState.GONE),
    ],
)
def test_our_endpoint_is_found_among_all(consumers: list[Consumer], state: EndpointState) -> None:
    """By its URL; others of the same client are none of our business."""
    assert judge(consumers, _OURS) is state
