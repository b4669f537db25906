import json
from decimal import Decimal
from pathlib import Path

import pytest

from signal_server.cli.main import run
from signal_server.core.config import load_settings
from signal_server.journal.journal import Journal
from signal_server.journal.trades import record_trade_events
from tests.signal_server.journal.records import NOON, closing, event
from tests.signal_server.journal.test_upgrade import write_old_log


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
    assert "paper: 1 complete, 1 open; 1 won; PnL +2.3800 after 0.5200 of fees." in out
    assert "Held: 100.10 at cost, 0.2600 of fees paid." in out


def test_trades_are_json_for_programs(traded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(traded), "trades", "--json"]) == 0
    trades = json.loads(capsys.readouterr().out)
    assert [(trade["symbol"], trade["closed"]) for trade in trades] == [
        ("BTC-USD", True),
        ("ETH-USD", False),
    ]
    assert trades[0]["entered_at"] == "2026-03-01T12:00:01+00:00"


def test_the_newest_trades_can_be_asked_for(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(traded), "trades", "--json", "--limit", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_trades_can_be_chosen_by_bot_and_symbol(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for chosen, count in (
        (["--bot", "bot"], 2),
        (["--bot", "other"], 0),
        (["--symbol", "ETH-USD"], 1),
        (["--orders", "--symbol", "BTC-USD"], 2),
    ):
        assert run(["--config", str(traded), "trades", "--json", *chosen]) == 0
        assert len(json.loads(capsys.readouterr().out)) == count


def test_each_order_can_be_shown_by_itself(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--config", str(traded), "trades", "--orders"]) == 0
    out = capsys.readouterr().out
    (sold,) = (line for line in out.splitlines() if "SELL" in line)
    for part in ("BTC-USD", "MARKET", "FILLED", "103", "0.2600", "+2.3800", "TAKE_PROFIT", "o2"):
        assert part in sold


def test_real_money_and_paper_are_summed_apart(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = {"mode": "live", "connector": "kraken", "bot_id": "real"}
    loss = closing(pnl_quote=Decimal("-0.1"), **live)
    with Journal.open(load_settings(traded).trade_log) as journal:
        record_trade_events(journal, [event(**live), loss], NOON)
    assert run(["--config", str(traded), "trades"]) == 0
    out = capsys.readouterr().out
    assert "paper: 1 complete, 1 open; 1 won; PnL +2.3800" in out
    assert "live: 1 complete, 0 open; 0 won; PnL -0.1000" in out


def test_reading_changes_nothing_and_needs_no_right_to_write(
    traded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = load_settings(traded).trade_log
    before = path.read_bytes()
    path.chmod(0o444)
    assert run(["--config", str(traded), "trades"]) == 0
    assert path.read_bytes() == before
    assert "TAKE_PROFIT" in capsys.readouterr().out


def test_a_log_of_an_older_version_is_upgraded_to_be_read(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = load_settings(config).trade_log
    path.parent.mkdir(parents=True)
    write_old_log(path, "add_control_and_exact_money")
    assert run(["--config", str(config), "trades", "--json"]) == 0
    (trade,) = json.loads(capsys.readouterr().out)
    assert trade["pnl"] == "-1.234567890123456789"


def test_a_bots_name_is_shown_as_it_is_written(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal.open(load_settings(config).trade_log) as journal:
        record_trade_events(journal, [event(bot_id="[red]ada[/]", order_id="[bold]1")], NOON)
    for command in (["trades"], ["trades", "--orders"], ["positions"]):
        assert run(["--config", str(config), *command]) == 0
        assert "[red]ada[/]" in capsys.readouterr().out


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
