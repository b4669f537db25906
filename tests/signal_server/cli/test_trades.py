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
    """A trade log with a complete trade and an open one."""
    opened = event(event_id="e3", order_id="o3", position_id="p2", symbol="ETH-USD")
    entry = event(confidence=0.61, slippage_bps=Decimal("1.5"))
    with Journal.open(load_settings(config).trade_log) as journal:
        record_trade_events(journal, [entry, closing(), opened], NOON)
    return config


def test_trades_are_a_table_with_a_summary(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(traded), "trades"]) == 0
    out = capsys.readouterr().out
    (complete,) = (line for line in out.splitlines() if "BTC-USD" in line)
    for part in ("2026-03-01 12:00:01", "100.1", "103", "19 s", "TAKE_PROFIT", "0.610", "+2.3800"):
        assert part in complete
    (still_open,) = (line for line in out.splitlines() if "ETH-USD" in line)
    assert "open" in still_open
    assert "1 complete, 1 open; 1 won; PnL +2.3800 after 0.5200 of fees." in out


def test_trades_are_json_for_programs(traded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(traded), "trades", "--json"]) == 0
    trades = json.loads(capsys.readouterr().out)
    assert [(trade["symbol"], trade["complete"]) for trade in trades] == [
        ("BTC-USD", True),
        ("ETH-USD", False),
    ]
    assert trades[0]["entered_at"] == "2026-03-01T12:00:01+00:00"


def test_the_newest_trades_can_be_asked_for(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(traded), "trades", "--json", "--limit", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_an_empty_log_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal.open(load_settings(config).trade_log).close()
    assert run(["--config", str(config), "trades"]) == 0
    assert "No trades yet." in capsys.readouterr().out


def test_a_damaged_log_is_a_sentence(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = load_settings(config).trade_log
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database" * 1000)
    assert run(["--config", str(config), "trades"]) == 1
    assert "cannot be used (file is not a database); move it away" in capsys.readouterr().err
