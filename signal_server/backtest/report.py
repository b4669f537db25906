"""A backtest's files and its table."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from signal_server.backtest.metrics import SHARPE_CAVEAT, Metrics, drawdown
from signal_server.backtest.position import Trade
from signal_server.backtest.replay import BacktestResult

TRADE_LOG, EQUITY_CURVE = "trade_log.csv", "equity_curve.csv"
SUMMARY, PICTURE = "summary.json", "equity_drawdown.png"
MAX_CURVE_ROWS = 50_000


def write_report(result: BacktestResult, reports_dir: Path) -> Path:
    """Write the four files into `backtest-<profile>-<version>`, and return that folder.

    The folder appears whole and replaces an earlier one. A long equity curve is thinned evenly
    to at most 50,000 rows; the figures are computed from all of it.
    """
    manifest = result.manifest
    reports_dir.mkdir(parents=True, exist_ok=True)
    folder = reports_dir / f"backtest-{manifest.id}-{manifest.version}"
    writing = Path(tempfile.mkdtemp(dir=reports_dir, prefix=".writing-"))
    try:
        _write_files(result, writing)
        writing.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        writing.rename(folder)
    except BaseException:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    return folder


def _write_files(result: BacktestResult, folder: Path) -> None:
    curve = equity_curve(result)
    (folder / TRADE_LOG).write_text(trade_log(result.simulation.trades), encoding="utf-8")
    curve.to_csv(folder / EQUITY_CURVE, float_format="%.6f")
    text = json.dumps(summarise(result), indent=2, default=_to_json)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
    _draw(curve, result).savefig(folder / PICTURE, dpi=120, metadata={"Software": None})


def trade_log(trades: tuple[Trade, ...]) -> str:
    """Return the trades as CSV, one row each, in the order of their exits; times ISO 8601 UTC."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [one.name for one in fields(Trade)]
    writer.writerow(names)
    for trade in trades:
        writer.writerow(_cell(getattr(trade, name)) for name in names)
    return text.getvalue()


def equity_curve(result: BacktestResult) -> pd.DataFrame:
    """Return `equity`, `cash`, `positions` and `drawdown` by close time, thinned."""
    curve = result.simulation.equity.assign(
        drawdown=drawdown(result.simulation.equity["equity"], result.config.initial_capital)
    )
    step = -(-len(curve) // MAX_CURVE_ROWS) or 1
    return curve.iloc[(len(curve) - 1) % step :: step] if len(curve) else curve


def summarise(result: BacktestResult) -> dict[str, object]:
    """Return everything about the backtest that fits into JSON."""
    manifest, simulation = result.manifest, result.simulation
    return {
        "model": manifest.id,
        "version": manifest.version,
        "symbols": list(manifest.symbols),
        "bar_seconds": manifest.bar_seconds,
        "start": manifest.windows.test.start,
        "end": manifest.windows.test.last_known_at,
        "rules": result.config.model_dump(),
        "signals": simulation.signals,
        "signals_without_a_trade": dict(simulation.undecided),
        "halts": dict(simulation.halts),
        "metrics": asdict(result.metrics),
        "caveats": {"sharpe": SHARPE_CAVEAT, "not_modelled": NOT_MODELLED},
    }


NOT_MODELLED = (
    "delay of bars and orders, the order book's depth and spread (the bot's barriers watch the "
    "best bid, these the traded prices), minimum order sizes, the guards before an order, and the "
    "halts on live accuracy and drift; of a bar that touches stop and take-profit the stop is "
    "assumed"
)


def summary_table(result: BacktestResult) -> Table:
    """Return the figures as a table for the terminal."""
    window = result.manifest.windows.test
    period = f"{window.start:%Y-%m-%d %H:%M} to {window.last_known_at:%Y-%m-%d %H:%M} UTC"
    table = Table(title=f"Backtest of {result.manifest.id}", caption=period)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, text in _rows(result.metrics, result.simulation.signals):
        table.add_row(name, text)
    for reason, number in sorted(result.simulation.undecided.items(), key=lambda one: -one[1]):
        table.add_row(f"no trade: {reason}", f"{number:,}")
    for kind, number in sorted(result.simulation.halts.items()):
        table.add_row(f"halts: {kind}", f"{number:,}")
    return table


def _rows(metrics: Metrics, signals: int) -> Iterator[tuple[str, str]]:
    yield "signals, trades", f"{signals:,}, {metrics.trades:,}"
    yield "win rate", _share(metrics.win_rate)
    yield "net PnL", f"{metrics.net_pnl:+,.2f}"
    yield "gross PnL (market prices)", f"{metrics.gross_pnl:+,.2f}"
    yield "fees, slippage", f"{metrics.fees:,.2f}, {metrics.slippage:,.2f}"
    yield "return", _share(metrics.total_return)
    yield "buy and hold", _share(metrics.buy_and_hold_return)
    yield "max drawdown", f"{metrics.max_drawdown:.2%} ({metrics.max_drawdown_quote:,.2f})"
    yield "profit factor", _number(metrics.profit_factor)
    yield "Sharpe (one path: see caveat)", _number(metrics.sharpe)
    yield "time in the market", f"{metrics.exposure:.1%}"
    yield "average hold", _duration(metrics.average_hold_s)
    for reason, number in sorted(metrics.exits.items()):
        yield f"exits: {reason}", f"{number:,}"


def _draw(curve: pd.DataFrame, result: BacktestResult) -> Figure:
    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(curve.index, curve["equity"], linewidth=0.9)
    above.axhline(result.config.initial_capital, color="grey", linewidth=0.6)
    above.set_ylabel("equity (quote)")
    above.set_title(f"{result.manifest.id} {result.manifest.version}: after fees and slippage")
    below.fill_between(curve.index, 100 * curve["drawdown"], 0, alpha=0.5, color="tab:red")
    below.set_ylabel("drawdown (%)")
    return figure


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _to_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
