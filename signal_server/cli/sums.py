"""What positions and orders come to, in words and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from signal_server.cli.screen import signed
from signal_server.journal.exact import total, written
from signal_server.journal.orders import BotPosition


def summary(positions: Sequence[BotPosition]) -> str:
    """Return a line for paper and one for real money, as far as there are such positions."""
    modes = sorted({position.mode for position in positions}, reverse=True)
    return "\n".join(_line(mode, [p for p in positions if p.mode == mode]) for mode in modes)


def jsonable(record: Any) -> dict[str, Any]:
    """Return a dataclass as JSON takes it: money as exact text, instants as ISO 8601."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def _line(mode: str, positions: Sequence[BotPosition]) -> str:
    closed = [position for position in positions if position.closed]
    held = [position for position in positions if not position.closed]
    ended = f"{len(closed)} complete, " if closed else ""
    return f"{mode}: {ended}{len(held)} open{_won(closed)}.{_held(held)}"


def _won(positions: Sequence[BotPosition]) -> str:
    if not positions:
        return ""
    wins = sum((position.pnl or 0) > 0 for position in positions)
    pnl = total(position.pnl or Decimal(0) for position in positions)
    fees = total(position.fees for position in positions)
    return f"; {wins} won; PnL {signed(pnl, 4)} after {fees:.4f} of fees"


def _held(positions: Sequence[BotPosition]) -> str:
    if not positions:
        return ""
    cost = sum(float(p.open_amount) * float(p.entry_price or 0) for p in positions)
    fees = total(position.fees for position in positions)
    return f" Held: {cost:,.2f} at cost, {fees:.4f} of fees paid."


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return written(value) if isinstance(value, Decimal) else value
