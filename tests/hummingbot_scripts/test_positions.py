from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.pb.signals_pb2 import TradeEvent
from hummingbot_scripts.ml_signals.positions import (
    PositionBook,
    Submission,
    exit_reason,
    settled_state,
)
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
)

SENDER = Sender("test", "paper", "kraken_paper_trade")


@pytest.fixture
def book(journal: Journal, now: datetime) -> PositionBook:
    return PositionBook(journal, SENDER, lambda: now, lambda: None)


def _position(now: datetime) -> Position:
    return Position("p1", "BTC-USD", 9, Decimal("0.7"), Decimal(60_000), Decimal("0.01"), now)


def _order(order_id: str, side: OrderSide) -> Submission:
    return Submission(order_id, "BTC-USD", side, "MARKET", Decimal("0.01"), Decimal(60_000))


def _fill(order_id: str, trade: str, price: int, amount: str, now: datetime) -> Fill:
    value = Decimal(price) * Decimal(amount)
    return Fill(order_id, trade, Decimal(price), Decimal(amount), value * Decimal("0.0026"), now)


def _events(journal: Journal) -> list[TradeEvent]:
    return [TradeEvent.FromString(entry.payload) for entry in journal.waiting(100)]


def _round_trip(book: PositionBook, now: datetime) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_000, "0.004", now), None)
    book.filled(_fill("b1", "t2", 60_010, "0.006", now), None)
    book.ended("b1", OrderStatus.FILLED)
    book.submitted(_order("s1", OrderSide.SELL))
    book.filled(_fill("s1", "t3", 59_000, "0.01", now), ExitReason.STOP_LOSS)
    book.ended("s1", OrderStatus.FILLED)
    book.finished("p1", PositionState.CLOSED, ExitReason.STOP_LOSS)


def test_each_step_is_in_the_outbox_once_and_in_order(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    _round_trip(book, now)
    steps = [(event.order_id, event.status) for event in _events(journal)]
    assert steps == [
        ("b1", "OPEN"),
        ("b1", "PARTIALLY_FILLED"),
        ("b1", "FILLED"),
        ("s1", "OPEN"),
        ("s1", "FILLED"),
    ]


def test_the_exit_carries_its_reason_and_the_profit_of_the_actual_fills(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    _round_trip(book, now)
    last = _events(journal)[-1]
    cost = Decimal("0.004") * 60_000 + Decimal("0.006") * 60_010
    proceeds = Decimal("0.01") * 59_000
    assert last.exit_reason == "STOP_LOSS"
    assert Decimal(last.pnl_quote) == proceeds - cost - (proceeds + cost) * Decimal("0.0026")
    assert last.is_exit
    assert last.signal_id == 9
    assert Decimal(last.slippage_bps) == pytest.approx(Decimal("166.6667"), abs=Decimal("0.001"))


def test_a_fill_that_comes_twice_counts_once(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    for _ in range(2):
        book.filled(_fill("b1", "t1", 60_000, "0.004", now), None)
    assert book.entry("p1").amount == Decimal("0.004")
    assert len(_events(journal)) == 2


def test_a_fill_that_comes_after_the_end_still_corrects_the_profit(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_000, "0.01", now), None)
    book.submitted(_order("s1", OrderSide.SELL))
    book.ended("s1", OrderStatus.FILLED)
    book.finished("p1", PositionState.CLOSED, ExitReason.STOP_LOSS)
    assert _events(journal)[-1].pnl_quote == ""
    assert _events(journal)[-1].status == "OPEN"
    book.filled(_fill("s1", "t2", 59_000, "0.01", now), None)
    last = _events(journal)[-1]
    assert (last.status, last.exit_reason) == ("FILLED", "STOP_LOSS")
    assert Decimal(last.pnl_quote) < -10


def test_an_order_of_someone_else_is_left_alone(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.filled(_fill("foreign", "t1", 60_000, "1", now), None)
    book.ended("foreign", OrderStatus.FILLED)
    assert _events(journal) == []


def test_a_restart_finds_the_open_position_and_the_acted_signal(
    tmp_path: Path, now: datetime
) -> None:
    before = Journal(tmp_path / "b.sqlite")
    first = PositionBook(before, SENDER, lambda: now, lambda: None)
    first.opened(_position(now))
    before.close()
    second = PositionBook(Journal(tmp_path / "b.sqlite"), SENDER, lambda: now, lambda: None)
    assert second.held_symbols == {"BTC-USD"}
    assert second.is_left_behind("BTC-USD")
    assert second.last_acted_signal_id("BTC-USD") == 9


def test_a_closed_position_frees_the_coin_and_starts_its_cool_down(
    book: PositionBook, now: datetime
) -> None:
    _round_trip(book, now)
    assert book.held_symbols == frozenset()
    assert book.last_exit_at("BTC-USD") == now
    assert book.open_amount("p1") == 0


def test_a_position_that_could_not_be_sold_keeps_the_coin(
    book: PositionBook, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.ended("b1", OrderStatus.FILLED)
    assert book.open_amount("p1") == Decimal("0.01")
    state = settled_state(book.open_amount("p1"), Decimal("0.0001"), kept=False)
    book.finished("p1", state, None)
    assert state is PositionState.UNRESOLVED
    assert book.left_behind[0].symbol == "BTC-USD"


def test_dust_is_closed_and_a_kept_position_is_kept() -> None:
    minimum = Decimal("0.0001")
    assert settled_state(Decimal("0.00009"), minimum, kept=False) is PositionState.CLOSED
    assert settled_state(Decimal(0), Decimal(0), kept=False) is PositionState.CLOSED
    assert settled_state(Decimal(1), minimum, kept=True) is PositionState.KEPT


def test_the_exit_reason_follows_the_close_type() -> None:
    assert exit_reason("STOP_LOSS", ExitReason.SIGNAL_DOWN) is ExitReason.STOP_LOSS
    assert exit_reason("EARLY_STOP", ExitReason.SIGNAL_DOWN) is ExitReason.SIGNAL_DOWN
    assert exit_reason("EARLY_STOP", None) is ExitReason.EARLY_STOP
    assert exit_reason("EXPIRED", None) is ExitReason.TIME_LIMIT
    assert exit_reason("INSUFFICIENT_BALANCE", None) is ExitReason.FAILED


def test_a_journal_keeps_decimals_and_times_exactly(journal: Journal, now: datetime) -> None:
    exact = Decimal("0.123456789012345678901234567890")
    at = now + timedelta(microseconds=1)
    position = Position("p", "BTC-USD", 1, exact, exact, exact, at)
    journal.add_position(position)
    assert journal.position("p") == position
