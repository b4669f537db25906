"""Rows are usable, on the clock's stride, in time order and true to the feature functions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from signal_server.core.config import BarrierConfig, LabelConfig, LabelKind
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.features.catalogue import compute_features, feature_names, warmup_bars
from signal_server.labels import make_labels
from signal_server.market.store import BarStore
from signal_server.market.stored import StoredBars
from signal_server.training import dataset as module
from signal_server.training.dataset import (
    DatasetSpec,
    build_dataset,
    feature_matrix,
    fingerprint,
    iter_blocks,
    outline_dataset,
)

NAMES = feature_names("indicators", trade_counts=False)
LABEL = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=300)
SPEC = DatasetSpec(names=NAMES, label=LABEL, bar_seconds=60, stride_bars=5)


def _build(bars_by_symbol, spec=SPEC):
    return build_dataset(bars_by_symbol, spec, lambda _: None)


def test_every_row_has_the_features_and_the_label_of_its_bar(make_bars):
    bars = make_bars(count=1500)
    dataset = _build({"BTC-USD": bars})
    features = compute_features(bars, NAMES).loc[dataset.time].to_numpy(np.float32)
    labels = make_labels(bars, LABEL, 60).loc[dataset.time]
    np.testing.assert_allclose(dataset.features, features, rtol=1e-5, atol=1e-7)
    assert (dataset.labels == labels["label"].to_numpy()).all()
    assert (dataset.returns == labels["forward_return"].to_numpy()).all()
    assert (dataset.known_at == pd.DatetimeIndex(labels["known_at"])).all()


def test_rows_in_the_warm_up_and_rows_without_a_label_are_left_out(make_bars):
    bars = make_bars(count=1500)
    dataset = _build({"BTC-USD": bars})
    assert dataset.time[0] >= bars.index[warmup_bars(NAMES)]
    assert dataset.known_at.max() <= bars.index[-1]
    assert (dataset.known_at > dataset.time).all()


def test_the_bars_of_trades_whose_time_is_not_over_are_left_out(make_bars):
    barriers = BarrierConfig(
        stop_loss=0.001, take_profit=0.002, fee_bps=0, slippage_bps=0, signal_valid_s=90
    )
    label = LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=3600, barriers=barriers)
    bars = make_bars(count=1500)
    dataset = _build({"BTC-USD": bars}, replace(SPEC, label=label))
    assert dataset.time.max() <= bars.index[-1] - pd.Timedelta(hours=1)
    labels = make_labels(bars, label, 60).loc[dataset.time]
    assert (dataset.known_at == pd.DatetimeIndex(labels["known_at"])).all()
    assert len(dataset.known_at[dataset.known_at < dataset.time + pd.Timedelta(hours=1)])
    assert {0, 2} <= set(dataset.labels)


def test_rows_whose_warm_up_or_horizon_lies_across_a_hole_are_left_out(make_bars):
    bars = make_bars(count=3000)
    begins, ends = bars.index[1500], bars.index[1700]
    with_hole = bars[(bars.index <= begins) | (bars.index >= ends)]
    hour = LABEL.model_copy(update={"horizon_s": 3600})
    time = _build({"BTC-USD": with_hole}, replace(SPEC, label=hour)).time
    last = time[time <= begins].max()
    assert pd.Timedelta(minutes=45) < begins - last < pd.Timedelta(hours=1)
    assert time[time > begins].min() > ends + pd.Timedelta(minutes=warmup_bars(NAMES) - 1)


def test_a_few_minutes_without_trades_cost_no_row(make_bars):
    bars = make_bars(count=1500)
    quiet = bars.drop(bars.index[[1203, 1204, 1301]])
    assert len(_build({"BTC-USD": quiet})) >= len(_build({"BTC-USD": bars})) - 1


def test_the_stride_counts_on_the_clock_so_that_symbols_share_their_moments(make_bars):
    later = make_bars(count=1500, seed=2).iloc[7:]
    dataset = _build({"BTC-USD": make_bars(count=1500), "ETH-USD": later})
    assert set(dataset.time.minute % 5) == {0}
    assert set(dataset.symbol_codes) == {0, 1}


def test_rows_of_all_symbols_are_in_time_order(make_bars):
    dataset = _build({"ETH-USD": make_bars(count=1500, seed=2), "BTC-USD": make_bars(count=1500)})
    assert dataset.time.is_monotonic_increasing
    assert dataset.symbols == ("BTC-USD", "ETH-USD")
    assert list(dataset.symbol_codes[:4]) == [0, 1, 0, 1]


def test_computing_in_blocks_changes_nothing(make_bars, monkeypatch):
    bars = {"BTC-USD": make_bars(count=1500)}
    whole = _build(bars)
    monkeypatch.setattr(module, "BLOCK_BARS", 97)
    blocks = _build(bars)
    np.testing.assert_allclose(whole.features, blocks.features, rtol=1e-5, atol=1e-6)
    assert (whole.time == blocks.time).all()


def test_features_take_four_bytes_each(make_bars):
    dataset = _build({"BTC-USD": make_bars(count=1500)})
    assert dataset.features.dtype == np.float32
    assert dataset.features.shape == (len(dataset), len(NAMES))


def test_blocks_hold_every_row_of_an_outline_once_and_in_rising_time(make_bars, monkeypatch):
    bars = {"ETH-USD": make_bars(count=1500, seed=2), "BTC-USD": make_bars(count=1400)}
    monkeypatch.setattr(module, "BLOCK_BARS", 500)
    outline = outline_dataset(bars, SPEC)
    blocks = list(iter_blocks(bars, outline))
    rows = np.concatenate([block.rows for block in blocks])
    assert sorted(rows) == list(range(len(outline)))
    assert all((np.diff(block.rows) > 0).all() for block in blocks)
    whole = _build(bars)
    for block in blocks:
        np.testing.assert_array_equal(whole.features[block.rows], block.features)


def test_labels_that_overlap_their_neighbours_more_weigh_less(make_bars):
    bars = {"BTC-USD": make_bars(count=1500)}
    dataset = _build(bars, replace(SPEC, label=LABEL.model_copy(update={"horizon_s": 1800})))
    assert dataset.uniqueness.dtype == np.float32
    assert 0 < dataset.uniqueness.min() < dataset.uniqueness.max() <= 1
    assert dataset.uniqueness[0] > dataset.uniqueness[len(dataset) // 2]


def test_labels_of_different_symbols_do_not_weigh_on_each_other(make_bars):
    one = _build({"BTC-USD": make_bars(count=1500)})
    two = _build({"BTC-USD": make_bars(count=1500), "ETH-USD": make_bars(count=1500, seed=2)})
    np.testing.assert_array_equal(two.uniqueness[two.symbol_codes == 0], one.uniqueness)


def test_a_symbol_with_too_few_bars_is_named(make_bars):
    bars = {"BTC-USD": make_bars(count=1500), "ETH-USD": make_bars(count=10)}
    with pytest.raises(NoHistoryError, match="ETH-USD: 10 bars"):
        _build(bars)


def test_a_symbol_without_bars_is_named(make_bars):
    with pytest.raises(NoHistoryError, match="ETH-USD: 0 bars"):
        _build({"BTC-USD": make_bars(count=1500), "ETH-USD": make_bars(count=5).iloc[:0]})


def test_bars_that_are_read_when_asked_for_give_the_same_rows(make_bars, tmp_path):
    store = BarStore(tmp_path, 60)
    for seed, symbol in enumerate(("BTC-USD", "ETH-USD")):
        store.write(symbol, make_bars(count=1500, seed=seed))
    stored = StoredBars(store, store.symbols())
    held = {symbol: store.read(symbol) for symbol in store.symbols()}
    assert dict(stored).keys() == held.keys()
    np.testing.assert_array_equal(_build(stored).features, _build(held).features)
    assert fingerprint(stored) == fingerprint(held)


def test_stored_bars_are_those_of_the_period(make_bars, tmp_path):
    store, bars = BarStore(tmp_path, 60), make_bars(count=100)
    store.write("BTC-USD", bars)
    period = (bars.index[10].to_pydatetime(), bars.index[20].to_pydatetime())
    assert len(StoredBars(store, ("BTC-USD",), period)["BTC-USD"]) == 10
    with pytest.raises(KeyError):
        StoredBars(store, ("BTC-USD",))["ETH-USD"]


def test_no_bars_at_all_are_refused():
    with pytest.raises(NoHistoryError, match="backfill"):
        _build({})


def test_an_infinite_feature_is_named():
    frame = pd.DataFrame({"calm": [1.0, np.nan], "wild": [1.0, np.inf]})
    with pytest.raises(ModelError, match="feature wild is infinite"):
        feature_matrix(frame, ("calm", "wild"))


def test_the_fingerprint_follows_every_value_and_no_order_of_symbols(make_bars):
    one, two = make_bars(count=50), make_bars(count=50, seed=2)
    first = fingerprint({"BTC-USD": one, "ETH-USD": two})
    assert first == fingerprint({"ETH-USD": two, "BTC-USD": one})
    changed = one.copy()
    changed.iloc[3, 4] += 1e-9
    assert first != fingerprint({"BTC-USD": changed, "ETH-USD": two})
    assert first != fingerprint({"BTC-USD": two, "ETH-USD": one})
