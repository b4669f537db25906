"""`train` as a user runs it: pooled or one model a symbol, in memory or from disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from signal_server.cli.main import run
from signal_server.cli.session import Session
from signal_server.cli.training_parts import counted, spec_of
from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.store import BarStore
from signal_server.training.registry import ModelRegistry
from signal_server.training.tries import Tried

SYMBOLS = ("BTC-USD", "ETH-USD")
BARS = 2500


def _bars(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, BARS)))
    index = pd.date_range("2024-01-01", periods=BARS, freq="min", tz="UTC", name="close_time")
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    columns |= {"volume": rng.lognormal(1, 0.5, BARS), "vwap": close, "transactions": np.nan}
    return pd.DataFrame(columns, index=index, columns=list(BAR_COLUMNS), dtype="float64")


@pytest.fixture
def train(config: Path, tmp_path: Path):
    """Store bars; train the quick profile with some settings changed; return the registry."""
    store = BarStore(tmp_path / "data" / "bars", 60)
    for seed, symbol in enumerate(SYMBOLS):
        store.write(symbol, _bars(seed))

    def command(*arguments: str, **changes: object) -> ModelRegistry:
        settings = yaml.safe_load(config.read_text())
        quick = {"booster": {"min_child_weight": 5, "max_depth": 2}, "max_rounds": 20}
        settings["profiles"]["quick"] = {
            "label": {"kind": "direction", "horizon_s": 300},
            "features": "six",
            "training": quick | changes,
        }
        config.write_text(yaml.safe_dump(settings))
        assert run(["--config", str(config), "train", "--profile", "quick", *arguments]) == 0
        return ModelRegistry(tmp_path / "data" / "models")

    return command


def test_a_profile_trains_by_its_own_changes_to_the_settings(train):
    manifest = train().load("quick").manifest
    assert manifest.training.max_rounds == 20
    assert manifest.training.booster.max_depth == 2
    assert manifest.symbols == SYMBOLS


def test_without_pooling_each_symbol_has_a_model_of_its_own(train):
    registry = train(pooled=False)
    names = [manifest.id for manifest in registry.list()]
    assert names == ["quick.BTC-USD", "quick.ETH-USD"]
    assert registry.load("quick.ETH-USD").manifest.symbols == ("ETH-USD",)


def test_a_refit_is_told_and_both_boosters_are_kept(train, capsys):
    registry = train(refit=True)
    assert "fitted again on all" in " ".join(capsys.readouterr().out.split())
    served, evaluated = registry.load("quick"), registry.load_evaluated("quick")
    assert served.manifest.served_window.rows > served.manifest.windows.train.rows
    rows = np.zeros((1, 6), dtype=np.float32)
    assert not np.array_equal(served.predict_rows(rows), evaluated.predict_rows(rows))


def test_rows_may_stay_on_disk_and_are_gone_afterwards(train, tmp_path):
    manifest = train(external_memory=True).load("quick").manifest
    assert manifest.training.external_memory
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


def test_one_symbol_is_enough_when_no_feature_compares(train):
    assert train("--symbols", "ETH-USD").load("quick").manifest.symbols == ("ETH-USD",)


def test_tuned_trials_are_counted_when_the_model_is_judged(train, config, capsys):
    assert train().load("quick").manifest.validation is not None
    assert run(["--config", str(config), "tune", "--profile", "quick", "--trials", "2"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "write under profiles.quick" in printed
    assert "2 models were tried for this profile so far" in printed
    session = Session(config)
    found = counted(session, spec_of(session, "quick", None), "train").tried
    assert found == Tried(prior=0, tuned=2, runs=1)
    found = counted(session, spec_of(session, "direction-2h", None), "train").tried
    said = session.settings.training_of("direction-2h").prior_trials
    assert found == Tried(prior=said, tuned=0, runs=1)
    assert said > 0


def test_other_settings_are_another_try_and_the_same_again_are_none(train):
    assert [train().list()[-1].validation.tried for _ in range(2)] == [Tried()] * 2
    assert train("--symbols", "ETH-USD").list()[-1].validation.tried == Tried(runs=2)
    newest = train(max_rounds=3, prior_trials=4).list()[-1]
    assert newest.validation.tried == Tried(prior=4, runs=3)
