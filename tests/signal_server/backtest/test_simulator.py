"""Hand-worked cases of the simulator: one bar a minute, prices around 100."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import ExitReason, Reason
from signal_server.backtest.account import EXPIRED, NO_CASH
from signal_server.backtest.simulator import Simulation, simulate
from signal_server.backtest.timeline import SimulationRequest
from signal_server.core.config import BacktestConfig

START = datetime(2025, 1, 1, tzinfo=UTC)
Ohlc = tuple[float, float, float, float]
FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)

CONFIG = BacktestConfig(
    min_confidence=0.6,
    quote_size=100,
    max_positions=5,
    stop_loss=0.05,
    take_profit=0.10,
    time_limit_s=3600,
    cooldown_s=0,
    initial_capital=1000,
    fee_bps=0,
    slippage_bps=0,
)


def frame(rows: Sequence[Ohlc], minutes: Sequence[int] | None = None) -> pd.DataFrame:
    """Bars whose n-th closes `minutes[n]` (by default n + 1) minutes after START."""
    offsets = minutes if minutes is not None else range(1, len(rows) + 1)
    index = pd.DatetimeIndex([at(minute) for minute in offsets], name="close_time")
    return pd.DataFrame(rows, index=index, columns=["open", "high", "low", "close"])


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def up(*minutes: int, confidence: float = 0.7) -> pd.DataFrame:
    return signals({minute: (1 - confidence, confidence) for minute in minutes})


def signals(by_minute: dict[int, tuple[float, float]]) -> pd.DataFrame:
    index = pd.DatetimeIndex([at(minute) for minute in by_minute])
    return pd.DataFrame(list(by_minute.values()), index=index, columns=["DOWN", "UP"])


def run(
    bars: pd.DataFrame | dict[str, pd.DataFrame],
    predictions: pd.DataFrame | dict[str, pd.DataFrame],
    *,
    signal_valid_s: float = 90,
    **changes: float,
) -> Simulation:
    return simulate(
        SimulationRequest(
            bars=bars if isinstance(bars, dict) else {"BTC-USD": bars},
            predictions=predictions if isinstance(predictions, dict) else {"BTC-USD": predictions},
            config=CONFIG.model_copy(update=changes),
            bar_seconds=60,
            signal_valid_s=signal_valid_s,
        )
    )


def test_a_signal_at_a_close_buys_at_the_next_open() -> None:
    bars = frame([(100, 103, 99, 103), (104, 105, 104, 105), FLAT])
    trade = run(bars, up(1)).trades[0]
    assert (trade.signal_time, trade.entry_time, trade.entry_price) == (at(1), at(1), 104)
    assert trade.amount == pytest.approx(100 / 104)


def test_a_low_at_the_stop_sells_at_the_stop() -> None:
    bars = frame([FLAT, FLAT, (99, 99, 94, 98), FLAT])
    trade = run(bars, up(1)).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.STOP_LOSS, at(3))
    assert trade.exit_price == pytest.approx(95)
    assert trade.net_pnl == pytest.approx(-5)


def test_a_high_at_the_take_profit_sells_there() -> None:
    bars = frame([FLAT, FLAT, (101, 115, 100, 112), FLAT])
    trade = run(bars, up(1)).trades[0]
    assert trade.exit_reason is ExitReason.TAKE_PROFIT
    assert trade.exit_price == pytest.approx(110)
    assert trade.net_pnl == pytest.approx(10)


def test_the_entry_bar_itself_can_stop() -> None:
    trade = run(frame([FLAT, (100, 101, 90, 92), FLAT]), up(1)).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.STOP_LOSS, at(2))


def test_of_a_bar_that_touches_both_barriers_the_stop_is_assumed() -> None:
    trade = run(frame([FLAT, (100, 120, 90, 110), FLAT]), up(1)).trades[0]
    assert trade.exit_reason is ExitReason.STOP_LOSS


def test_an_open_beyond_the_stop_fills_at_the_open() -> None:
    bars = frame([FLAT, FLAT, (80, 120, 80, 100), FLAT])
    trade = run(bars, up(1)).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.STOP_LOSS, at(2))
    assert trade.exit_price == pytest.approx(80)


def test_an_open_beyond_the_take_profit_fills_at_the_open() -> None:
    bars = frame([FLAT, FLAT, (130, 130, 50, 60), FLAT])
    trade = run(bars, up(1)).trades[0]
    assert trade.exit_reason is ExitReason.TAKE_PROFIT
    assert trade.exit_price == pytest.approx(130)


def test_the_time_limit_sells_at_the_close_that_reaches_it() -> None:
    bars = frame([FLAT, FLAT, (100, 102, 100, 101), (101, 102, 101, 102), FLAT])
    trade = run(bars, up(1), time_limit_s=120).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.TIME_LIMIT, at(3))
    assert trade.exit_price == pytest.approx(101)


def test_the_stop_goes_before_the_time_limit_in_the_same_bar() -> None:
    bars = frame([FLAT, FLAT, (100, 102, 90, 101), FLAT])
    assert run(bars, up(1), time_limit_s=120).trades[0].exit_reason is ExitReason.STOP_LOSS


def test_a_deadline_in_a_gap_sells_at_the_next_open() -> None:
    bars = frame([FLAT, FLAT, (101, 120, 80, 90)], minutes=[1, 2, 30])
    trade = run(bars, up(1), time_limit_s=300).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.TIME_LIMIT, at(29))
    assert trade.exit_price == pytest.approx(101)


def test_down_sells_at_the_next_open() -> None:
    bars = frame([FLAT, FLAT, (101, 101, 101, 101), (102, 103, 102, 103)])
    trade = run(bars, signals({1: (0.3, 0.7), 3: (0.8, 0.2)})).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.SIGNAL_DOWN, at(3))
    assert trade.exit_price == pytest.approx(102)


def test_down_without_a_position_does_nothing() -> None:
    done = run(frame([FLAT] * 3), signals({1: (0.9, 0.1)}))
    assert done.trades == ()
    assert done.undecided == {Reason.NOT_UP.value: 1}


def test_flat_neither_buys_nor_sells() -> None:
    probabilities = pd.DataFrame(
        [(0.1, 0.1, 0.8), (0.1, 0.8, 0.1)],
        index=pd.DatetimeIndex([at(1), at(2)]),
        columns=["DOWN", "FLAT", "UP"],
    )
    done = run(frame([FLAT] * 4), probabilities)
    assert [trade.exit_reason for trade in done.trades] == [ExitReason.EARLY_STOP]
    assert done.undecided == {Reason.ALREADY_HOLDING.value: 1}


@pytest.mark.parametrize(("confidence", "trades"), [(0.59, 0), (0.6, 1)])
def test_the_minimum_confidence_is_enough(confidence: float, trades: int) -> None:
    assert len(run(frame([FLAT] * 3), up(1, confidence=confidence)).trades) == trades


def test_costs_move_prices_and_barriers() -> None:
    """Fee and slippage 1%: buy 1 at 101 for 1.01; net -5% is at 101 x (1 - 0.05 + 0.01) = 96.96."""
    bars = frame([FLAT, (100, 100, 96.97, 97), (97, 97, 96.96, 97), FLAT])
    trade = run(bars, up(1), fee_bps=100, slippage_bps=100, quote_size=101).trades[0]
    assert (trade.amount, trade.entry_price) == (pytest.approx(1), pytest.approx(101))
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.STOP_LOSS, at(3))
    assert trade.exit_price == pytest.approx(96.96 * 0.99)
    assert trade.fees == pytest.approx(1.01 + 0.959904)
    assert trade.slippage == pytest.approx(1 + 0.9696)
    assert trade.gross_pnl == pytest.approx(-3.04)
    assert trade.net_pnl == pytest.approx(95.9904 - 101 - 1.01 - 0.959904)


def test_costs_move_the_take_profit_up() -> None:
    """Net +10% after the entry's fee is at 101 x (1 + 0.10 + 0.01) = 112.11."""
    bars = frame([FLAT, (100, 112.10, 100, 112), (112, 112.12, 112, 112), FLAT])
    trade = run(bars, up(1), fee_bps=100, slippage_bps=100, quote_size=101).trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.TAKE_PROFIT, at(3))
    assert trade.exit_price == pytest.approx(112.11 * 0.99)


