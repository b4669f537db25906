from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from signal_server.journal.journal import Journal
from signal_server.journal.orders import Wanted, newest_orders, newest_positions
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
