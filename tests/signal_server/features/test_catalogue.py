"""Every feature is causal, forgets, has no scale, and survives dull or tiny markets."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest

from signal_server.core.errors import NoHistoryError, SchemaMismatchError
from signal_server.features.catalogue import (
    CATALOGUE,
    compute_features,
    feature_names,
    find_features,
    realized_volatility,
    schema_hash,
    warmup_bars,
)
from signal_server.features.coverage import whole_rows
from signal_server.features.demand import Demands
from signal_server.features.feature import Feature
from signal_server.features.windows import Array
from tests.signal_server.features.bars import PRICES, random_bars, real_bars, still_between

BARS = 10_900
STILL = (10_100, 10_400)
LEADERS = {
    "BTC-USD": random_bars(BARS, price=60_000.0, seed=2),
    "ETH-USD": random_bars(BARS, price=3_000.0, seed=3),
}
NAMES = tuple(feature.name for feature in CATALOGUE)
each_feature = pytest.mark.parametrize("feature", CATALOGUE, ids=NAMES)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return random_bars(BARS)


@pytest.fixture(scope="module")
def computed(bars: pd.DataFrame) -> pd.DataFrame:
    return compute_features(bars, NAMES, LEADERS)


@pytest.fixture(scope="module")
def still(bars: pd.DataFrame) -> pd.DataFrame:
    return still_between(bars, *STILL)


@pytest.fixture(scope="module")
def computed_still(still: pd.DataFrame) -> pd.DataFrame:
    return compute_features(still, NAMES, LEADERS)


def assert_close(one: pd.Series, other: pd.Series, tolerance: float, unit: float = 0.0) -> None:
    """Relative to the value, or to `unit` where the value is smaller."""
    scale = np.maximum(np.abs(one.to_numpy()), unit)
    assert (np.abs(one.to_numpy() - other.to_numpy()) <= tolerance * scale).all()


def assert_newest_row_equals_batch(
    feature: Feature, bars: pd.DataFrame, batch: pd.Series, ends: Iterable[int]
) -> None:
    unit = float(batch.std())
    for end in ends:
        tail = bars.iloc[end - feature.warmup_bars : end]
        alone = compute_features(tail, [feature.name], LEADERS)[feature.name]
        assert_close(batch.iloc[end - 1 : end], alone.iloc[-1:], 1e-9, unit)
        assert alone.iloc[:-1].isna().all()


def test_there_are_fifty_two_indicators_and_every_name_is_used_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len(feature_names("indicators", trade_counts=True)) == 52
    assert len(feature_names("six", trade_counts=False)) == 6


def test_features_of_trade_counts_are_left_out_unless_asked_for() -> None:
    without = set(feature_names("all", trade_counts=False))
    every = find_features(feature_names("all", trade_counts=True))
    left_out = {f.name for f in every if f.name not in without}
    assert left_out == {f.name for f in every if "transactions" in f.inputs}
    assert left_out


@each_feature
def test_future_bars_change_nothing_before(
    feature: Feature, bars: pd.DataFrame, computed: pd.DataFrame
) -> None:
    cut = BARS - 137
    # What comes after is not only cut off but replaced by another market.
    future = random_bars(BARS, price=5.0, seed=9).iloc[cut:]
    other = compute_features(pd.concat([bars.iloc[:cut], future]), [feature.name], LEADERS)
    before = computed[feature.name].iloc[:cut]
    assert before.notna().any()
    pd.testing.assert_series_equal(before, other[feature.name].iloc[:cut], check_exact=True)


@each_feature
def test_the_declared_warm_up_suffices_and_is_needed(
    feature: Feature, bars: pd.DataFrame, computed: pd.DataFrame
) -> None:
    ends = (BARS, BARS - 500)
    assert_newest_row_equals_batch(feature, bars, computed[feature.name], ends)


@each_feature
def test_the_warm_up_suffices_in_and_after_a_market_that_stood_still(
    feature: Feature, still: pd.DataFrame, computed_still: pd.DataFrame
) -> None:
    ends = (10_120, 10_200, 10_350, 10_400, 10_401, 10_420, 10_700)
    assert_newest_row_equals_batch(feature, still, computed_still[feature.name], ends)


@each_feature
def test_the_warm_up_suffices_after_storms_of_volume_and_price(feature: Feature) -> None:
    stormy = random_bars(BARS)
    stormy.loc[stormy.index[10_100], "high"] *= 100
    stormy.loc[stormy.index[10_300], "volume"] *= 1e6
    batch = compute_features(stormy, [feature.name], LEADERS)[feature.name]
    assert_newest_row_equals_batch(feature, stormy, batch, (10_115, 10_200, 10_310, 10_350, 10_800))


class Reading(Demands):
    """Writes down which columns and leaders are read."""

    def __init__(self, feature: Feature) -> None:
        self.columns: set[str] = set()
        super().__init__([feature])

    def column(self, name: str) -> Array:
        self.columns.add(name)
        return super().column(name)

    def candles(self, minutes: int, feature: Feature) -> Array:
        self.value(feature)
        return super().candles(minutes, feature)

    def phase(self, period_s: int, start_s: int = 0) -> Array:
        self.columns.add("close_time")
        return super().phase(period_s, start_s)


@each_feature
def test_the_declared_inputs_are_those_that_are_read(feature: Feature) -> None:
    reading = Reading(feature)
    assert reading.columns == set(feature.inputs)
    assert set(reading.by_leader) == set(feature.leaders)


def test_no_feature_has_a_scale(bars: pd.DataFrame, computed: pd.DataFrame) -> None:
    scaled = bars.copy()
    scaled[PRICES] *= 1000
    scaled["volume"] *= 7
    other = compute_features(scaled, NAMES, LEADERS)
    for name in NAMES:
        unit = float(computed[name].std())
        assert_close(computed[name].dropna(), other[name].dropna(), 1e-6, unit)


def test_tiny_prices_give_what_large_ones_give(bars: pd.DataFrame, computed: pd.DataFrame) -> None:
    tiny = bars.copy()
    tiny[PRICES] *= 2.0**-24
    other = compute_features(tiny, NAMES, LEADERS)
    # A power of two is exact, so nothing at all may change.
    pd.testing.assert_frame_equal(computed, other, check_exact=True)


def test_a_market_that_stands_still_gives_finite_values(bars: pd.DataFrame) -> None:
    still = bars.copy()
    still[PRICES] = 43_210.37
    still[["volume", "transactions"]] = 0.0
    features = compute_features(still, NAMES, LEADERS)
    assert np.isfinite(features.iloc[-1]).all(), features.columns[~np.isfinite(features.iloc[-1])]


def test_bars_without_volume_give_finite_values(bars: pd.DataFrame) -> None:
    quiet = bars.copy()
    quiet.loc[quiet.index[::3], ["volume", "transactions"]] = 0.0
    assert np.isfinite(compute_features(quiet, NAMES, LEADERS).iloc[-1]).all()


@pytest.mark.parametrize("length", [0, 1, 2, 19, 60])
def test_few_bars_give_no_values_and_no_error(bars: pd.DataFrame, length: int) -> None:
    features = compute_features(bars.head(length), NAMES, LEADERS)
    assert features.shape == (length, len(NAMES))


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT.parquet",
        "PEPEUSDT.parquet",  # ticks of 1% of the price, volumes of 1e11
        "FILUSDT-perp.parquet",  # months apart, and 75 minutes of rest
        "BTCUSDC_kraken_1m_2023Q1.parquet",  # no bar in most minutes
    ],
)
def test_the_newest_row_equals_the_batch_on_real_bars(name: str) -> None:
    whole = real_bars(name)
    before = 4_000
    at_rest = (whole["close"].diff() != 0).cumsum().iloc[before:]
    calmest = before + int(np.flatnonzero(at_rest == at_rest.value_counts().idxmax())[-1])
    real = whole.iloc[calmest - before : calmest + 500]
    names = feature_names("all", trade_counts=bool(real["transactions"].notna().all()))
    batch = compute_features(real, names)
    assert np.isfinite(batch.iloc[warmup_bars(names) - 1 :].to_numpy()).all()
    for feature in find_features(names):
        ends = (2_000, len(real) - 505, len(real) - 499, len(real) - 470, len(real))
        assert_newest_row_equals_batch(feature, real, batch[feature.name], ends)


def test_the_schema_hash_tells_names_and_order() -> None:
    hashes = {
        schema_hash(["rsi_14", "gap"]),
        schema_hash(["gap", "rsi_14"]),
        schema_hash(["gap"]),
    }
    assert len(hashes) == 3


def test_an_unknown_feature_is_refused_by_name(bars: pd.DataFrame) -> None:
    with pytest.raises(SchemaMismatchError, match="moon_phase"):
        compute_features(bars, ["gap", "moon_phase"])


def test_volatility_is_that_of_one_bar_log_returns(bars: pd.DataFrame) -> None:
    returns = np.diff(np.log(bars["close"].to_numpy()[-61:]))
    assert realized_volatility(bars, 60).iloc[-1] == pytest.approx(returns.std(ddof=1), rel=1e-9)


def test_the_longest_warm_up_of_all_is_one_day_of_minutes_and_a_bar() -> None:
    assert warmup_bars(feature_names("all", trade_counts=True)) == 1_441
    assert warmup_bars(feature_names("indicators", trade_counts=True)) == 861
    assert warmup_bars(feature_names("six", trade_counts=True)) == 574


def test_the_longest_warm_up_of_the_pooled_set_is_seven_days_of_minutes_and_a_bar() -> None:
    assert warmup_bars(feature_names("pooled", trade_counts=True)) == 10_081


@pytest.mark.parametrize(
    "names",
    [
        feature_names("indicators", trade_counts=True),
        feature_names("all", trade_counts=True),
        ("btc_scaled_return_5", "relative_return_60", "close_z_20_5m", "day_sin"),
    ],
    ids=["indicators", "all", "leaders and candles"],
)
def test_blocks_change_no_value(
    names: tuple[str, ...], bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    gappy = {symbol: frame.drop(frame.index[500::7]) for symbol, frame in LEADERS.items()}
    whole = compute_features(bars, names, gappy)
    monkeypatch.setattr("signal_server.features.batch.BLOCK_BARS", 1)
    blocks = compute_features(bars, names, gappy)
    for name in names:
        one, other = whole[name].dropna(), blocks[name].dropna()
        assert one.index.equals(other.index)
        assert_close(one, other, 1e-9, float(one.std()))


def test_a_leader_that_is_not_given_is_named(bars: pd.DataFrame) -> None:
    with pytest.raises(NoHistoryError, match="BTC-USD"):
        compute_features(bars, ["relative_return_5"])


def test_a_leader_without_a_bar_of_the_same_close_gives_no_value(bars: pd.DataFrame) -> None:
    gone = bars.index[-10]
    holed = {symbol: frame.drop(gone) for symbol, frame in LEADERS.items()}
    names = [name for name in NAMES if find_features([name])[0].leaders]
    features = compute_features(bars, names, holed)
    assert features.loc[gone].isna().all()
    assert features.iloc[-9:].notna().all(axis=None)


def test_rows_are_whole_where_own_and_leaders_history_is() -> None:
    bars, names = random_bars(400), ["btc_scaled_return_5"]
    holed = bars.drop(bars.index[[300, *range(350, 365)]])
    whole = whole_rows(pd.DatetimeIndex(bars.index), names, {"BTC-USD": holed}, 60)
    assert whole[241:300].all()
    assert not whole[:241].any()
    assert not whole[[300, *range(350, 375)]].any()
