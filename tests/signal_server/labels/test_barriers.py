"""A triple-barrier label is the trade that the backtest makes of an UP at that bar."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import ExitReason
from signal_server.backtest.position import Trade
from signal_server.backtest.simulator import simulate
from signal_server.backtest.timeline import SimulationRequest
from signal_server.core.config import BacktestConfig, BarrierConfig, LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, PRICE_COLUMNS
from signal_server.labels import make_labels, search
from tests.real_data import market_file

BAR = pd.Timedelta(minutes=1)
CLASS = {
    ExitReason.STOP_LOSS: 0.0,
    ExitReason.TIME_LIMIT: 1.0,
    ExitReason.TAKE_PROFIT: 2.0,
    ExitReason.EARLY_STOP: np.nan,  # the bars end before the trade does
}
FREE = BarrierConfig(stop_loss=0.01, take_profit=0.01, fee_bps=0, slippage_bps=0, signal_valid_s=90)
DEFAULT = BarrierConfig(
    stop_loss=0.05, take_profit=0.10, fee_bps=26, slippage_bps=3, signal_valid_s=90
)
TIGHT = DEFAULT.model_copy(update={"stop_loss": 0.004, "take_profit": 0.003})

# Steps of half a percent meet the barriers exactly; the others pass them by.
STEP = st.sampled_from([-0.02, -0.01, -0.005, -0.001, 0.0, 0.0, 0.001, 0.005, 0.01, 0.02])
BARS = st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, 3]), STEP, STEP, STEP, STEP), max_size=14)


def label_of(barriers: BarrierConfig, horizon_s: int = 300) -> LabelConfig:
    return LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=horizon_s, barriers=barriers)


def frame(minutes: list[int], prices: list[tuple[float, float, float, float]]) -> pd.DataFrame:
    index = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    frame = pd.DataFrame(prices, columns=list(PRICE_COLUMNS), dtype="float64")
    return frame.set_index(pd.DatetimeIndex(index, name="close_time")).assign(
        volume=1.0, vwap=np.nan, transactions=np.nan
    )


def walked(steps: list[tuple[int, float, float, float, float]]) -> pd.DataFrame:
    """Return bars that jump to their open, move to their close, and have wicks on both sides."""
    minutes, prices, price = [], [], 100.0
    for gap, jump, move, above, below in steps:
        opened = round(price * (1 + jump), 6)
        price = round(opened * (1 + move), 6)
        high, low = max(opened, price) * (1 + abs(above)), min(opened, price) * (1 - abs(below))
        minutes.append((minutes[-1] if minutes else 0) + gap)
        prices.append((opened, high, low, price))
    return frame(minutes, prices)


def backtest(bars: pd.DataFrame, at: pd.Timestamp, label: LabelConfig) -> Trade | None:
    """Return the trade that a sure UP at the close `at` leads to, if any."""
    barriers = label.barriers
    assert barriers is not None
    config = BacktestConfig(
        min_confidence=0.5,
        quote_size=100,
        max_positions=1,
        stop_loss=barriers.stop_loss,
        take_profit=barriers.take_profit,
        time_limit_s=label.horizon_s,
        cooldown_s=0,
        initial_capital=1000,
        fee_bps=barriers.fee_bps,
        slippage_bps=barriers.slippage_bps,
    )
    up = pd.DataFrame({"DOWN": [0.0], "UP": [1.0]}, index=pd.DatetimeIndex([at]))
    request = SimulationRequest(
        {"BTC-USD": bars}, {"BTC-USD": up}, config, 60, barriers.signal_valid_s
    )
    trades = simulate(request).trades
    return trades[0] if trades else None


def assert_same(row: Any, trade: Trade | None) -> None:
    expected = CLASS[trade.exit_reason] if trade else np.nan
    np.testing.assert_equal(row.label, expected)
    if trade is None or np.isnan(expected):
        assert np.isnan(row.forward_return)
        return
    assert row.forward_return == pytest.approx(trade.pnl_share, rel=1e-9, abs=1e-12)
    # An exit at an open is known when the bar of that open is: at its close.
    assert row.known_at in (trade.exit_time, trade.exit_time + BAR)


@given(
    steps=BARS,
    barriers=st.sampled_from([FREE, TIGHT, DEFAULT]),
    horizon_s=st.sampled_from([60, 180, 600]),
)
def test_every_label_is_the_trade_of_the_backtest(
    steps: list[tuple[int, float, float, float, float]], barriers: BarrierConfig, horizon_s: int
) -> None:
    bars, label = walked(steps), label_of(barriers, horizon_s)
    labels = make_labels(bars, label, 60)
    for row in labels.itertuples():
        assert_same(row, backtest(bars, row.Index, label))


@given(
    steps=BARS,
    barriers=st.sampled_from([FREE, TIGHT]),
    cut=st.integers(0, 13),
)
def test_what_closes_after_known_at_changes_no_label(
    steps: list[tuple[int, float, float, float, float]], barriers: BarrierConfig, cut: int
) -> None:
    bars = walked(steps)
    whole = make_labels(bars, label_of(barriers), 60)
    part = make_labels(bars.iloc[:cut], label_of(barriers), 60)
    whole = whole.iloc[:cut]
    known = (whole["label"].notna() & (whole["known_at"] <= part.index.max())).to_numpy()
    pd.testing.assert_frame_equal(whole[known], part[known])
    assert part["label"][~known].isna().all()


def real_bars(name: str, last: str, count: int) -> pd.DataFrame:
    raw = pd.read_parquet(market_file(name))
    closed = pd.DatetimeIndex(pd.to_datetime(raw["timestamp"], utc=True)) + BAR
    bars = raw.set_index(closed.rename("close_time")).reindex(columns=list(BAR_COLUMNS))
    return bars[bars.index <= pd.Timestamp(last, tz="UTC")].tail(count).astype(np.float64)


def sampled(labels: pd.DataFrame, rows: int) -> Iterator[pd.Timestamp]:
    """Yield some bars of every class, since of most markets nearly all trades time out."""
    rng = np.random.default_rng(3)
    for one in (0.0, 1.0, 2.0):
        times = labels.index[labels["label"] == one]
        yield from rng.permutation(times)[:rows]


@pytest.mark.parametrize("name", ["BTCUSDT.parquet", "TAOUSDT.parquet", "PEPEUSDT.parquet"])
@pytest.mark.parametrize(
    ("barriers", "horizon_s"), [(DEFAULT, 86_400), (TIGHT, 3_600)], ids=["bot", "tight"]
)
def test_labels_of_real_bars_are_the_trades_of_the_backtest(
    name: str, barriers: BarrierConfig, horizon_s: int
) -> None:
    bars, label = real_bars(name, "2025-03-31", 60_000), label_of(barriers, horizon_s)
    labels = make_labels(bars, label, 60)
    span = pd.Timedelta(seconds=horizon_s + 600)
    seen = set()
    for at in sampled(labels, 12):
        trade = backtest(bars[at : at + span], at, label)  # type: ignore[misc]
        assert_same(labels.loc[at], trade)
        seen.add(labels.loc[at, "label"])
    assert seen == {0.0, 1.0, 2.0}


def test_of_a_bar_that_touches_both_barriers_the_stop_counts() -> None:
    bars = frame([0, 1], [(100, 100, 100, 100), (100, 102, 98, 100)])
    row = make_labels(bars, label_of(FREE), 60).iloc[0]
    assert (row["label"], row["forward_return"]) == (0.0, pytest.approx(-0.01))


def test_a_trade_without_a_move_loses_its_costs() -> None:
    calm = [(100.0, 100.0, 100.0, 100.0)] * 8
    row = make_labels(frame(list(range(8)), calm), label_of(DEFAULT), 60).iloc[0]
    assert row["label"] == 1.0
    assert row["forward_return"] == pytest.approx(-58e-4, rel=1e-2)
    assert row["known_at"] == pd.Timestamp("2025-01-01 00:05", tz="UTC")


def test_a_bar_whose_signal_expires_before_the_next_one_opens_has_no_label() -> None:
    calm = [(100.0, 100.0, 100.0, 100.0)] * 12
    labels = make_labels(frame([0, 1, 4, *range(5, 14)], calm), label_of(FREE), 60)
    assert labels["label"].isna().tolist()[:3] == [False, True, False]


def test_searching_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    steps = [(1, 0.0, move, 3e-4, 3e-4) for move in rng.normal(0, 1e-3, 500)]
    bars, label = walked(steps), label_of(TIGHT, 600)
    whole = make_labels(bars, label, 60)
    monkeypatch.setattr(search, "CHUNK_ROWS", 7)
    pd.testing.assert_frame_equal(make_labels(bars, label, 60), whole)
    assert set(whole["label"].dropna()) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_next_bar_nothing_is_known(count: int) -> None:
    bars = frame(list(range(count)), [(100.0, 100.0, 100.0, 100.0)] * count)
    labels = make_labels(bars, label_of(FREE), 60)
    assert len(labels) == count
    assert labels["label"].isna().all()
