"""What comes of live predictions is what training would have labelled their bars."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.cli.served_models import served_model
from signal_server.core.config import (
    BarrierConfig,
    LabelConfig,
    LabelKind,
    ProfileConfig,
    load_settings,
)
from signal_server.core.domain import BAR_COLUMNS, Bar, Direction
from signal_server.journal.journal import Journal
from signal_server.journal.outcomes import fill_outcomes
from signal_server.journal.predictions import Prediction, record_prediction
from signal_server.labels import classes, make_labels
from signal_server.market.frames import bars_of
from signal_server.market.store import BarStore
from signal_server.serving.served import ServedModel
from signal_server.training.registry import ModelRegistry
from signal_server.training.train import TrainingSpec, train
from tests.real_data import market_file
from tests.signal_server.serving.world import Alone, HandClock

CONFIG = Path(__file__).parents[3] / "conf" / "signal_server.yml"
SYMBOL = "BTC-USD"
TRAINED, LIVE = 9_000, 400
BARRIERS = BarrierConfig(
    stop_loss=0.004, take_profit=0.003, fee_bps=26, slippage_bps=3, signal_valid_s=90
)
LABELS = [
    LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900),
    LabelConfig(kind=LabelKind.TREND, horizon_s=900, threshold_bps=1, threshold_volatility=0.5),
    LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=3600, barriers=BARRIERS),
]


@pytest.fixture(scope="module")
def real_bars() -> pd.DataFrame:
    raw = pd.read_parquet(market_file("BTCUSDT.parquet"))
    closed = pd.DatetimeIndex(pd.to_datetime(raw["timestamp"], utc=True)) + pd.Timedelta("1min")
    bars = raw.set_index(closed.rename("close_time")).reindex(columns=list(BAR_COLUMNS))
    before = bars[bars.index < pd.Timestamp("2025-04-01", tz="UTC")]
    return before.tail(TRAINED + LIVE).astype(np.float64)


def trained_model(bars: pd.DataFrame, label: LabelConfig, folder: Path) -> ServedModel:
    profile = ProfileConfig(label=label, features="six")
    training = load_settings(CONFIG).training.model_copy(update={"max_rounds": 20})
    spec = TrainingSpec("small", profile, training, 60)
    registry = ModelRegistry(folder)
    manifest = registry.register(train({SYMBOL: bars}, spec, lambda _stage, _share: None))
    return served_model(registry.load("small", manifest.version))


def live_predictions(
    model: ServedModel, history: pd.DataFrame, live: Sequence[Bar]
) -> list[Prediction]:
    """Return what the server predicts from bars that come a second after their close."""
    clock = HandClock(live[0].close_time)
    predictor = Alone(clock, history, model)
    made = []
    for bar in live:
        clock.now = bar.close_time + timedelta(seconds=1)
        made.append(predictor.predict(bar, clock.now))
    return [one for one in made if isinstance(one, Prediction)]


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.kind.value)
def test_the_outcome_of_a_live_prediction_is_the_label_of_its_bar(
    label: LabelConfig, real_bars: pd.DataFrame, tmp_path: Path
) -> None:
    history, live = real_bars.iloc[:TRAINED], real_bars.iloc[TRAINED:]
    model = trained_model(history, label, tmp_path / "models")
    made = live_predictions(model, history, bars_of(SYMBOL, live))
    assert len(made) == LIVE
    store = BarStore(tmp_path / "bars", 60)
    store.write(SYMBOL, real_bars)
    with Journal.open(tmp_path / "signals.sqlite") as journal:
        for prediction in made:
            record_prediction(journal, prediction)
        assert 0 < fill_outcomes(journal, store) < LIVE
        rows = journal.query("SELECT * FROM ml_predictions WHERE actual_move IS NOT NULL")
    labels = make_labels(real_bars, label, 60)
    came_true = set()
    for row in rows:
        expected = labels.loc[pd.Timestamp(row["bar_close"])]
        outcome = classes(label.kind)[int(expected["label"])]
        assert row["actual_move"] == pytest.approx(expected["forward_return"], rel=1e-9, abs=1e-12)
        assert row["correct"] == (row["prediction"] == outcome.value)
        came_true.add(outcome)
    assert came_true >= {Direction.DOWN, Direction.UP}
