"""Logs of earlier versions, as these wrote them."""

import json
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from sqlite_utils import Database

from signal_server.core.errors import JournalError
from signal_server.journal.control import newest_controls
from signal_server.journal.journal import Journal
from signal_server.journal.orders import Wanted, newest_orders, newest_positions
from signal_server.journal.performance import complete_days, read_days
from signal_server.journal.schema import MIGRATIONS
from signal_server.journal.trades import record_trade_events
from tests.signal_server.journal.records import NOON, closing

PNL = "-1.234567890123456789"
EVENT = {
    "event_id": "e1",
    "sequence": 1,
    "bot_id": "bot",
    "position_id": "p1",
    "order_id": "o1",
    "is_exit": False,
    "symbol": "BTC-USD",
    "side": "BUY",
    "order_type": "MARKET",
    "status": "FILLED",
    "created_at": "2026-03-01 12:00:00+00:00",
    "mode": "paper",
    "connector": "kraken_paper_trade",
    "price": "60000.1234567890123456789",
    "amount": "0.00166666",
    "filled_at": "2026-03-01 12:00:01+00:00",
    "signal_id": 7,
    "confidence": 0.61,
    "fee_quote": "1E-20",
    "slippage_bps": None,
    "pnl_quote": None,
    "exit_reason": None,
}
EXIT = EVENT | {
    "event_id": "e2",
    "sequence": 2,
    "order_id": "o2",
    "is_exit": True,
    "side": "SELL",
    "fee_quote": "0.26",
    "pnl_quote": PNL,
    "exit_reason": "STOP_LOSS",
}
VERSIONS = ["add_control_and_exact_money", "number_events_by_bot"]


def write_old_log(path: Path, before: str) -> None:
    """Create the log as it was before a migration, with one complete trade."""
    connection = sqlite3.connect(path, isolation_level=None)
    database = Database(connection, execute_plugins=False)
    MIGRATIONS.apply(database, stop_before=before)
    for event in (EVENT, EXIT):
        _insert(connection, event)
    connection.execute(
        "INSERT INTO daily_performance VALUES"
        " ('2026-03-01', 1, 0, -1.2345678901234567, 0.26, 0, 0, 0.0, 0, 0, NULL)"
    )
    connection.close()


def _insert(connection: sqlite3.Connection, event: dict[str, object]) -> None:
    identity = (event["event_id"], event["bot_id"], event["sequence"], event["order_id"])
    connection.execute(
        "INSERT INTO trade_events VALUES (?, ?, ?, ?, ?, ?)",
        (*identity, "2026-03-01T12:00:02.000000+00:00", json.dumps(event)),
    )
    row = {
        "order_id": event["order_id"],
        "symbol": event["symbol"],
        "side": event["side"],
        "order_type": event["order_type"],
        "price": float(str(event["price"])),
        "amount": float(str(event["amount"])),
        "status": event["status"],
        "created_at": "2026-03-01T12:00:00.000000+00:00",
        "filled_at": "2026-03-01T12:00:01.000000+00:00",
        "fees": float(str(event["fee_quote"])),
        "pnl": None if event["pnl_quote"] is None else float(str(event["pnl_quote"])),
        "exit_reason": event["exit_reason"],
        "is_exit": int(bool(event["is_exit"])),
        "position_id": event["position_id"],
        "bot_id": event["bot_id"],
        "mode": event["mode"],
        "connector": event["connector"],
        "sequence": event["sequence"],
    }
    connection.execute(
        f"INSERT INTO hummingbot_trades ({', '.join(row)})"  # noqa: S608 (names of this test)
        f" VALUES ({', '.join(':' + name for name in row)})",
        row,
    )


@pytest.fixture(params=VERSIONS)
def old_log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "signals.sqlite"
    write_old_log(path, request.param)
    return path


def test_an_old_log_is_upgraded_and_its_money_is_exact_again(old_log: Path) -> None:
    with Journal.open(old_log) as journal:
        (position,) = newest_positions(journal, Wanted())
        exit_order, entry = newest_orders(journal, Wanted())
    assert position.closed
    assert position.entry_price == Decimal("60000.1234567890123456789")
    assert position.pnl == Decimal(PNL)
    assert position.fees == Decimal("0.26000000000000000001")
    assert (entry.event_id, exit_order.pnl_quote) == ("e1", Decimal(PNL))
    assert entry.signal_slippage_bps is None


def test_an_upgraded_log_knows_its_events_again(old_log: Path) -> None:
    with Journal.open(old_log) as journal:
        again = closing(event_id="e2", sequence=99)
        record_trade_events(journal, [again], NOON)
        assert journal.query("SELECT count(*) AS n FROM trade_events") == [{"n": 2}]
        assert journal.query("SELECT max(sequence) AS n FROM hummingbot_trades") == [{"n": 2}]


def test_the_days_of_an_old_log_get_their_exact_sums(old_log: Path) -> None:
    with Journal.open(old_log) as journal:
        (before,) = read_days(journal)
        assert (before["trades"], before["exact_pnl"]) == (1, None)
        assert [complete_days(journal), complete_days(journal)] == [1, 0]
        (day,) = read_days(journal)
    assert (day["trades"], day["exact_pnl"]) == (1, PNL)
    assert day["exact_fees"] == "0.26000000000000000001"
    assert day["pnl"] == pytest.approx(float(PNL))


def test_an_upgrade_that_is_cut_off_begins_anew(old_log: Path) -> None:
    with sqlite3.connect(old_log) as connection:
        connection.execute("CREATE TABLE events_by_bot (x)")

    with pytest.raises(JournalError, match="events_by_bot already exists"):
        Journal.open(old_log)
    with sqlite3.connect(old_log) as connection:
        connection.execute("DROP TABLE events_by_bot")
        assert connection.execute("SELECT count(*) FROM trade_events").fetchone() == (2,)
    with Journal.open(old_log) as journal:
        assert len(newest_orders(journal, Wanted())) == 2
        assert newest_controls(journal) == []
