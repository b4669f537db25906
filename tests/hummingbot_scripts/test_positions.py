from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.journal import Journal, JournalError
from hummingbot_scripts.ml_signals.pb.signals_pb2 import TradeEvent
from hummingbot_scripts.ml_signals.positions import (
    PositionBook,
    Submission,
    exit_reason,
    settled_state,
)
from hummingbot_scripts.ml_signals.reconciliation import (
    Difference,
    DifferenceKind,
    Reconciliation,
)
from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.sums import PositionSums
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderRole,
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


def _sell(book: PositionBook, order_id: str, fills: list[Fill], **changes: object) -> None:
    submission = _order(order_id, OrderSide.SELL)
    book.submitted(replace(submission, **changes))  # type: ignore[arg-type]
    for fill in fills:
        book.filled(fill, ExitReason.STOP_LOSS)
    book.ended(order_id, OrderStatus.FILLED)


def test_the_profits_of_several_exits_add_up_to_the_change_of_the_balance(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_001, "0.00333333", now), None)
    book.filled(_fill("b1", "t2", 60_007, "0.00666667", now), None)
    stop = {"role": OrderRole.PROTECTIVE, "trigger": Decimal(56_400)}
    _sell(book, "s1", [_fill("s1", "t3", 56_399, "0.00123457", now)], **stop)
    _sell(book, "s2", [_fill("s2", "t4", 56_301, "0.00311111", now)])
    _sell(book, "s3", [_fill("s3", "t5", 56_201, "0.00565432", now)])
    book.finished("p1", PositionState.CLOSED, ExitReason.STOP_LOSS)
    last = {event.order_id: event for event in _events(journal)}
    fills = [fill for order in ("b1", "s1", "s2", "s3") for fill in journal.fills(order)]
    change = sum(
        (-fill.quote if fill.order_id == "b1" else fill.quote) - fill.fee_quote for fill in fills
    )
    assert sum(Decimal(last[order].pnl_quote) for order in ("s1", "s2", "s3")) == change
    assert book.pnl("p1") == change
    assert journal.recent_results(1)[0][1] == change
    assert book.realised_since(now) == change
    assert book.open_amount("p1") == 0


def test_the_cost_that_the_exchange_booked_counts_not_price_times_amount(
    book: PositionBook, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(
        replace(_fill("b1", "t1", 60_000, "0.01", now), cost_quote=Decimal("600.0001")), None
    )
    assert book.entry("p1").quote == Decimal("600.0001")
    book.ended("b1", OrderStatus.FILLED)
    assert book.exposure() == Decimal("600.0001")


def test_an_entry_under_way_counts_with_all_that_it_is_to_cost(
    book: PositionBook, now: datetime
) -> None:
    position = _position(now)
    planned = position.amount * position.reference_price
    book.opened(position)
    assert book.exposure() == planned
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_000, "0.001", now), None)
    assert book.exposure() == planned
    book.ended("b1", OrderStatus.CANCELED)
    assert book.exposure() == 60
    assert book.invested() == 60


def test_what_is_held_costs_at_every_step_what_the_journal_says(
    journal: Journal, now: datetime
) -> None:
    """The book remembers costs between ticks; it must forget them whenever they change."""
    costs: list[tuple[Decimal, Decimal]] = []

    def compare() -> None:
        fresh = PositionSums(journal, dict(book._held))
        costs.append((book.exposure(), book.invested()))
        assert costs[-1] == (fresh.exposure(), fresh.invested())

    book = PositionBook(journal, SENDER, lambda: now, compare)
    book.opened(_position(now))
    compare()
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_000, "0.004", now), None)
    book.filled(_fill("b1", "t2", 60_010, "0.006", now), None)
    book.ended("b1", OrderStatus.FILLED)
    missing = Difference(DifferenceKind.SOLD_ELSEWHERE, "BTC-USD", "p1", Decimal("0.002"), "gone")
    book.recovered(Reconciliation(differences=(missing,)))
    book.accept_differences("a person")
    book.submitted(_order("s1", OrderSide.SELL))
    book.filled(_fill("s1", "t3", 59_000, "0.008", now), ExitReason.STOP_LOSS)
    book.finished("p1", PositionState.CLOSED, ExitReason.STOP_LOSS)
    assert len(set(costs)) > 4