def test_positions_are_limited_over_all_symbols() -> None:
    bars = {symbol: frame([FLAT] * 4) for symbol in ("AAA-USD", "BBB-USD", "CCC-USD")}
    predictions = {symbol: up(1) for symbol in bars}
    done = run(bars, predictions, max_positions=2)
    assert [trade.symbol for trade in done.trades] == ["AAA-USD", "BBB-USD"]
    assert done.undecided == {Reason.TOO_MANY_POSITIONS.value: 1}
    assert done.equity["positions"].tolist() == [0, 2, 2, 0]


def test_one_coin_is_held_once() -> None:
    done = run(frame([FLAT] * 5), up(1, 2, 3))
    assert len(done.trades) == 1
    assert done.undecided == {Reason.ALREADY_HOLDING.value: 2}


def test_an_exit_makes_room_for_another_symbol_at_the_same_close() -> None:
    falling = frame([FLAT, (100, 100, 90, 90), FLAT, FLAT])
    done = run(
        {"AAA-USD": falling, "BBB-USD": frame([FLAT] * 4)},
        {"AAA-USD": up(1), "BBB-USD": up(2)},
        max_positions=1,
    )
    assert [trade.symbol for trade in done.trades] == ["AAA-USD", "BBB-USD"]
    assert done.trades[1].entry_time == at(2)


