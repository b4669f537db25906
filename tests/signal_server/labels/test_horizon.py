"""Labels look forward, say when they are known, and never guess."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.features.catalogue import realized_volatility
from signal_server.labels import classes, make_labels, threshold_bps

TWO_MINUTES_UP = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=120)
TREND = LabelConfig(kind=LabelKind.TREND, horizon_s=60, threshold_bps=20)
SCALED = LabelConfig(
    kind=LabelKind.TREND, horizon_s=240, threshold_bps=20, threshold_volatility=0.5
)


def bars(closes: list[float], minutes: list[int] | None = None) -> pd.DataFrame:
    """Return a frame with these closes at these minutes."""
    at = minutes if minutes is not None else list(range(len(closes)))
    index = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(at, unit="min")
    columns = dict.fromkeys(BAR_COLUMNS, closes)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(index, name="close_time"), dtype="float64")


def test_direction_compares_with_the_close_a_horizon_later() -> None:
    labels = make_labels(bars([10, 11, 12, 9, 12]), TWO_MINUTES_UP, 60)
    assert labels["label"].tolist()[:3] == [1.0, 0.0, 0.0]
    assert labels["label"].isna().tolist() == [False, False, False, True, True]
    assert labels["forward_return"].iloc[0] == pytest.approx(0.2)


def test_a_label_is_known_a_horizon_later() -> None:
    labels = make_labels(bars([10, 11, 12]), TWO_MINUTES_UP, 60)
    assert (labels["known_at"] - labels.index == pd.Timedelta(minutes=2)).all()


def test_a_price_that_ends_where_it_began_is_no_up() -> None:
    assert make_labels(bars([10, 11, 10]), TWO_MINUTES_UP, 60)["label"].iloc[0] == 0.0


def test_the_horizon_is_a_duration_across_missing_minutes() -> None:
    # At minute 2 there is no bar: the price then is still that of minute 1.
    labels = make_labels(bars([10, 11, 5], minutes=[0, 1, 4]), TWO_MINUTES_UP, 60)
    assert labels["forward_return"].iloc[0] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("after", "expected"), [(100.21, 2.0), (100.19, 1.0), (99.81, 1.0), (99.79, 0.0)]
)
def test_a_trend_must_exceed_its_threshold(after: float, expected: float) -> None:
    assert make_labels(bars([100.0, after]), TREND, 60)["label"].iloc[0] == expected


def test_a_scaled_threshold_is_a_share_of_the_usual_move_over_the_horizon() -> None:
    # 30 bps a bar lead to expect 60 bps in four bars.
    assert threshold_bps(SCALED, 30e-4, 60) == pytest.approx(30.0)
    assert threshold_bps(SCALED, 1e-4, 60) == 20.0
    assert np.isnan(threshold_bps(SCALED, float("nan"), 60))
    assert threshold_bps(TREND, float("nan"), 60) == 20.0
    assert threshold_bps(TWO_MINUTES_UP, 30e-4, 60) == 0.0


def test_a_scaled_trend_compares_each_move_with_its_own_threshold() -> None:
    rng = np.random.default_rng(4)
    spread = np.repeat([2e-4, 30e-4], 300)
    frame = bars(list(100 * np.exp(np.cumsum(rng.normal(0, 1, 600) * spread))))
    labels = make_labels(frame, SCALED, 60)
    threshold = threshold_bps(SCALED, realized_volatility(frame).to_numpy(), 60) / 1e4
    known = labels["label"].notna().to_numpy()
    assert known.tolist() == [60 <= row < 596 for row in range(600)]
    up = labels["forward_return"].to_numpy() > threshold
    down = labels["forward_return"].to_numpy() < -threshold
    np.testing.assert_array_equal(labels["label"][known], (1.0 + up - down)[known])
    assert 0.2 < (labels["label"][known][300:] == 1.0).mean() < 0.6


def test_classes_are_named_in_the_order_of_their_index() -> None:
    assert classes(LabelKind.DIRECTION) == (Direction.DOWN, Direction.UP)
    for kind in (LabelKind.TREND, LabelKind.TRIPLE_BARRIER):
        assert classes(kind) == (Direction.DOWN, Direction.FLAT, Direction.UP)


def test_no_bars_give_no_labels() -> None:
    assert make_labels(bars([]), TWO_MINUTES_UP, 60).empty


@given(
    closes=st.lists(st.floats(1, 100), min_size=4, max_size=30),
    cut=st.integers(1, 29),
    label=st.sampled_from([TWO_MINUTES_UP, TREND, SCALED]),
)
def test_more_bars_change_only_what_was_unknown(
    closes: list[float], cut: int, label: LabelConfig
) -> None:
    whole = make_labels(bars(closes), label, 60)
    part = make_labels(bars(closes[:cut]), label, 60)
    known = part["label"].notna().to_numpy()
    np.testing.assert_array_equal(whole["label"].iloc[: len(part)][known], part["label"][known])
    unknown = part["forward_return"].isna().to_numpy()
    assert (part["known_at"][unknown] > part.index[-1]).all()
