"""What a backfill shows: how far it is, how fast, why it waits, and how each symbol ended."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from signal_server.cli.screen import make_console
from signal_server.core.clock import monotonic_s
from signal_server.market.history import BackfillProgress, BackfillResult, Outcome
from signal_server.market.polygon import Waiting
from signal_server.market.store import BarStore

LONG_SILENT = timedelta(days=7)
SPEED_PERIOD_S = 120.0


class BackfillScreen:
    """One progress bar over the requests of all symbols; threads may report to it."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("requests, {task.fields[bars]:,} bars, {task.fields[speed]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._console = make_console(stderr=True)
        self._progress = Progress(
            *columns, console=self._console, speed_estimate_period=SPEED_PERIOD_S
        )
        self._task = self._progress.add_task("backfill", total=None, bars=0, speed=0.0)
        self._newest: dict[str, BackfillProgress] = {}
        self._began_s = monotonic_s()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def report(self, progress: BackfillProgress) -> None:
        """Take over how far a symbol is."""
        with self._lock:
            self._newest[progress.symbol] = progress
            all_of = self._newest.values()
            bars = sum(one.new_bars for one in all_of)
            self._progress.update(
                self._task,
                description=progress.symbol,
                completed=sum(one.done for one in all_of),
                total=sum(one.requests for one in all_of),
                bars=bars,
                speed=bars / max(monotonic_s() - self._began_s, 1e-3),
            )

    def wait(self, waiting: Waiting) -> None:
        """Say why nothing moves."""
        text = f"{waiting.reason} (trying again in {waiting.wait_s:.1f} s)"
        self._progress.console.print(text, style="yellow", markup=False)

    def sentence(self) -> str:
        """Return what all of it came to."""
        seconds = monotonic_s() - self._began_s
        bars = sum(one.new_bars for one in self._newest.values())
        requests = sum(one.done for one in self._newest.values())
        if not requests:
            is_all_there = self._newest and not any(one.requests for one in self._newest.values())
            return (
                "everything was there already; no request was made"
                if is_all_there
                else "nothing was fetched"
            )
        pace = f"{bars / max(seconds, 1e-3):,.0f} bars a second"
        return f"{bars:,} new bars by {requests:,} requests in {_duration(seconds)}, {pace}"


def show_results(
    console: Console, store: BarStore, results: Sequence[BackfillResult], end: datetime
) -> None:
    """Print a row for each symbol: what came, what is held, and what to know of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("symbol", "new bars", "refused", "first bar held", "last bar held", ""):
        table.add_column(name, justify="right" if name in {"new bars", "refused"} else "left")
    for result in results:
        first, last = store.first_close(result.symbol), store.last_close(result.symbol)
        table.add_row(
            result.symbol,
            f"{result.new_bars:,}",
            f"{result.refused_bars:,}" if result.refused_bars else "",
            _moment(first),
            _moment(last),
            _note(result, last, end),
        )
    console.print(table)


def _note(result: BackfillResult, last: datetime | None, end: datetime) -> str:
    if result.outcome is Outcome.NO_BARS:
        return "[yellow]no bars in that period[/]"
    if result.outcome is Outcome.STOPPED:
        return f"[red]{escape(result.reason)}[/]"
    if result.outcome is not Outcome.COMPLETE:
        return f"[red]{result.outcome.value}[/]: {escape(result.reason)}"
    if last is not None and end - last > LONG_SILENT:
        return "[yellow]silent since; delisted or renamed?[/]"
    return ""


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else str(timedelta(seconds=round(seconds)))
