"""`models judge` prints of later bars what `train` prints of its test part."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from signal_server.cli.main import run
from signal_server.core.clock import utc_now
from signal_server.market.store import BarStore
from signal_server.training.registry import ModelRegistry
from tests.signal_server.backtest.conftest import BARS, seeded_bars

PROFILE = "direction-15m"
SYMBOLS = ("BTC-USD", "ETH-USD")
LATER = BARS * 3 // 4


@pytest.fixture
def command(config: Path, tmp_path: Path) -> list[str]:
    """The start of a command; a model was trained before the last quarter of the stored bars."""
    content = yaml.safe_load(config.read_text())
    content["symbols"] = list(SYMBOLS)
    content["serving"]["profile"] = PROFILE
    content["training"] |= {"max_rounds": 30, "early_stopping_rounds": 10}
    profile = {"label": {"kind": "direction", "horizon_s": 900}, "features": "six"}
    content["profiles"][PROFILE] = profile | {"training": {"refit": True}}
    config.write_text(yaml.safe_dump(content))
    store = BarStore(tmp_path / "data/bars", 60)
    for seed, symbol in enumerate(SYMBOLS):
        store.write(symbol, seeded_bars(seed).iloc[:LATER], utc_now())
    assert run(["--config", str(config), "train"]) == 0
    for seed, symbol in enumerate(SYMBOLS):
        store.write(symbol, seeded_bars(seed), utc_now())
    return ["--config", str(config)]


def _judged(command: list[str], tmp_path: Path, *options: str) -> dict:
    assert run([*command, "models", "judge", PROFILE, *options]) == 0
    (folder,) = (tmp_path / "data/reports").glob("judged-*")
    assert (folder / "index.html").exists()
    return json.loads((folder / "report.json").read_text())


def test_the_figures_are_those_of_the_predictions_of_later_bars(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _judged(command, tmp_path)
    printed = capsys.readouterr().out
    out = tmp_path / "all.parquet"
    assert run([*command, "predict", "--model", PROFILE, "--out", str(out)]) == 0
    rows = pd.read_parquet(out)
    later = rows["close_time"] >= pd.Timestamp(found["learned_until"])
    on_stride = rows["close_time"].dt.minute % 5 == 0
    rows = rows[later & on_stride & rows["label"].notna()]
    chance = np.where(rows["label"] == "UP", rows["p_up"], rows["p_down"])
    right = (rows["label"] == rows["direction"]).mean()
    assert not rows["in_training"].any()
    assert found["validation"]["rows"] == len(rows) > 400
    assert found["validation"]["accuracy"] == pytest.approx(right)
    assert found["validation"]["log_loss"] == pytest.approx(-np.log(chance).mean())
    assert f"{right:.2%}" in printed
    assert "logistic regression" in printed


def test_a_period_is_kept_to_and_none_that_was_learned_is_judged(
    command: list[str], tmp_path: Path
) -> None:
    manifest = ModelRegistry(tmp_path / "data/models").manifest(PROFILE)
    last = seeded_bars(0).index[-1]
    start, end = last - pd.Timedelta(hours=30), last - pd.Timedelta(hours=6)
    options = ("--start", f"{start:%Y-%m-%dT%H:%M}", "--end", f"{end:%Y-%m-%dT%H:%M}")
    found = _judged(command, tmp_path, *options)
    first, newest = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
    assert start < first
    assert newest <= end - pd.Timedelta(minutes=15)
    assert datetime.fromisoformat(found["learned_until"]) == manifest.served_window.last_known_at
    assert first >= manifest.served_window.last_known_at


def test_without_later_bars_it_says_up_to_when_the_model_has_learned(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "models", "judge", PROFILE, "--end", "2025-01-02"]) == 1
    assert "import or backfill later bars" in capsys.readouterr().err


def test_a_period_that_ends_before_it_starts_is_refused(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--start", "2025-01-03", "--end", "2025-01-02")
    assert run([*command, "models", "judge", PROFILE, *options]) == 1
    assert "swap them" in capsys.readouterr().err
