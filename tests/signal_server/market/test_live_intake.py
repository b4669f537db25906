"""Frames of the stream, checked and brought into order."""

import json
from datetime import datetime, timedelta

import pytest

from signal_server.market.frames import empty_frame
from signal_server.market.live_intake import SILENT_BARS, STRANGE_FRAMES, LiveIntake
from signal_server.market.live_link import StreamLostError
from signal_server.market.live_order import Answer
from signal_server.market.live_patience import LivePatience
from signal_server.market.quality import BarFault
from signal_server.market.spans import close_of

START = 1_800_000_000
SYMBOLS = ("BTC-USD", "ETH-USD")


def intake(bar_seconds: int = 1) -> LiveIntake:
    """Return one that is subscribed, and has no stored bars."""
    begun = LiveIntake({name: empty_frame() for name in SYMBOLS}, bar_seconds, LivePatience())
    event = {1: "XAS", 60: "XA"}[bar_seconds]
    for name in SYMBOLS:
        told = {"ev": "status", "status": "success", "message": f"subscribed to: {event}.{name}"}
        begun.frame(json.dumps([told]), close_of(START // bar_seconds, bar_seconds), 0.0)
    return begun


def event(n: int, symbol: str = "BTC-USD", bar_seconds: int = 1, **changes: object) -> dict:
    """Return the bar that closes `n` bars after the start."""
    kind = {1: "XAS", 60: "XA"}[bar_seconds]
    body = {"ev": kind, "pair": symbol, "o": 2, "h": 4, "l": 1.5, "c": 3, "v": 5, "vw": 2.5}
    return {**body, "s": (START + (n - 1) * bar_seconds) * 1000, **changes}


def at(n: float, bar_seconds: int = 1) -> datetime:
    return close_of(START // bar_seconds, bar_seconds) + timedelta(seconds=n * bar_seconds)


def closes(live: LiveIntake) -> list[int]:
    passed, _ = live.take_passed()
    return [int(one.bar.close_time.timestamp()) - START for one in passed.ready]


@pytest.mark.parametrize("bar_seconds", [1, 60])
def test_bars_of_both_lengths_are_handed_over_at_once(bar_seconds: int) -> None:
    live = intake(bar_seconds)
    for n in (1, 2):
        live.frame(json.dumps([event(n, bar_seconds=bar_seconds)]), at(n + 0.01, bar_seconds), n)
    assert closes(live) == [bar_seconds, 2 * bar_seconds]


def test_an_unfinished_bar_does_not_leave() -> None:
    live = intake()
    live.frame(json.dumps([event(1), event(2, c=2.5)]), at(1.02), 0.0)
    assert closes(live) == [1]
    live.frame(json.dumps([event(2), event(3, c=2.5)]), at(2.02), 1.0)
    _, quarantined = live.take_passed()
    live.frame(json.dumps([event(3)]), at(3.02), 2.0)
    assert closes(live) == [3]
    assert [fault for _, fault in quarantined] == [BarFault.FUTURE]


def test_it_does_not_leave_either_when_a_busy_computer_takes_it_after_its_end() -> None:
    live = intake()
    live.frame(json.dumps([event(1), event(2, c=2.5)]), at(2.3), 0.0)
    assert closes(live) == [1]
    assert START + 2 in live.orders["BTC-USD"].lost


def test_a_bad_event_costs_that_bar_alone_and_has_it_fetched() -> None:
    live = intake()
    frame = [event(1, c=float("nan")), 7, {"ev": "ZZ"}, event(1, symbol="ETH-USD")]
    live.frame(json.dumps(frame), at(1.02), 0.0)
    passed, quarantined = live.take_passed()
    assert [one.bar.symbol for one in passed.ready] == ["ETH-USD"]
    assert [fault for _, fault in quarantined] == [BarFault.NOT_FINITE]
    assert START + 1 in live.orders["BTC-USD"].lost
    assert START + 1 not in live.orders["ETH-USD"].lost


def test_a_frame_that_cannot_be_read_is_fetched_and_some_in_a_row_end_the_connection() -> None:
    live = intake()
    live.frame("[{", at(1.02), 0.0)
    assert all(START + 1 in order.lost for order in live.orders.values())
    for _ in range(STRANGE_FRAMES - 2):
        live.frame("[{", at(1.02), 0.0)
    with pytest.raises(StreamLostError):
        live.frame("[{", at(1.02), 0.0)


def test_a_step_without_any_bar_is_fetched_at_once_but_not_each_time() -> None:
    live = intake()
    for n in (1, 3, 5):
        live.frame(json.dumps([event(n)]), at(n + 0.02), float(n))
    assert list(live.orders["BTC-USD"].lost) == [(START + 1, START + 2)]
    assert START + 4 in live.orders["BTC-USD"].doubtful
    assert closes(live) == [1]


def test_while_the_stream_is_down_what_it_misses_is_asked_for_bit_by_bit() -> None:
    live = intake()
    live.frame(json.dumps([event(n) for n in (1,)]), at(1.02), 0.0)
    live.ended()
    for second in range(60):
        live.tick(at(second), float(second), can_ask=True)
    lost = live.orders["BTC-USD"].lost
    assert START + 40 in lost
    assert START + 59 not in lost


def test_what_the_stream_and_rest_have_given_wholly_is_told_once() -> None:
    live = intake()
    for n in range(1, 21):
        live.frame(json.dumps([event(n), event(n, symbol="ETH-USD")]), at(n + 0.02), float(n))
    streamed, fetched = live.vouched("BTC-USD")
    assert streamed == [(START + 1, START + 15)]
    assert fetched == []
    assert live.vouched("BTC-USD") == ([], [])


def test_the_stream_does_not_vouch_for_what_lies_behind_a_symbols_newest_bar() -> None:
    live = intake()
    live.frame(json.dumps([event(1), event(1, symbol="ETH-USD")]), at(1.02), 1.0)
    for n in range(2, 21):
        live.frame(json.dumps([event(n, symbol="ETH-USD")]), at(n + 0.02), float(n))
    assert live.vouched("BTC-USD")[0] == []
    assert live.vouched("ETH-USD")[0] == [(START + 1, START + 15)]
    live.frame(json.dumps([event(21), event(21, symbol="ETH-USD")]), at(21.02), 21.0)
    live.frame(json.dumps([event(30, symbol="ETH-USD")]), at(30.02), 30.0)
    streamed, _ = live.vouched("BTC-USD")
    assert streamed == [(START + 20, START + 21)]
    assert START + 10 in live.orders["BTC-USD"].doubtful


def test_an_answer_covers_nothing_before_the_first_bar_of_an_empty_store() -> None:
    live = intake()
    live.frame(json.dumps([event(1)]), at(1.02), 0.0)
    live.frame(json.dumps([event(3)]), at(3.02), 1.0)
    span = (START - 5, START + 3)
    live.answer("BTC-USD", Answer(span, {}, START + 3), 2.0)
    assert live.vouched("BTC-USD")[1] == [(START, START + 3)]


def test_a_symbol_that_the_vendor_does_not_subscribe_to_is_asked_for_too() -> None:
    live = intake()
    live.frame(json.dumps([event(1), event(1, symbol="ETH-USD")]), at(1.02), 0.0)
    live.ended()
    told = {"ev": "status", "status": "success", "message": "subscribed to: XAS.BTC-USD"}
    live.frame(json.dumps([told]), at(2), 2.0)
    for second in range(2, 60):
        live.tick(at(second), float(second), can_ask=True)
    assert START + 40 in live.orders["ETH-USD"].doubtful
    assert START + 40 not in live.orders["BTC-USD"].doubtful


def test_a_symbol_that_is_silent_for_long_is_asked_for_now_and_then() -> None:
    live = intake()
    live.frame(json.dumps([event(1), event(1, symbol="ETH-USD")]), at(1.02), 0.0)
    silent, asked = live.orders["BTC-USD"], []
    for n in range(2, 4 * SILENT_BARS):
        live.frame(json.dumps([event(n, symbol="ETH-USD")]), at(n + 0.02), float(n))
        live.tick(at(n + 0.1), n + 0.1, can_ask=True)
        for span in list(silent.doubtful):
            asked.append(span)
            live.answer("BTC-USD", Answer(span, {}, span[1]), n + 0.2)
    assert asked[0][0] == START + 1
    assert [a[1] for a in asked[:-1]] == [b[0] for b in asked[1:]]
    assert len(asked) == 3
    assert live.vouched("BTC-USD")[1] == [(START + 1, asked[-1][1])]
    assert not live.orders["ETH-USD"].doubtful
