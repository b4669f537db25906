"""Stored bars are scored block by block, and the result does not depend on the blocks."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.core.errors import ModelError, NoHistoryError, SchemaMismatchError
from signal_server.features.catalogue import compute_features
from signal_server.labels import make_labels
from signal_server.market.store import BarStore
from signal_server.training import duel as duels
from signal_server.training import scoring
from signal_server.training.artifact import Model
from signal_server.training.duel import fight
from signal_server.training.registry import ModelRegistry
from signal_server.training.scoring import ScoreRequest, iter_scores, learned_period
from signal_server.training.train import train

COUNT = 4_000


def _silent(_symbol: str, _share: float) -> None:
    pass


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_bars) -> BarStore:
    store = BarStore(tmp_path_factory.mktemp("bars"), 60)
    store.write("BTC-USD", make_bars(momentum=0.5, count=COUNT))
    store.write("ETH-USD", make_bars(momentum=0.5, count=COUNT, seed=2))
    return store


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> ModelRegistry:
    return ModelRegistry(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(store, registry, make_spec) -> Model:
    bars = {symbol: store.read(symbol).iloc[:3000] for symbol in store.symbols()}
    registry.register(train(bars, make_spec(), lambda _stage, _share: None))
    return registry.load("planted")


def _scores(store, request) -> pd.DataFrame:
    frames = [frame.astype({"symbol": "str"}) for frame in iter_scores(store, request, _silent)]
    return pd.concat(frames, ignore_index=True)


def test_the_rows_are_those_of_all_bars_at_once(store, model, monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK_BARS", 700)
    found = _scores(store, ScoreRequest(model, ("BTC-USD",)))
    bars = store.read("BTC-USD")
    features = compute_features(bars, model.manifest.feature_names).loc[found["close_time"]]
    expected = model.predict(features)
    assert len(found) > COUNT - 1000
    assert np.allclose(found[["p_down", "p_up"]], expected[["DOWN", "UP"]], rtol=1e-6)
    assert found["close_time"].is_monotonic_increasing
    assert found["close_time"].iloc[-1] == bars.index[-1]


def test_direction_and_confidence_are_those_of_the_likeliest_class(store, model):
    found = _scores(store, ScoreRequest(model, ("BTC-USD",)))
    assert np.array_equal(found["confidence"], found[["p_down", "p_up"]].max(axis=1))
    assert np.array_equal(found["direction"] == "UP", found["p_up"] > found["p_down"])


def test_labels_are_those_of_the_whole_history_and_empty_while_unknown(store, model, monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK_BARS", 700)
    found = _scores(store, ScoreRequest(model, ("BTC-USD",))).set_index("close_time")
    labels = make_labels(store.read("BTC-USD"), model.manifest.profile.label, 60)["label"]
    expected = labels.loc[found.index].map({0.0: "DOWN", 1.0: "UP"})
    assert (
        found["label"]
        .astype("object")
        .where(found["label"].notna())
        .equals(expected.astype("object").where(expected.notna()))
    )
    newest = found.iloc[-5:]
    assert newest["label"].isna().all()
    assert newest["label_known_at"].isna().all()
    waits = found["label_known_at"].iloc[:-5] - found.index[:-5]
    assert (waits == pd.Timedelta(seconds=300)).all()


def test_what_the_model_has_learned_from_is_marked(store, model):
    found = _scores(store, ScoreRequest(model, ("ETH-USD",)))
    windows = model.manifest.windows
    seen = (found["close_time"] >= windows.train.start) & (found["close_time"] < windows.test.start)
    assert np.array_equal(found["in_training"], seen)
    assert 0 < seen.sum() < len(found)


def test_a_model_fitted_again_on_all_rows_has_seen_its_test_part(store, registry, make_spec):
    bars = {symbol: store.read(symbol).iloc[:3000] for symbol in store.symbols()}
    spec = make_spec(refit=True)
    registry.register(train(bars, spec, lambda _stage, _share: None))
    windows = registry.manifest("planted").windows
    served, evaluated = registry.load("planted"), registry.load_evaluated("planted")
    assert learned_period(served.manifest)[1] >= windows.test.end
    assert learned_period(evaluated.manifest)[1] == windows.test.start
    frame = compute_features(bars["BTC-USD"], served.manifest.feature_names).iloc[-50:]
    assert not np.allclose(served.predict(frame), evaluated.predict(frame))


def test_a_period_leaves_out_its_start_and_keeps_its_end(store, model):
    closes = store.read("BTC-USD").index
    start, end = closes[2000].to_pydatetime(), closes[2100].to_pydatetime()
    found = _scores(store, ScoreRequest(model, ("BTC-USD",), start, end))
    assert list(found["close_time"]) == list(closes[2001:2101])


def test_bars_without_enough_history_have_no_row(model, make_bars, tmp_path):
    holed = BarStore(tmp_path, 60)
    bars = make_bars(momentum=0.5, count=COUNT)
    holed.write("BTC-USD", bars.drop(bars.index[2000:2200]))
    found = _scores(holed, ScoreRequest(model, ("BTC-USD",)))
    after = found.loc[found["close_time"] >= bars.index[2200], "close_time"]
    assert after.iloc[0] > bars.index[2200]


def test_a_symbol_without_bars_is_named(store, model):
    with pytest.raises(NoHistoryError, match="no bars of SOL-USD"):
        list(iter_scores(store, ScoreRequest(model, ("SOL-USD",)), _silent))


def test_a_period_without_bars_says_which_there_are(store, model):
    late = store.read("BTC-USD").index[-1].to_pydatetime() + timedelta(days=1)
    with pytest.raises(NoHistoryError, match="only from 2024-01-01"):
        list(iter_scores(store, ScoreRequest(model, ("BTC-USD",), late), _silent))


def test_bars_of_another_length_are_refused(model, tmp_path):
    with pytest.raises(SchemaMismatchError, match="bars of 60 s, not 1 s"):
        list(iter_scores(BarStore(tmp_path, 1), ScoreRequest(model, ("BTC-USD",)), _silent))


def test_progress_ends_at_one_for_every_symbol(store, model):
    told = {}
    list(iter_scores(store, ScoreRequest(model, ("BTC-USD", "ETH-USD")), told.__setitem__))
    assert told == {"BTC-USD": 1.0, "ETH-USD": 1.0}


def test_a_model_gains_nothing_on_itself(store, model):
    duel = fight(store, (model, model), _silent)
    assert duel.scores[0] == duel.scores[1]
    assert duel.accuracy_gain.value == duel.log_loss_gain.value == 0
    assert duel.start >= learned_period(model.manifest)[1]


def test_a_model_that_learned_gains_on_one_that_did_not(store, model, registry, make_spec):
    bars = {symbol: store.read(symbol).iloc[:3000] for symbol in store.symbols()}
    spec = make_spec(max_rounds=1)
    manifest = registry.register(train(bars, spec, lambda _stage, _share: None))
    duel = fight(store, (registry.load("planted", manifest.version), model), _silent)
    assert duel.log_loss_gain.interval.low > 0
    assert duel.symbols == ("BTC-USD", "ETH-USD")
    assert duel.rows > 1000


def test_models_of_different_labels_are_not_compared(store, model, registry, make_spec):
    bars = {symbol: store.read(symbol).iloc[:3000] for symbol in store.symbols()}
    other = registry.register(train(bars, make_spec(horizon_s=600), lambda _s, _share: None))
    with pytest.raises(ModelError, match="predict different things"):
        fight(store, (model, registry.load("planted", other.version)), _silent)


def test_models_with_nothing_unseen_are_not_compared(model, store, monkeypatch):
    last = store.last_close("BTC-USD")
    monkeypatch.setattr(duels, "learned_period", lambda _manifest: (last, last))
    with pytest.raises(NoHistoryError, match="that both could predict"):
        fight(store, (model, model), _silent)


def test_a_period_that_ends_before_it_starts_is_said_to(store, model):
    last = store.last_close("BTC-USD")
    request = ScoreRequest(model, ("BTC-USD",), last, last - timedelta(hours=1))
    with pytest.raises(NoHistoryError, match="is not before --end"):
        list(iter_scores(store, request, _silent))


def test_symbols_without_bars_in_the_period_are_left_out(tmp_path, model, make_bars):
    part = BarStore(tmp_path / "bars", 60)
    part.write("BTC-USD", make_bars(momentum=0.5, count=COUNT))
    part.write("ETH-USD", make_bars(momentum=0.5, count=2000, seed=2))
    later = part.last_close("ETH-USD") + timedelta(minutes=1)
    request = ScoreRequest(model, ("BTC-USD", "ETH-USD", "SUI-USD"), later)
    assert scoring.with_bars(part, request) == ("BTC-USD",)
    with pytest.raises(NoHistoryError, match="no bars of ETH-USD"):
        scoring.with_bars(part, ScoreRequest(model, ("ETH-USD", "SUI-USD"), later))
