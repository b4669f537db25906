"""The demo's last page: what the trade log says, and what to type next."""

import json
import sqlite3
import statistics
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

_COMPLETE = """
SELECT e.symbol, e.created_at AS entered, e.filled_at AS entry_filled, e.price AS entry_price,
       e.amount AS amount, e.confidence AS confidence, x.filled_at AS exit_filled,
       x.price AS exit_price, x.exit_reason AS reason, e.fees + x.fees AS fees, x.pnl AS pnl
FROM hummingbot_trades e
JOIN hummingbot_trades x ON x.position_id = e.position_id AND x.bot_id = e.bot_id AND x.is_exit
WHERE NOT e.is_exit AND e.status = 'FILLED' AND x.status = 'FILLED'
ORDER BY e.filled_at
"""


@dataclass(frozen=True, slots=True)
class TradeLog:
    """The run's SQLite trade log, read only."""

    path: Path

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows as dictionaries; none while the log does not exist yet."""
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    def count(self, table_and_condition: str) -> int:
        """Return the number of rows of `TABLE WHERE …`."""
        rows = self.query(f"SELECT count(*) AS n FROM {table_and_condition}")  # noqa: S608
        return int(rows[0]["n"]) if rows else 0

    def complete_trades(self) -> int:
        """Return how many positions have both their entry and their exit filled."""
        return len(self.query(_COMPLETE))

    def headline(self) -> str:
        """Return one line about what has happened so far."""
        entries = self.count("hummingbot_trades WHERE NOT is_exit AND status = 'FILLED'")
        return (
            f"signals {self.count('ml_predictions')} · entries {entries} · "
            f"complete trades {self.complete_trades()}"
        )


def print_report(console: Console, log: TradeLog, run: "RunFiles") -> int:
    """Print trades, signals, latency and memory; return the number of complete trades."""
    trades = log.query(_COMPLETE)
    fees, net = (sum(row[name] for row in trades) for name in ("fees", "pnl"))
    console.print(_trade_table(trades))
    console.print(
        f"{len(trades)} complete trades, fees {fees:.4f} USD, PnL after fees {net:+.4f} USD\n"
    )
    console.print(_signal_table(log))
    console.print(_latency(run.client_log), end="\n\n")
    console.print(_memory_table(run.memory_bytes))
    console.print(_where_and_what_next(run.folder), soft_wrap=True)
    return len(trades)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What a run left behind: its folder, its client's log, and peak memory by process."""

    folder: Path
    client_log: Path
    memory_bytes: Mapping[str, int]


def _trade_table(trades: list[dict[str, Any]]) -> Table:
    table = Table(
        title="Complete trades, from the trade log (UTC, USD)",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in ("coin", "entered", "at", "left", "at", "why", "conf.", "fees", "PnL"):
        justify: JustifyMethod = "left" if name in {"coin", "why"} else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in trades:
        table.add_row(*_trade_cells(row), style="green" if row["pnl"] > 0 else "red")
    return table


def _trade_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["symbol"],
        row["entry_filled"][11:19],
        f"{row['entry_price']:,.2f}",
        row["exit_filled"][11:19],
        f"{row['exit_price']:,.2f}",
        row["reason"],
        f"{row['confidence']:.3f}",
        f"{row['fees']:.3f}",
        f"{row['pnl']:+.3f}",
    )


def _signal_table(log: TradeLog) -> Table:
    table = Table(title="Signals sent, and how right they were", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("coin", "said", "signals", "outcome known", "right", "mean confidence"):
        table.add_column(name, justify="left" if name in {"coin", "said"} else "right")
    rows = log.query(
        "SELECT symbol, prediction, count(*) AS n, count(correct) AS known,"
        " avg(correct) AS right_share, avg(confidence) AS confidence"
        " FROM ml_predictions GROUP BY symbol, prediction ORDER BY symbol, prediction"
    )
    for row in rows:
        share = "" if row["right_share"] is None else f"{row['right_share']:.1%}"
        numbers = (str(row["n"]), str(row["known"]), share, f"{row['confidence']:.3f}")
        table.add_row(row["symbol"], row["prediction"], *numbers)
    return table


def _latency(client_log: Path) -> str:
    """Describe what a client that followed the signals measured; the newest line may be cut."""
    values = [ms for ms in map(_latency_ms, client_log.read_text().splitlines()) if ms is not None]
    if not values:
        return "no client received a signal"
    return (
        f"From a bar's arrival at the server to its signal's arrival at a client: "
        f"median {statistics.median(values):.1f} ms, worst {max(values):.1f} ms, "
        f"{len(values)} signals"
    )


def _latency_ms(line: str) -> float | None:
    try:
        return json.loads(line)["latency_ms"]  # type: ignore[no-any-return]
    except (ValueError, KeyError, TypeError):
        return None


def _memory_table(memory_bytes: Mapping[str, int]) -> Table:
    table = Table(title="Peak memory of each process", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("process")
    table.add_column("MB", justify="right")
    for name, size in memory_bytes.items():
        table.add_row(name, f"{size / 1e6:.0f}")
    return table


def _where_and_what_next(folder: Path) -> str:
    here = _shown(folder)
    data, log = here / "data", here / "data" / "signals.sqlite"
    return (
        f"Trade log    {log}\n"
        f"Models       {data / 'models'}\n"
        f"Backtest     {data / 'reports'}\n"
        f"Logs         {here}/*.log, {here / 'hummingbot' / 'logs'}\n\n"
        "[bold]What to type next[/]\n"
        f"  SIGNAL_SERVER_DATA_DIR={data} make trades\n"
        f"  .venv/bin/sqlite-utils tables {log} --counts\n"
        "  make demo DATA=BTCUSDT.parquet     (Parquet files of real bars, comma-separated)\n"
        "  make help"
    )


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
