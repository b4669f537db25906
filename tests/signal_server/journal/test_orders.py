from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from signal_server.journal.journal import Journal
from signal_server.journal.orders import Wanted, newest_orders, newest_positions
from signal_server.journal.performance import read_days
from signal_server.journal.trades import OrderStatus, TradeEvent, record_trade_events

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = TradeEvent(
    event_id="e1",
    sequence=1,
    bot_id="bot",
    position_id="p",
    order_id="1",
    is_exit=False,
    symbol="BTC-USD",
    side="BUY",
    order_type="MARKET",
    status=OrderStatus.FILLED,
    created_at=NOW,
    mode="live",
    connector="kraken",
    price=Decimal("60000.123456789012345678"),
    amount=Decimal("0.00166666"),
    filled_at=NOW,
    signal_id=7,
    confidence=0.7,
    fee_quote=Decimal("0.2600012345"),
)
EXIT = replace(
    ENTRY,
    event_id="e2",
    sequence=2,
    order_id="2",
    is_exit=True,
    side="SELL",
    created_at=NOW + timedelta(minutes=5),
    filled_at=NOW + timedelta(minutes=5),
    pnl_quote=Decimal("-1.234567890123456789"),
    exit_reason="STOP_LOSS",
    holding_s=Decimal(300),
)


def logged(path: Path, *events: TradeEvent) -> Journal:
    journal = Journal.open(path / "log.sqlite")
    record_trade_events(journal, events, NOW)
    return journal


def test_money_keeps_every_digit(tmp_path: Path) -> None:
    with logged(tmp_path, ENTRY, EXIT) as journal:
        (position,) = newest_positions(journal, Wanted())
        orders = newest_orders(journal, Wanted("bot", "BTC-USD"))
    assert position.pnl == EXIT.pnl_quote
    assert position.fees == Decimal("0.5200024690")
    assert position.entry_price == ENTRY.price
    assert orders == [EXIT, ENTRY]


def test_a_position_is_open_until_all_of_it_is_sold(tmp_path: Path) -> None:
    half = replace(EXIT, amount=Decimal("0.0008"), status=OrderStatus.PARTIALLY_FILLED)
    with logged(tmp_path, ENTRY, half) as journal:
        (position,) = newest_positions(journal, Wanted(include_closed=False))
    assert not position.closed
    assert position.open_amount == Decimal("0.00086666")


def test_closed_positions_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    with logged(tmp_path, ENTRY, EXIT) as journal:
        assert newest_positions(journal, Wanted(include_closed=False)) == []
        assert newest_positions(journal, Wanted("another")) == []


def test_the_newest_state_of_an_order_is_listed(tmp_path: Path) -> None:
    sent = replace(ENTRY, event_id="e0", sequence=0, status=OrderStatus.OPEN)
    with logged(tmp_path, ENTRY, sent) as journal:
        assert newest_orders(journal, Wanted()) == [ENTRY]


def test_dust_that_cannot_be_sold_does_not_keep_a_position_open(tmp_path: Path) -> None:
    canceled = replace(EXIT, amount=Decimal("0.00166"), status=OrderStatus.CANCELED)
    rounded_down = replace(EXIT, amount=Decimal("0.0010"), bot_id="other")
    with logged(tmp_path, ENTRY, canceled, replace(ENTRY, bot_id="other"), rounded_down) as journal:
        assert newest_positions(journal, Wanted(include_closed=False)) == []


def test_a_position_with_a_live_order_is_open(tmp_path: Path) -> None:
    more = replace(EXIT, event_id="e3", order_id="3", sequence=3, status=OrderStatus.OPEN)
    with logged(tmp_path, ENTRY, EXIT, replace(more, filled_at=None)) as journal:
        (position,) = newest_positions(journal, Wanted(include_closed=False))
    assert position.pnl == EXIT.pnl_quote


def test_the_same_names_at_two_bots_are_two_of_each(tmp_path: Path) -> None:
    others = [replace(each, bot_id="other", pnl_quote=None) for each in (ENTRY, EXIT)]
    with logged(tmp_path, ENTRY, EXIT, *others) as journal:
        assert len(newest_orders(journal, Wanted())) == 4
        positions = newest_positions(journal, Wanted())
        assert {position.bot_id for position in positions} == {"bot", "other"}
        (mine,) = newest_positions(journal, Wanted("bot"))
    assert mine.pnl == EXIT.pnl_quote


def test_the_newest_come_first_and_no_more_than_wanted(tmp_path: Path) -> None:
    events = [
        replace(
            each,
            event_id=f"{each.event_id}-{number}",
            order_id=f"{each.order_id}-{number}",
            position_id=f"p{number}",
            symbol=f"C{number}-USD",
            created_at=each.created_at + timedelta(hours=number),
        )
        for number in range(5)
        for each in (ENTRY, EXIT)
    ]
    with logged(tmp_path, *reversed(events)) as journal:
        positions = newest_positions(journal, Wanted(limit=2))
        orders = newest_orders(journal, Wanted(limit=3))
        (one,) = newest_positions(journal, Wanted(symbol="C1-USD"))
    assert [position.position_id for position in positions] == ["p4", "p3"]
    assert [order.order_id for order in orders] == ["2-4", "1-4", "2-3"]
    assert one.position_id == "p1"


def test_an_order_that_is_reported_twice_under_one_sequence_is_listed_once(tmp_path: Path) -> None:
    twice = replace(ENTRY, event_id="e9", price=Decimal(1))
    with logged(tmp_path, ENTRY, twice) as journal:
        assert newest_orders(journal, Wanted()) == [ENTRY]


def test_slippage_is_weighted_by_amount_on_each_side(tmp_path: Path) -> None:
    entry = replace(ENTRY, amount=Decimal(4), slippage_bps=Decimal(2))
    exits = [
        replace(EXIT, amount=Decimal(3), slippage_bps=Decimal(4)),
        replace(EXIT, event_id="e3", order_id="3", amount=Decimal(1), slippage_bps=Decimal(8)),
    ]
    with logged(tmp_path, entry, *exits) as journal:
        (position,) = newest_positions(journal, Wanted())
    assert position.slippage_bps == Decimal(7)


def test_a_position_counts_once_on_the_day_of_its_last_exit(tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    first = replace(
        EXIT, amount=Decimal("0.001"), filled_at=midnight - timedelta(seconds=1), sequence=2
    )
    last = replace(
        EXIT, event_id="e3", order_id="3", amount=Decimal("0.00066666"), filled_at=midnight
    )
    with logged(tmp_path, ENTRY, first) as journal:
        assert [(day["date"], day["trades"]) for day in read_days(journal)] == [("2026-03-01", 1)]
        record_trade_events(journal, [last], NOW)
        days = [(day["date"], day["trades"], day["exact_pnl"]) for day in read_days(journal)]
    assert days == [("2026-03-01", 0, "0"), ("2026-03-02", 1, "-2.469135780246913578")]


def test_a_fill_that_moves_to_another_day_leaves_no_fee_behind(tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    part = replace(ENTRY, status=OrderStatus.PARTIALLY_FILLED, fee_quote=Decimal("0.1"))
    whole = replace(ENTRY, event_id="e3", sequence=3, filled_at=midnight)
    with logged(tmp_path, part, whole) as journal:
        fees = {day["date"]: day["exact_fees"] for day in read_days(journal)}
    assert fees == {"2026-03-01": "0", "2026-03-02": "0.2600012345"}