def test_what_an_unfinished_position_has_sold_counts_once_it_is_closed(
    book: PositionBook, now: datetime
) -> None:
    """Until then its executor counts it, with what the rest would bring now."""
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_000, "0.01", now), None)
    _sell(book, "s1", [_fill("s1", "t2", 57_000, "0.01", now)])
    assert book.realised_since(now) == 0
    book.finished("p1", PositionState.CLOSED, ExitReason.STOP_LOSS)
    assert book.realised_since(now) == book.pnl("p1")


def test_a_late_fill_of_an_early_exit_corrects_the_later_ones_too(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_001, "0.00333333", now), None)
    book.filled(_fill("b1", "t2", 60_007, "0.00666667", now), None)
    _sell(book, "s1", [])
    _sell(book, "s2", [_fill("s2", "t4", 56_301, "0.00311111", now)])
    book.filled(_fill("s1", "t5", 56_201, "0.00688889", now), None)
    last = {event.order_id: event for event in _events(journal)}
    pnl = book.pnl("p1")
    assert Decimal(last["s1"].pnl_quote) + Decimal(last["s2"].pnl_quote) == pnl


def test_events_tell_slippage_against_signal_and_book_and_the_holding_time(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(replace(_position(now), reference_price=Decimal(59_940)))
    book.submitted(_order("b1", OrderSide.BUY))
    book.filled(_fill("b1", "t1", 60_060, "0.01", now), None)
    _sell(book, "s1", [_fill("s1", "t2", 60_000, "0.01", now + timedelta(seconds=90.5))])
    last = {event.order_id: event for event in _events(journal)}
    assert Decimal(last["b1"].slippage_bps) == 10
    assert Decimal(last["b1"].signal_slippage_bps) == Decimal("20.0200")
    assert (last["b1"].holding_s, last["s1"].signal_slippage_bps) == ("", "")
    assert last["s1"].holding_s == "90.5"


def test_a_protective_stop_is_reported_as_what_it_is(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    book.opened(_position(now))
    stop = replace(
        _order("77", OrderSide.SELL),
        order_type="STOP_LOSS",
        role=OrderRole.PROTECTIVE,
        trigger=Decimal(56_400),
    )
    book.submitted(stop)
    book.acknowledged("77", "OP")
    book.acknowledged("78", "somebody else's")
    order = journal.order("77")
    assert order is not None
    assert (order.txid, order.role, order.trigger) == ("OP", OrderRole.PROTECTIVE, Decimal(56_400))
    (event,) = _events(journal)
    assert (event.order_type, event.price, event.is_exit) == ("STOP_LOSS", "56400", True)


def test_why_an_exit_is_sent_is_known_before_its_first_fill(
    book: PositionBook, now: datetime
) -> None:
    book.opened(_position(now))
    book.submitted(replace(_order("s1", OrderSide.SELL), reason=ExitReason.TAKE_PROFIT))
    assert book.position("p1").exit_reason is ExitReason.TAKE_PROFIT


def test_a_journal_that_cannot_be_written_leaves_the_book_as_it_was(
    book: PositionBook, journal: Journal, now: datetime
) -> None:
    journal._run("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        book.opened(_position(now))
    assert book.held_symbols == frozenset()
    assert journal.problem


def test_a_streak_of_losses_ends_with_a_win_and_is_counted_from_a_moment(
    journal: Journal, now: datetime
) -> None:
    moments = iter(range(1_000))
    book = PositionBook(
        journal, SENDER, lambda: now + timedelta(seconds=next(moments)), lambda: None
    )
    for number, price in enumerate([59_000, 61_000, 59_000, 58_000]):
        book.opened(replace(_position(now), position_id=f"p{number}"))
        book.submitted(_order(f"b{number}", OrderSide.BUY))
        book.filled(_fill(f"b{number}", "t1", 60_000, "0.01", now), None)
        _sell(book, f"s{number}", [_fill(f"s{number}", "t2", price, "0.01", now)])
        book.finished(f"p{number}", PositionState.CLOSED, ExitReason.STOP_LOSS)
    streak = book.loss_streak()
    assert streak.count == 2
    assert streak.last_at == journal.position("p3").closed_at
    before_last = journal.position("p2").closed_at
    assert book.loss_streak(before_last).count == 1
    assert book.loss_streak(streak.last_at).count == 0
