"""Predictions of how a trade ends come true as the label of their bar says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.core.config import BarrierConfig, LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.journal.journal import Journal
from signal_server.journal.outcomes import fill_outcomes
from signal_server.journal.performance import read_days
from signal_server.journal.predictions import record_prediction, valid_signals
from signal_server.labels import classes, make_labels
from signal_server.market.store import BarStore
from tests.signal_server.journal.records import NOON, prediction

BARRIERS = BarrierConfig(
    stop_loss=0.004, take_profit=0.003, fee_bps=26, slippage_bps=3, signal_valid_s=90
)
LABEL = LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=600, barriers=BARRIERS)
THREE = {Direction.DOWN: 0.2, Direction.FLAT: 0.5, Direction.UP: 0.3}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "signals.sqlite") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars", 60)


def walk(count: int) -> pd.DataFrame:
    """Return seeded minutes from noon on; two of them are missing."""
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.0003,
        "low": np.minimum(opened, close) * 0.9997,
        "close": close,
        "volume": 1.0,
        "vwap": np.nan,
        "transactions": np.nan,
    }
    index = pd.date_range(NOON, periods=count, freq="60s", name="close_time")
    frame = pd.DataFrame(columns, index=index, columns=list(BAR_COLUMNS), dtype="float64")
    return frame.drop(frame.index[[20, 21]])


def predict(journal: Journal, at: datetime, **changes: object) -> None:
    record_prediction(
        journal,
        prediction(
            barriers=BARRIERS,
            bar_close=at,
            horizon_s=LABEL.horizon_s,
            probabilities=THREE,
            direction=Direction.FLAT,
            **changes,
        ),
    )


def test_every_outcome_is_the_label_of_its_bar(journal: Journal, store: BarStore) -> None:
    bars = walk(200)
    store.write("BTC-USD", bars)
    labels = make_labels(bars, LABEL, 60)
    for at in bars.index:
        predict(journal, at.to_pydatetime())
    count = fill_outcomes(journal, store)
    rows = journal.query("SELECT bar_close, actual_move, correct FROM ml_predictions ORDER BY id")
    seen = set()
    for row, label in zip(rows[:count], labels.itertuples(), strict=False):
        if np.isnan(label.label):
            assert (row["actual_move"], row["correct"]) == (0.0, None)
            continue
        came_true = classes(LABEL.kind)[int(label.label)]
        assert row["actual_move"] == pytest.approx(label.forward_return, rel=1e-12)
        assert bool(row["correct"]) == (came_true is Direction.FLAT)
        seen.add(came_true)
    assert seen == set(Direction)
    assert count == sum(bars.index + timedelta(seconds=690) <= bars.index[-1])
    assert all(row["actual_move"] is None for row in rows[count:])


def test_a_prediction_without_a_trade_is_neither_right_nor_wrong(
    journal: Journal, store: BarStore
) -> None:
    store.write("BTC-USD", walk(200))
    predict(journal, NOON + timedelta(minutes=19))
    predict(journal, NOON + timedelta(minutes=25))
    assert fill_outcomes(journal, store) == 2
    first, second = journal.query("SELECT actual_move, correct FROM ml_predictions ORDER BY id")
    assert first == {"actual_move": 0.0, "correct": None}
    (day,) = read_days(journal)
    assert day["accuracy"] == second["correct"]


def test_trades_and_moves_are_told_apart(journal: Journal, store: BarStore) -> None:
    bars = walk(200)
    store.write("BTC-USD", bars)
    predict(journal, NOON)
    record_prediction(journal, prediction(model_version="v2"))
    assert fill_outcomes(journal, store) == 2
    trade, move = journal.query("SELECT actual_move FROM ml_predictions ORDER BY id")
    label = make_labels(bars, LABEL, 60).iloc[0]
    assert trade["actual_move"] == pytest.approx(label["forward_return"])
    assert move["actual_move"] == pytest.approx(bars["close"].iloc[2] / 100.0 - 1)


def test_a_signal_of_a_trade_has_three_probabilities_again(journal: Journal) -> None:
    predict(journal, NOON)
    (signal,) = valid_signals(journal, NOON)
    assert signal.probabilities == THREE
