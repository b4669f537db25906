"""`signal-server positions`, run as its users run it."""

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
    """A trade log with a complete trade of BTC and an open one of ETH, of another bot."""
    opened = event(event_id="e3", order_id="o3", position_id="p2", symbol="ETH-USD", bot_id="ben")
    entry = event(confidence=0.61, slippage_bps=Decimal("1.5"))
    with Journal.open(load_settings(config).trade_log) as journal:
        record_trade_events(journal, [entry, closing(), opened], NOON)
    return config


def shown(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["--config", str(config), "positions", *arguments]) == 0
    return capsys.readouterr().out


def test_open_positions_are_a_table(traded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(traded, capsys)
    (row,) = (line for line in out.splitlines() if "ETH-USD" in line)
    for part in ("2026-03-01 12:00:01", "ben", "paper", "100.1", "0.2600", "open"):
        assert part in row
    assert "BTC-USD" not in out
    assert "paper: 1 open. Held: 100.10 at cost, 0.2600 of fees paid." in out


def test_positions_that_ended_are_shown_when_asked_for(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(traded, capsys, "--all")
    (row,) = (line for line in out.splitlines() if "BTC-USD" in line)
    assert "TAKE_PROFIT" in row
    assert "+2.3800" in row
    assert "1 complete, 1 open" in out


def test_positions_are_json_with_exact_money(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {each["symbol"]: each for each in json.loads(shown(traded, capsys, "--all", "--json"))}
    assert found["BTC-USD"]["closed"]
    assert found["BTC-USD"]["pnl"] == str(closing().pnl_quote)
    assert found["ETH-USD"]["pnl"] is None


def test_positions_can_be_chosen(traded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for chosen, symbols in (
        (["--bot", "bot"], ["BTC-USD"]),
        (["--symbol", "ETH-USD"], ["ETH-USD"]),
        (["--limit", "1"], ["ETH-USD"]),
        (["--bot", "nobody"], []),
    ):
        found = json.loads(shown(traded, capsys, "--all", "--json", *chosen))
        assert [position["symbol"] for position in found] == symbols


def test_nothing_to_show_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal.open(load_settings(config).trade_log).close()
    assert "No position is open." in shown(config, capsys)
    assert "No positions yet." in shown(config, capsys, "--all")
