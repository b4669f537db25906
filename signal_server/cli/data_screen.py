"""How the condition of the stored bars is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import floor
from typing import Any

import pandas as pd
from rich.table import Table

from signal_server.cli.screen import priced
from signal_server.market.condition import Condition
from signal_server.market.survey import Gap

_UNITS = ("B", "kB", "MB", "GB")


def status_table(conditions: Sequence[Condition]) -> Table:
    """Return a table with one line a symbol."""
    table = Table(box=None, header_style="bold")
    table.add_column("symbol", no_wrap=True)
    for name in ("first (UTC)", "last (UTC)"):
        table.add_column(name)
    for name in ("bars", "share", "no trades", "missing", "gaps"):
        table.add_column(name, justify="right")
    for name in ("longest gap", "revised", "held back", "flagged", "size"):
        table.add_column(name, justify="left" if name == "longest gap" else "right")
    for one in conditions:
        table.add_row(*_status_row(one))
    return table


def _status_row(one: Condition) -> list[str]:
    size = sized(one.bytes)
    if one.problem:
        told = "[red]damaged[/]; run `signal-server data verify`"
        return [one.symbol, told, *[""] * 10, size]
    held = _counts(one.quarantined)
    if one.first is None or one.last is None:
        return [one.symbol, "no bars", *[""] * 8, held, "", size]
    return [
        one.symbol,
        f"{one.first:%Y-%m-%d %H:%M}",
        f"{one.last:%Y-%m-%d %H:%M}",
        f"{one.bars:,}",
        # Rounded down: 100% means that nothing is absent.
        f"{floor(one.share * 10_000) / 100:.2f}%",
        _count(one.quiet),
        f"[red]{one.missing:,}[/]" if one.missing else "",
        _count(one.gaps),
        _gap(one.longest),
        _count(one.revisions),
        held,
        _counts(one.flagged) + (f"[red] {one.doubtful:,} doubtful[/]" if one.doubtful else ""),
        size,
    ]


def quarantine_table(frames: Mapping[str, pd.DataFrame], limit: int) -> Table:
    """Return a table of the newest bars that are held back, the newest first."""
    table = Table(box=None, header_style="bold")
    for name in ("close (UTC)", "symbol", "reason", "source"):
        table.add_column(name, no_wrap=True)
    for name in ("open", "high", "low", "close", "volume"):
        table.add_column(name, justify="right")
    table.add_column("seen (UTC)")
    for row in _newest(frames, limit):
        values = [priced(row[name]) for name in ("open", "high", "low", "close", "volume")]
        stamp = f"{row['close_time']:%Y-%m-%d %H:%M:%S}"
        seen = f"{row['seen_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(stamp, row["symbol"], row["reason"], row["source"], *values, seen)
    return table


def quarantine_to_json(frames: Mapping[str, pd.DataFrame], limit: int) -> list[dict[str, Any]]:
    """Return the same as objects; what is no finite number is text."""
    return [{name: _plain(value) for name, value in row.items()} for row in _newest(frames, limit)]


def condition_to_json(one: Condition) -> dict[str, Any]:
    """Return all that is known of a symbol as an object."""
    found = asdict(one) | {"share": one.share}
    found["longest"] = one.longest and {
        key: _plain(value) for key, value in asdict(one.longest).items()
    }
    return found | {key: _plain(found[key]) for key in ("first", "last")}


def sized(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {_UNITS[unit]}"


def _newest(frames: Mapping[str, pd.DataFrame], limit: int) -> list[dict[str, Any]]:
    parts = [frame.assign(symbol=symbol) for symbol, frame in frames.items() if len(frame)]
    if not parts:
        return []
    rows = pd.concat(parts).rename_axis("close_time").reset_index()
    newest = rows.sort_values("close_time", ascending=False, kind="stable").head(limit)
    return [{str(name): value for name, value in row.items()} for row in newest.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    finite = not isinstance(value, float) or abs(value) < float("inf")
    return value if finite else str(value)


def _gap(gap: Gap | None) -> str:
    return "" if gap is None else f"{gap.missing:,} after {gap.after:%Y-%m-%d %H:%M}"


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
