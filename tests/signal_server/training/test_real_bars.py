"""On real bars the results stay in the range that honest models reach."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.core.config import LabelKind
from signal_server.core.domain import BAR_COLUMNS
from signal_server.training.train import open_dataset, train
from signal_server.training.verdict import Verdict
from signal_server.training.walkforward import Pace, folder_of, schedule_of, walk_forward

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("MARKET_DATA_DIR", ROOT / "../shared/market")) / "BTCUSDT.parquet"

HELD_OUT = pd.Timestamp("2025-03-31", tz="UTC")
"""Later bars are for the final measurement alone."""

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason=f"real bars are absent: {DATA}; set MARKET_DATA_DIR to their folder"
)


@pytest.fixture(scope="module")
def real_bars() -> pd.DataFrame:
    """The last 30,000 minutes of BTC before the period that is held out, stamped at their close."""
    raw = pd.read_parquet(DATA)
    raw = raw[pd.to_datetime(raw["timestamp"], utc=True) < HELD_OUT].tail(30_000)
    closed = pd.DatetimeIndex(pd.to_datetime(raw["timestamp"], utc=True)) + pd.Timedelta(minutes=1)
    bars = raw.set_index(closed.rename("close_time")).reindex(columns=list(BAR_COLUMNS))
    return bars.astype(np.float64)


def test_direction_on_real_bars_is_not_too_good_to_be_true(real_bars, make_spec):
    spec = make_spec(horizon_s=900)
    validation = train({"BTC-USD": real_bars}, spec, lambda _s, _f: None).card.validation
    assert 0.42 < validation.accuracy < 0.58
    assert validation.log_loss == pytest.approx(validation.chance_log_loss, abs=0.03)


def test_the_trend_of_real_bars_is_mostly_flat_and_no_direction_is_claimed(real_bars, make_spec):
    spec = make_spec(kind=LabelKind.TREND, horizon_s=600)
    validation = train({"BTC-USD": real_bars}, spec, lambda _s, _f: None).card.validation
    assert validation.majority_rate > 0.8
    assert validation.direction is not None
    assert 0.35 < validation.direction.value < 0.65


def test_walking_forward_over_real_bars_claims_little(real_bars, make_spec, tmp_path):
    spec, day = make_spec(horizon_s=900), timedelta(days=1)
    with open_dataset({"BTC-USD": real_bars}, spec, lambda _s, _f: None) as dataset:
        schedule = schedule_of(dataset, Pace(day, 12 * day, timedelta(seconds=900)), None)
        folder = folder_of(tmp_path, dataset, spec, schedule)
        result = walk_forward(dataset, spec, schedule, folder, progress=lambda _d, _t: None)
    assert len(result.steps) >= 7
    assert 0.42 < result.validation.accuracy < 0.58
    assert result.validation.verdict is not Verdict.PROCEED
