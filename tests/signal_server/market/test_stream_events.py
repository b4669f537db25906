"""Frames and events of the stream, as the vendor sends them and as it must not."""

from datetime import UTC, datetime

import pytest

from signal_server.core.domain import Bar
from signal_server.market.stream_events import (
    Status,
    Unreadable,
    UnreadableFrameError,
    event_of,
    events_of,
)


def event(**changes: object) -> dict[str, object]:
    """Return a bar as the stream sends it, with changes."""
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    body = {"ev": "XAS", "pair": "BTC-USD", "o": 10, "h": 12, "l": 9, "c": 11, "v": 1.5, "vw": 10.5}
    return {**body, "z": 3, "s": start, "e": start + 1000, **changes}


def test_a_bar_is_stamped_with_its_close_and_has_no_trade_count() -> None:
    bar = event_of(event(), 1)
    assert isinstance(bar, Bar)
    assert bar.close_time == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap) == (
        *(10, 12, 9, 11),
        *(1.5, 10.5),
    )
    assert bar.transactions != bar.transactions


@pytest.mark.parametrize("vw", [None, 0, -1, "7", float("nan"), float("inf")])
def test_an_average_price_that_is_none_is_left_out(vw: object) -> None:
    bar = event_of(event(vw=vw), 1)
    assert isinstance(bar, Bar)
    assert bar.vwap != bar.vwap


@pytest.mark.parametrize(
    "changes",
    [
        *({"c": None}, {"c": "text"}, {"c": 10**400}, {"v": []}),
        *({"s": 1.7e30}, {"s": None}, {"s": float("nan")}),
        *({"ev": None}, {"ev": "ZZ"}, {"ev": []}, {"ev": {}}),
    ],
)
def test_what_may_have_been_a_bar_is_told_with_its_pair(changes: dict[str, object]) -> None:
    meaning = event_of(event(**changes), 1)
    assert isinstance(meaning, Unreadable)
    assert meaning.pair == "BTC-USD"


@pytest.mark.parametrize("strange", [7, None, [], {}, {"ev": "XAS", "pair": 3}])
def test_what_says_nothing_of_a_pair_may_have_been_any_bar(strange: object) -> None:
    meaning = event_of(strange, 1)
    assert isinstance(meaning, Unreadable)
    assert meaning.pair is None


def test_other_events_are_passed_over_and_the_status_is_told() -> None:
    assert event_of(event(ev="XT"), 1) is None
    assert event_of(event(ev="XA"), 1) is None
    assert isinstance(event_of(event(ev="XA"), 60), Bar)
    told = event_of({"ev": "status", "status": "success", "message": "subscribed"}, 1)
    assert told == Status("success", "subscribed")


@pytest.mark.parametrize("text", ["{", "", "7", "null", b"\xff", "[" * 200_000])
def test_a_frame_without_events_is_refused(text: str | bytes) -> None:
    with pytest.raises(UnreadableFrameError):
        events_of(text)


def test_an_object_alone_is_an_event() -> None:
    assert events_of('{"ev": "XAS"}') == [{"ev": "XAS"}]
