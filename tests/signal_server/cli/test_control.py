"""`signal-server positions` and `control`, run as their users run them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from signal_server.cli.main import run
from signal_server.core.config import load_settings
from signal_server.journal.journal import Journal
from signal_server.journal.trades import record_trade_events
from tests.signal_server.journal.records import NOON, closing, event


@pytest.fixture
def traded(config: Path) -> Path:
    opened = event(event_id="e3", order_id="o3", position_id="p2", symbol="ETH-USD")
    entry = event(confidence=0.61, slippage_bps=Decimal("1.5"))
    with Journal.open(load_settings(config).trade_log) as journal:
        record_trade_events(journal, [entry, closing(), opened], NOON)
    return config


def test_open_positions_are_a_table(traded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(traded), "positions"]) == 0
    out = capsys.readouterr().out
    assert "ETH-USD" in out
    assert "BTC-USD" not in out


def test_all_positions_are_json_with_exact_money(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(traded), "positions", "--all", "--json"]) == 0
    found = {each["symbol"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["BTC-USD"]["closed"]
    assert Decimal(found["BTC-USD"]["pnl"]) == closing().pnl_quote
    assert found["ETH-USD"]["pnl"] is None


def test_control_without_a_server_says_what_to_do(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SERVING__PORT", "1")
    assert run(["--config", str(config), "control", "pause", "--why", "test"]) != 0
    assert "signal-server serve" in capsys.readouterr().err


def test_control_needs_a_why(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(config), "control", "pause"]) != 0
    assert "--why" in capsys.readouterr().err
