"""The report's files: whole, readable, and replaced at once."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from signal_server.backtest.replay import BacktestRequest, BacktestResult, backtest
from signal_server.backtest.report import MAX_CURVE_ROWS, equity_curve, summary_table, write_report
from signal_server.core.config import BacktestConfig

from .conftest import Trained


@pytest.fixture
def result(trained: Trained, config: BacktestConfig) -> BacktestResult:
    return backtest(BacktestRequest(trained.model, trained.bars, config, 90), lambda *_: None)


def test_the_four_files_are_written_under_the_models_name(
    result: BacktestResult, tmp_path: Path
) -> None:
    folder = write_report(result, tmp_path / "reports")
    assert folder.name == f"backtest-small-{result.manifest.version}"
    assert {path.name for path in folder.iterdir()} == {
        "trade_log.csv",
        "equity_curve.csv",
        "summary.json",
        "equity_drawdown.png",
    }
    assert (folder / "equity_drawdown.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "reports").iterdir()) == [folder]


def test_the_trade_log_adds_up_to_the_summary(result: BacktestResult, tmp_path: Path) -> None:
    folder = write_report(result, tmp_path)
    log = pd.read_csv(folder / "trade_log.csv", parse_dates=["entry_time", "exit_time"])
    metrics = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["metrics"]
    assert len(log) == metrics["trades"]
    assert log["net_pnl"].sum() == pytest.approx(metrics["net_pnl"])
    assert (log["exit_time"] > log["entry_time"]).all()


def test_the_equity_curve_ends_at_the_final_equity(result: BacktestResult, tmp_path: Path) -> None:
    curve = pd.read_csv(write_report(result, tmp_path) / "equity_curve.csv")
    assert curve["equity"].iloc[-1] == pytest.approx(result.metrics.final_equity, abs=1e-5)
    assert (curve["drawdown"] <= 0).all()


def test_a_second_report_replaces_the_first(result: BacktestResult, tmp_path: Path) -> None:
    folder = write_report(result, tmp_path)
    (folder / "trade_log.csv").write_text("old", encoding="utf-8")
    assert write_report(result, tmp_path) == folder
    assert not (folder / "trade_log.csv").read_text(encoding="utf-8").startswith("old")


def test_a_long_curve_is_thinned_and_keeps_its_end(result: BacktestResult) -> None:
    index = pd.date_range("2025-01-01", periods=2 * MAX_CURVE_ROWS + 1, freq="1min", tz="UTC")
    long = pd.DataFrame({"equity": 500.0, "cash": 500.0, "positions": 0}, index=index)
    simulation = type(result.simulation)((), long, 0, {}, {})
    curve = equity_curve(type(result)(result.manifest, result.config, simulation, result.metrics))
    assert len(curve) <= MAX_CURVE_ROWS
    assert curve.index[-1] == index[-1]


def test_the_table_shows_costs_and_buy_and_hold(result: BacktestResult) -> None:
    screen = io.StringIO()
    Console(file=screen, width=120).print(summary_table(result))
    for text in ("win rate", "fees, slippage", "buy and hold", "max drawdown", "exits: "):
        assert text in screen.getvalue()