def test_nothing_is_bought_without_cash() -> None:
    done = run(frame([FLAT] * 3), up(1), initial_capital=100, fee_bps=1)
    assert done.trades == ()
    assert done.undecided == {NO_CASH: 1}


def test_a_signal_that_expires_in_a_gap_buys_nothing() -> None:
    done = run(frame([FLAT, FLAT, FLAT], minutes=[1, 5, 6]), up(1), signal_valid_s=90)
    assert done.trades == ()
    assert done.undecided == {EXPIRED: 1}


def test_after_an_exit_the_symbol_cools_down() -> None:
    bars = frame([FLAT, (100, 100, 90, 100), FLAT, FLAT, FLAT, FLAT])
    done = run(bars, up(1, 2, 3, 4, 5), cooldown_s=120)
    assert [trade.entry_time for trade in done.trades] == [at(1), at(4)]
    assert done.undecided[Reason.COOLING_DOWN.value] == 2


def test_what_is_open_at_the_end_is_sold_at_the_last_close() -> None:
    bars = frame([FLAT, (100, 104, 100, 104)])
    done = run(bars, up(1))
    assert done.trades[0].exit_reason is ExitReason.EARLY_STOP
    assert done.trades[0].exit_price == pytest.approx(104)
    assert done.equity["equity"].iloc[-1] == pytest.approx(1004)


def test_equity_marks_open_positions_at_the_close() -> None:
    bars = frame([FLAT, (100, 104, 100, 104), (104, 104, 102, 102), FLAT])
    equity = run(bars, up(1)).equity["equity"]
    assert equity.tolist() == pytest.approx([1000, 1004, 1002, 1000])


def test_no_bars_give_no_trades() -> None:
    done = run({}, {})
    assert (done.trades, len(done.equity)) == ((), 0)


moves = st.lists(st.floats(-0.04, 0.04), min_size=3, max_size=60)
shares = st.lists(st.floats(0, 1), min_size=60, max_size=60)


def _walk(steps: Sequence[float]) -> pd.DataFrame:
    closes = 100 * np.cumprod(1 + np.array(steps))
    opens = np.concatenate([[100], closes[:-1]])
    highs, lows = np.maximum(opens, closes) * 1.01, np.minimum(opens, closes) * 0.99
    return frame(list(zip(opens, highs, lows, closes, strict=True)))


def _predict(bars: pd.DataFrame, ups: Sequence[float]) -> pd.DataFrame:
    share = np.array(ups[: len(bars)])
    return pd.DataFrame({"DOWN": 1 - share, "UP": share}, index=bars.index)


@settings(max_examples=60, deadline=None)
@given(moves, shares)
def test_money_is_neither_made_nor_lost_but_by_trades(steps: list[float], ups: list[float]) -> None:
    bars = _walk(steps)
    done = run(bars, _predict(bars, ups), fee_bps=26, slippage_bps=3)
    earned = sum(trade.net_pnl for trade in done.trades)
    assert done.equity["equity"].iloc[-1] == pytest.approx(1000 + earned)
    for trade in done.trades:
        assert trade.net_pnl == pytest.approx(trade.gross_pnl - trade.fees - trade.slippage)


@settings(max_examples=60, deadline=None)
@given(moves, shares, st.integers(1, 59))
def test_later_bars_change_no_finished_trade(
    steps: list[float], ups: list[float], cut: int
) -> None:
    bars = _walk(steps)
    known = bars.iloc[:cut]
    done = run(known, _predict(known, ups)).trades
    finished = [trade for trade in done if trade.exit_reason is not ExitReason.EARLY_STOP]
    assert finished == list(run(bars, _predict(bars, ups)).trades)[: len(finished)]


@settings(max_examples=40, deadline=None)
@given(shares, st.floats(0.1, 50))
def test_nothing_is_earned_on_a_constant_price(ups: list[float], fee_bps: float) -> None:
    bars = frame([FLAT] * len(ups))
    done = run(bars, _predict(bars, ups), fee_bps=fee_bps, slippage_bps=3)
    assert all(trade.net_pnl < 0 for trade in done.trades)
