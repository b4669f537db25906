"""Every feature is causal, forgets, has no scale, and survives dull or tiny markets."""

import numpy as np
import pandas as pd
import pytest

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.catalogue import (
    CATALOGUE,
    INDICATORS,
    compute_features,
    feature_names,
    realized_volatility,
    schema_hash,
    warmup_bars,
)
from signal_server.features.feature import Feature
from tests.real_data import market_file

BARS = 2_600
NAMES = tuple(feature.name for feature in CATALOGUE)
each_feature = pytest.mark.parametrize("feature", CATALOGUE, ids=NAMES)


def random_bars(bars: int = BARS, price: float = 100.0, seed: int = 1) -> pd.DataFrame:
    """Return a random walk with wicks, volume and trade counts."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0, 0.001, bars)))
    opened = np.concatenate([[price], close[:-1]])
    wick = np.abs(random.normal(0, 0.0005, (2, bars)))
    index = pd.date_range("2025-01-01", periods=bars, freq="min", tz="UTC", name="close_time")
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": random.lognormal(0, 1, bars),
            "vwap": np.nan,
            "transactions": random.poisson(30, bars).astype("float64"),
        },
        index=index,
    )


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return random_bars()


@pytest.fixture(scope="module")
def computed(bars: pd.DataFrame) -> pd.DataFrame:
    return compute_features(bars, NAMES)


def assert_close(one: pd.Series, other: pd.Series, tolerance: float) -> None:
    """Relative to the value, or absolute where it is below 1."""
    scale = np.maximum(np.abs(one.to_numpy()), 1.0)
    assert (np.abs(one.to_numpy() - other.to_numpy()) <= tolerance * scale).all()


def test_there_are_fifty_two_indicators_and_every_name_is_used_once() -> None:
    assert len(INDICATORS) == 52
    assert len(set(NAMES)) == len(NAMES)
    assert len(feature_names("indicators", trade_counts=True)) == 52
    assert len(feature_names("six", trade_counts=False)) == 6


def test_features_of_trade_counts_are_left_out_unless_asked_for() -> None:
    without = set(feature_names("all", trade_counts=False))
    left_out = {f.name for f in CATALOGUE if f.name not in without}
    assert left_out == {f.name for f in CATALOGUE if "transactions" in f.inputs}
    assert left_out


@each_feature
def test_future_bars_change_nothing_before(
    feature: Feature, bars: pd.DataFrame, computed: pd.DataFrame
) -> None:
    cut = BARS - 137
    # What comes after is not only cut off but replaced by another market.
    future = random_bars(BARS, price=5.0, seed=9).iloc[cut:]
    other = compute_features(pd.concat([bars.iloc[:cut], future]), [feature.name])
    before = computed[feature.name].iloc[:cut]
    assert before.notna().any()
    assert_close(before.dropna(), other[feature.name].iloc[:cut].dropna(), 1e-12)


@each_feature
def test_the_declared_warm_up_suffices_and_is_needed(
    feature: Feature, bars: pd.DataFrame, computed: pd.DataFrame
) -> None:
    for end in (BARS, BARS - 500):
        tail = bars.iloc[end - feature.warmup_bars : end]
        alone = compute_features(tail, [feature.name])[feature.name]
        assert_close(computed[feature.name].iloc[end - 1 : end], alone.iloc[-1:], 1e-9)
        assert alone.iloc[:-1].isna().all()


@each_feature
def test_only_declared_inputs_matter(feature: Feature, bars: pd.DataFrame) -> None:
    spoiled = bars.copy()
    for column in set(bars.columns) - set(feature.inputs):
        if column in {"vwap", "transactions"}:
            spoiled[column] = np.nan
    one = compute_features(bars, [feature.name])[feature.name].iloc[-1]
    assert compute_features(spoiled, [feature.name])[feature.name].iloc[-1] == one


def test_no_feature_has_a_scale(bars: pd.DataFrame, computed: pd.DataFrame) -> None:
    scaled = bars.copy()
    scaled[["open", "high", "low", "close"]] *= 1000
    scaled["volume"] *= 7
    other = compute_features(scaled, NAMES)
    for name in NAMES:
        assert_close(computed[name].dropna(), other[name].dropna(), 1e-6)


def test_tiny_prices_give_what_large_ones_give(bars: pd.DataFrame, computed: pd.DataFrame) -> None:
    tiny = bars.copy()
    tiny[["open", "high", "low", "close"]] *= 2.0**-24
    other = compute_features(tiny, NAMES)
    # A power of two is exact, so nothing at all may change.
    pd.testing.assert_frame_equal(computed, other, check_exact=True)


def test_a_market_that_stands_still_gives_finite_values(bars: pd.DataFrame) -> None:
    still = bars.copy()
    still[["open", "high", "low", "close"]] = 42.0
    still[["volume", "transactions"]] = 0.0
    features = compute_features(still, NAMES)
    assert np.isfinite(features.iloc[-1]).all(), features.columns[~np.isfinite(features.iloc[-1])]


def test_bars_without_volume_give_finite_values(bars: pd.DataFrame) -> None:
    quiet = bars.copy()
    quiet.loc[quiet.index[::3], ["volume", "transactions"]] = 0.0
    assert np.isfinite(compute_features(quiet, NAMES).iloc[-1]).all()


@pytest.mark.parametrize("length", [0, 1, 2, 19, 60])
def test_few_bars_give_no_values_and_no_error(bars: pd.DataFrame, length: int) -> None:
    features = compute_features(bars.head(length), NAMES)
    assert features.shape == (length, len(NAMES))


@pytest.mark.parametrize("name", ["BTCUSDT.parquet", "PEPEUSDT.parquet"])
def test_the_newest_row_equals_the_batch_on_real_bars(name: str) -> None:
    frame = pd.read_parquet(market_file(name)).tail(4_000)
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame["timestamp"], utc=True))
    real = frame.assign(vwap=np.nan, transactions=np.nan)
    names = feature_names("all", trade_counts=False)
    batch = compute_features(real, names)
    needed = warmup_bars(names)
    for end in (2_000, 3_333, 4_000):
        live = compute_features(real.iloc[end - needed : end], names)
        assert_close(batch.iloc[end - 1], live.iloc[-1], 1e-9)


def test_real_bars_with_gaps_give_finite_values() -> None:
    frame = pd.read_parquet(market_file("BTCUSDC_kraken_1m_2023Q1.parquet")).tail(4_000)
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame["timestamp"], utc=True))
    features = compute_features(frame.assign(vwap=np.nan), NAMES)
    assert np.isfinite(features.iloc[warmup_bars(NAMES) :].to_numpy()).all()


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
