"""The bot's rules beyond the single trade: exposure, size, trailing stop, halts."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import ExitReason, Reason
from signal_server.backtest.simulator import Simulation, simulate
from signal_server.backtest.timeline import SimulationRequest
from signal_server.core.config import BacktestConfig

from .test_simulator import CONFIG, FLAT, START, Ohlc, at, frame, run, signals, up

FALL: Ohlc = (100, 100, 50, 100)


def test_all_positions_together_cost_no_more_than_allowed() -> None:
    bars = {symbol: frame([FLAT] * 4) for symbol in ("AAA-USD", "BBB-USD", "CCC-USD")}
    done = run(bars, {symbol: up(1) for symbol in bars}, max_exposure_quote=250)
    assert [trade.symbol for trade in done.trades] == ["AAA-USD", "BBB-USD"]
    assert done.undecided == {Reason.TOO_MUCH_AT_RISK.value: 1}


def test_a_trailing_stop_follows_the_best_price() -> None:
    rows = [FLAT, (100, 104, 100, 104), (104, 106, 104, 106), (106, 106, 103, 103)]
    done = run(frame(rows), up(1), trailing_activation=0.03, trailing_delta=0.02)
    trade = done.trades[0]
    assert (trade.exit_reason, trade.exit_time) == (ExitReason.TRAILING_STOP, at(4))
    assert trade.exit_price == pytest.approx(104)


def test_a_trailing_stop_that_is_not_armed_does_nothing() -> None:
    rows = [FLAT, (100, 103, 96, 100), FLAT]
    done = run(frame(rows), up(1), trailing_activation=0.03, trailing_delta=0.02)
    assert done.trades[0].exit_reason is ExitReason.EARLY_STOP


def test_a_close_under_the_level_that_the_same_bar_raised_sells_there() -> None:
    rows = [FLAT, (100, 105, 100, 102), FLAT]
    done = run(frame(rows), up(1), trailing_activation=0.03, trailing_delta=0.02)
    assert done.trades[0].exit_reason is ExitReason.TRAILING_STOP
    assert done.trades[0].exit_price == pytest.approx(103)


def test_an_open_under_the_trailing_level_fills_at_the_open() -> None:
    rows = [FLAT, (100, 105, 100, 105), (101, 104, 101, 104)]
    done = run(frame(rows), up(1), trailing_activation=0.03, trailing_delta=0.02)
    assert done.trades[0].exit_price == pytest.approx(101)


def _volatile(spread: float, **changes: float | str) -> Simulation:
    bars = frame([FLAT] * 3)
    return simulate(
        SimulationRequest(
            bars={"BTC-USD": bars},
            predictions={"BTC-USD": up(1)},
            config=CONFIG.model_copy(update={"sizing": "volatility", **changes}),
            bar_seconds=60,
            signal_valid_s=90,
            volatility={"BTC-USD": pd.Series(spread, index=bars.index)},
        )
    )


def test_a_calm_coin_gets_what_the_stop_may_lose() -> None:
    """0.5% of 1,000 over a stop of 5% is 100."""
    trade = _volatile(0.0001).trades[0]
    assert trade.amount * trade.entry_price == pytest.approx(100)


def test_a_wild_coin_gets_less() -> None:
    """One deviation over an hour of 60 bars is 0.02 x sqrt(60) = 0.1549."""
    trade = _volatile(0.02).trades[0]
    assert trade.amount * trade.entry_price == pytest.approx(5 / (0.02 * 60**0.5))


@pytest.mark.parametrize("spread", [0.0, float("nan")])
def test_without_a_volatility_nothing_is_sized_by_it(spread: float) -> None:
    assert _volatile(spread).undecided == {Reason.NO_VOLATILITY.value: 1}


def test_the_days_loss_halts_entries_until_the_next_day() -> None:
    minutes = [1, 2, 3, 1441, 1442, 1443]
    bars = frame([FLAT, FALL, FLAT, FLAT, FLAT, FLAT], minutes)
    done = run(bars, up(1, 2, 3, 1441), max_daily_loss_quote=5)
    assert [trade.entry_time for trade in done.trades] == [at(1), at(1441)]
    assert done.halts == {"DAILY_LOSS": 1}
    assert done.undecided == {Reason.HALT_DAILY_LOSS.value: 2}


def test_the_share_of_the_capital_halts_if_it_is_less() -> None:
    bars = frame([FLAT, FALL, FLAT, FLAT])
    assert run(bars, up(1, 2), max_daily_loss_share=0.004).halts == {"DAILY_LOSS": 1}
    assert run(bars, up(1, 2), max_daily_loss_share=0.006).halts == {}


def test_what_open_positions_have_lost_counts_for_the_day() -> None:
    bars = {
        "AAA-USD": frame([FLAT, (100, 100, 96, 96), FLAT, FLAT]),
        "BBB-USD": frame([FLAT] * 4),
    }
    done = run(bars, {"AAA-USD": up(1), "BBB-USD": up(2)}, max_daily_loss_quote=3)
    assert done.halts == {"DAILY_LOSS": 1}
    assert [trade.symbol for trade in done.trades] == ["AAA-USD"]


def test_the_day_begins_by_the_time_zone() -> None:
    """Midnight in Apia (UTC+13) is 11:00 UTC, 660 minutes after the start."""
    bars = frame([FLAT, FALL, FLAT, FLAT, FLAT], [1, 2, 659, 661, 662])
    done = run(bars, up(1, 659, 661), max_daily_loss_quote=5, day_timezone="Pacific/Apia")
    assert [trade.entry_time for trade in done.trades] == [at(1), at(661)]


def test_losses_in_a_row_pause_entries_for_a_while() -> None:
    minutes = [1, 2, 3, 4, 5, 10, 11]
    bars = frame([FLAT, FALL, FALL, FLAT, FLAT, FLAT, FLAT], minutes)
    done = run(bars, up(1, 2, 3, 4, 10), max_losses_in_row=2, loss_streak_pause_s=240)
    assert [trade.entry_time for trade in done.trades] == [at(1), at(2), at(10)]
    assert done.halts == {"LOSS_STREAK": 1}


def test_a_profit_ends_the_count_of_losses() -> None:
    rise: Ohlc = (100, 120, 100, 100)
    bars = frame([FLAT, FALL, rise, FALL, FLAT, FLAT])
    done = run(bars, up(1, 2, 3, 4), max_losses_in_row=2)
    assert done.halts == {}
    assert len(done.trades) == 4


def test_halts_do_not_hold_back_exits() -> None:
    rows = {
        "AAA-USD": frame([FLAT, FALL, FLAT, FLAT]),
        "BBB-USD": frame([FLAT, FLAT, (100, 120, 100, 110), FLAT]),
    }
    done = run(rows, {"AAA-USD": up(1), "BBB-USD": up(1)}, max_daily_loss_quote=1)
    assert [trade.exit_reason for trade in done.trades] == [
        ExitReason.STOP_LOSS,
        ExitReason.TAKE_PROFIT,
    ]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trailing_delta": 0.01}, "need each other"),
        ({"trailing_activation": 0.01, "trailing_delta": 0.02}, "below trailing_activation"),
        ({"day_timezone": "Mars/Olympus"}, "is no time zone"),
        ({"quote_size": 501}, "above max_exposure_quote"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    changes: dict[str, object], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        BacktestConfig(**(CONFIG.model_dump() | changes))


moves = st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=50)


@settings(max_examples=60, deadline=None)
@given(moves, st.floats(1, 50))
def test_nothing_is_bought_once_the_day_has_lost_its_limit(
    steps: list[float], limit: float
) -> None:
    closes = 100 * np.cumprod(1 + np.array(steps))
    opens = np.concatenate([[100], closes[:-1]])
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    hours = [60 * (hour + 1) for hour in range(len(steps))]
    bars = frame(list(zip(opens, highs, lows, closes, strict=True)), hours)
    ups = signals(dict.fromkeys(hours, (0.2, 0.8)))
    done = run(bars, ups, signal_valid_s=7200, max_daily_loss_quote=limit, time_limit_s=3600)
    for trade in done.trades:
        today = START + timedelta(days=(trade.signal_time - START).days)
        before = [one for one in done.trades if one.exit_time <= trade.signal_time]
        # A trade counts on the day in which the bar of its exit began; a bar has 60 s here.
        began = [one.exit_time - timedelta(seconds=60) for one in before]
        lost = [one.net_pnl for one, when in zip(before, began, strict=True) if when >= today]
        assert sum(lost) > -limit
