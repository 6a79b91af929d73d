"""How our endpoint stands among those that Codat sends webhooks to."""

from itertools import product

import pytest

from codat_sync.webhooks.endpoint import EndpointState, WebhookConsumer, evaluate_endpoint

_OURS = "https://api.example.com/webhooks/codat"

# Spellings of each event: of both generations, with the space and without, in any letter case, and wildcards.
_SUCCESS = ("expenses.sync.successful", "SyncCompleted", "Sync Completed", "EXPENSES.SYNC.SUCCESSFUL", "sync completed")
_FAILURE = ("expenses.sync.unsuccessful", "SyncFailed", "Sync Failed", "Expenses.Sync.Unsuccessful", "SYNCFAILED")
_ALL = ((), ("*",), ("expenses.*",), ("Expenses.Sync.*", "client.rateLimit.reached"))
_OTHERS = (("bills.write.successful",), ("",), ("expenses.sync.paused",), ("Rate Limit Reached", "connection.*"))


def _consumer(*event_types: str, url: str = _OURS, disabled: bool = False, filtered: bool = False) -> WebhookConsumer:
    return WebhookConsumer(url, disabled, frozenset(event_types), filtered)


@pytest.mark.parametrize("event_types", [*product(_SUCCESS, _FAILURE), *_ALL])
def test_both_events_in_any_spelling_are_all(event_types: tuple[str, ...]) -> None:
    """In one consumer or in several, and short of all only if one is filtered or disabled."""
    assert evaluate_endpoint([_consumer(*event_types)], _OURS) is EndpointState.HEALTHY
    assert evaluate_endpoint([_consumer(*event_types, filtered=True)], _OURS) is EndpointState.FILTERED
    assert evaluate_endpoint([_consumer(*event_types, disabled=True)], _OURS) is EndpointState.DISABLED
    assert evaluate_endpoint([_consumer(*event_types, url="https://example.com")], _OURS) is EndpointState.WRONG_URL


@pytest.mark.parametrize("event_types", [*((each,) for each in (*_SUCCESS, *_FAILURE)), *product(_SUCCESS, _SUCCESS)])
def test_one_of_both_events_is_not_all(event_types: tuple[str, ...]) -> None:
    """Nor is the same event twice."""
    assert evaluate_endpoint([_consumer(*event_types)], _OURS) is EndpointState.UNSUBSCRIBED
    assert evaluate_endpoint([_consumer(*event_types, filtered=True)], _OURS) is EndpointState.UNSUBSCRIBED
    assert evaluate_endpoint([_consumer(*event_types, url="https://example.com")], _OURS) is EndpointState.WRONG_URL


@pytest.mark.parametrize("event_types", _OTHERS)
def test_other_events_are_none_of_both(event_types: tuple[str, ...]) -> None:
    """Whatever else Codat sends elsewhere, too."""
    assert evaluate_endpoint([_consumer(*event_types)], _OURS) is EndpointState.UNSUBSCRIBED
    assert evaluate_endpoint([_consumer(*event_types, url="https://example.com")], _OURS) is EndpointState.MISSING


@pytest.mark.parametrize(("success", "failure"), list(product(_SUCCESS, _FAILURE)))
@pytest.mark.parametrize("is_first", [True, False])
def test_consumers_complement_each_other(*, success: str, failure: str, is_first: bool) -> None:
    """Codat recommends one for each event type. What one of them lacks is what the endpoint lacks."""
    for other, state in (
        (_consumer(failure), EndpointState.HEALTHY),
        (_consumer(failure, filtered=True), EndpointState.FILTERED),
        (_consumer(failure, disabled=True), EndpointState.DISABLED),
        (_consumer(failure, url="https://example.com/"), EndpointState.UNSUBSCRIBED),
    ):
        consumers = [_consumer(success), other]
        assert evaluate_endpoint(consumers if is_first else consumers[::-1], _OURS) is state


@pytest.mark.parametrize(
    ("consumers", "state"),
    [
        ([_consumer(disabled=True), _consumer()], EndpointState.HEALTHY),
        ([_consumer(filtered=True), _consumer()], EndpointState.HEALTHY),
        ([_consumer(filtered=True), _consumer(filtered=True)], EndpointState.FILTERED),
        ([_consumer(filtered=True), _consumer(disabled=True)], EndpointState.FILTERED),
        ([_consumer(filtered=True), _consumer("SyncFailed")], EndpointState.FILTERED),
        ([_consumer("bills.write.successful", disabled=True)], EndpointState.DISABLED),
        ([_consumer(url="https://example.com", disabled=True)], EndpointState.MISSING),
        ([], EndpointState.MISSING),
    ],
)
def test_one_healthy_consumer_is_enough(consumers: list[WebhookConsumer], state: EndpointState) -> None:
    """Otherwise the state is what has to be changed."""
    assert evaluate_endpoint(consumers, _OURS) is state


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("HTTPS://API.example.com/webhooks/codat/?x=1", True),
        ("https://api.example.com:443/webhooks/codat", True),
        (" https://api.example.com/webhooks/codat\n", True),
        ("https://example.com/webhooks/codat", False),
        ("http://api.example.com/webhooks/codat", False),
        ("https://api.example.com:8443/webhooks/codat", False),
        ("https://api.example.com/webhooks/Codat", False),
        ("https://api.example.com:99999/webhooks/codat", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_our_endpoint_is_found_among_all_by_its_url(url: str, *, is_ours: bool) -> None:
    """Others of the same client are none of our business."""
    state = evaluate_endpoint([_consumer(url=url)], _OURS)
    assert state is (EndpointState.HEALTHY if is_ours else EndpointState.WRONG_URL)
