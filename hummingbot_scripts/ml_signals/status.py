"""The text of `format_status`: what is held, what was heard, and why nothing is done. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .client import ReceivedSignal
from .trades import Position


@dataclass(frozen=True, slots=True)
class Holding:
    """One position as the status page shows it."""

    position: Position
    entry_price: Decimal | None
    net_pnl_share: Decimal | None
    closing: bool
    watched: bool


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Everything that the page shows. Times are tz-aware UTC."""

    now: datetime
    mode: str
    feed: str
    outbox_waiting: int
    outbox_refused: int
    outbox_problem: str
    holdings: Sequence[Holding]
    signals: Mapping[str, ReceivedSignal | None]
    reasons: Mapping[str, str]
    reason_counts: Mapping[str, int]
    closed: Sequence[tuple[Position, Decimal | None]]


def render(page: StatusPage) -> str:
    """Return the page as text."""
    lines = [
        f"  ML signals ({page.mode})",
        f"  Signal server: {page.feed}",
        f"  Trade events waiting for the server: {page.outbox_waiting}{_outbox_notes(page)}",
        "",
        "  Positions:",
        *(_holding(item, page.now) for item in page.holdings),
        *([] if page.holdings else ["    none"]),
        "",
        "  Last signals:",
        *(_signal(symbol, signal, page.now) for symbol, signal in page.signals.items()),
        "",
        "  What is done and why:",
        *(f"    {symbol}: {reason}" for symbol, reason in page.reasons.items()),
        "",
        "  Decisions so far:",
        *(f"    {count:>6}  {reason}" for reason, count in _commonest(page.reason_counts)),
        "",
        "  Last closed positions:",
        *(_closed(position, pnl) for position, pnl in page.closed),
        *([] if page.closed else ["    none"]),
    ]
    return "\n".join(lines)


def _outbox_notes(page: StatusPage) -> str:
    notes = [page.outbox_problem] if page.outbox_waiting and page.outbox_problem else []
    if page.outbox_refused:
        notes.append(f"{page.outbox_refused} refused by the server, kept in the bot's journal")
    return f" ({'; '.join(notes)})" if notes else ""


def _holding(item: Holding, now: datetime) -> str:
    position = item.position
    age_s = (now - position.opened_at).total_seconds()
    price = "entry pending" if item.entry_price is None else f"entry {float(item.entry_price):.8g}"
    pnl = "" if item.net_pnl_share is None else f", net {item.net_pnl_share * 100:+.2f}%"
    note = ", closing" if item.closing else ""
    if not item.watched:
        note = ", LEFT BY AN EARLIER RUN: no exit is guarding it, close it on the exchange"
    return f"    {position.symbol}: {position.amount:f} {price}{pnl}, {age_s:.0f} s old{note}"


def _signal(symbol: str, signal: ReceivedSignal | None, now: datetime) -> str:
    if signal is None:
        return f"    {symbol}: none yet"
    view = signal.view
    age_s = (now - signal.received_at).total_seconds()
    state = "fresh" if now < view.valid_until else "expired"
    flags = f", flags: {', '.join(view.flags)}" if view.flags else ""
    return (
        f"    {symbol}: {view.direction} {view.confidence:.3f} (#{view.id}), "
        f"{age_s:.0f} s old, {state}{flags}"
    )


def _closed(position: Position, pnl: Decimal | None) -> str:
    profit = "profit unknown" if pnl is None else f"{pnl:+.4f}"
    return f"    {position.symbol}: {position.exit_reason or 'never filled'}, {profit}"


def _commonest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])
