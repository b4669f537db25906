from collections.abc import Callable
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.journal.trades import OrderStatus
from signal_server.serving.reported import MAX_EVENTS, InvalidFieldError, read_events
from tests.signal_server.serving.wire_events import wire_event


def test_an_event_is_read_exactly() -> None:
    (event,) = read_events([wire_event()])
    assert (event.price, event.amount) == (Decimal("100.10"), Decimal("0.001"))
    assert (event.status, event.signal_id) == (OrderStatus.FILLED, 7)
    assert event.pnl_quote == Decimal("-2.38")


def test_what_a_fresh_order_does_not_know_yet_may_be_absent() -> None:
    fresh = {"status": "OPEN", "price": "", "fee_quote": "", "slippage_bps": "", "pnl_quote": ""}
    (event,) = read_events([wire_event(filled_at=None, exit_reason="", signal_id=0, **fresh)])
    assert event.price is None
    assert event.exit_reason is None
    assert event.signal_id is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", ""),
        ("event_id", "x" * 129),
        ("bot_id", ""),
        ("bot_id", "bot\x00"),
        ("position_id", " p1"),
        ("order_id", "заявка"),
        ("connector", ""),
        ("sequence", 0),
        ("sequence", 2**64 - 1),
        ("signal_id", 2**63),
        ("symbol", "btc"),
        ("symbol", "B" * 100_000),
        ("side", "HOLD"),
        ("side", "buy"),
        ("order_type", ""),
        ("status", "DONE"),
        ("mode", "demo"),
        ("exit_reason", "BORED"),
        ("price", "NaN"),
        ("price", "Infinity"),
        ("price", "1e9"),
        ("price", "-1"),
        ("price", "0"),
        ("price", "1" * 100_000),
        ("price", "\uff11\uff12"),
        ("price", ""),
        ("amount", "1,5"),
        ("amount", ""),
        ("fee_quote", "0.1.2"),
        ("slippage_bps", "--1"),
        ("pnl_quote", " 1"),
        ("confidence", float("nan")),
        ("confidence", float("inf")),
        ("confidence", 1.01),
        ("created_at", None),
        ("created_at", Timestamp(seconds=-1)),
        ("created_at", Timestamp(seconds=2**62)),
        ("created_at", Timestamp(seconds=1, nanos=-5)),
        ("filled_at", None),
    ],
)
def test_a_bad_field_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidFieldError) as error:
        read_events([wire_event(event_id="good"), wire_event(**{field: value})])
    assert str(error.value).startswith(f"events[1].{field}: ")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("field", ["pnl_quote", "exit_reason"])
def test_an_entry_has_no_result(field: str) -> None:
    other = {"pnl_quote": "", "exit_reason": ""}
    other.pop(field)
    with pytest.raises(InvalidFieldError, match=rf"events\[0\]\.{field}: belongs to exits only"):
        read_events([wire_event(is_exit=False, **other)])


def test_too_many_events_are_refused() -> None:
    with pytest.raises(InvalidFieldError, match="events: 501 at once"):
        read_events([wire_event()] * (MAX_EVENTS + 1))


@given(price=st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e12"), places=12))
def test_decimals_make_the_round_trip_to_the_last_digit(price: Decimal) -> None:
    (event,) = read_events([wire_event(price=f"{price:f}")])
    assert event.price == price


def _with(field: str) -> Callable[[str], pb.TradeEvent]:
    return lambda value: wire_event(**{field: value})


@given(
    event=st.sampled_from(["event_id", "symbol", "side", "price", "amount", "exit_reason"]).flatmap(
        lambda field: st.text(st.characters(exclude_categories=["Cs"])).map(_with(field))
    )
)
def test_hostile_text_is_either_taken_or_refused_by_name(event: pb.TradeEvent) -> None:
    try:
        read_events([event])
    except InvalidFieldError as error:
        assert str(error).startswith("events[0].")  # noqa: PT017
