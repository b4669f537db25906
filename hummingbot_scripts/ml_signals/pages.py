"""Gathers what the status page shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .status_page import Holding, Limits, StatusPage

if TYPE_CHECKING:
    from .trader import Trader

RECENT_POSITIONS = 5


def page_of(trader: "Trader") -> StatusPage:
    """Return the page as things are now."""
    parts, config = trader.parts, trader.config
    line, now = parts.links.feed.line, parts.clock()
    return StatusPage(
        now=now,
        mode=config.mode,
        bot_id=config.bot_id,
        problems=list(_problems(trader)),
        feed=f"{line.state}{f' ({line.problem})' if line.problem else ''}",
        clock_skew_s=parts.links.clock_skew_s,
        control=parts.orders.mode.upper(),
        control_why=parts.orders.why,
        halts=parts.halts.active,
        limits=_limits(trader),
        outbox_waiting=parts.journal.count_waiting(),
        outbox_refused=parts.journal.count_refused(),
        outbox_problem=parts.links.reporter.problem,
        holdings=[_holding(trader, symbol) for symbol in sorted(parts.book.held_symbols)],
        signals={symbol: parts.links.signal(symbol) for symbol in config.symbols},
        reasons=trader.outcomes.last_reasons,
        reason_counts=parts.journal.reason_counts(now.date()),
        closed=[
            (position, parts.book.pnl(position.position_id))
            for position in parts.journal.recent_positions(RECENT_POSITIONS)
        ],
        min_confidence=config.min_confidence,
    )


def _problems(trader: "Trader") -> Iterator[str]:
    if not trader.recovery.settled:
        yield f"Not settled yet: {trader.recovery.problem or 'the exchange is being asked'}"
    if trader.parts.journal.problem:
        yield trader.parts.journal.problem
    for symbol, executor in trader.parts.desk:
        if executor.trouble:
            yield f"{symbol}: {executor.trouble}"
    for symbol, why in trader.parts.exchange.distrusted.items():
        yield f"The book of {symbol} is not believed: {why}"


def _limits(trader: "Trader") -> Limits:
    config, halts = trader.config, trader.parts.halts
    return Limits(
        day_pnl=halts.facts.day_pnl,
        day_loss_limit=halts.day_loss_limit,
        exposure=trader.parts.book.exposure(),
        exposure_limit=config.max_exposure_quote,
        max_positions=config.max_positions,
        losses_in_row=halts.facts.losses_in_row,
        max_losses_in_row=config.max_losses_in_row,
        day_zone=config.day_timezone,
    )


def _holding(trader: "Trader", symbol: str) -> Holding:
    parts = trader.parts
    position = parts.book.held(symbol)
    executor = parts.desk.executor(symbol)
    entry = parts.book.entry(position.position_id)
    trigger = None if executor is None else executor.protective_trigger
    return Holding(
        position=position,
        entry_price=entry.average_price,
        net_pnl_share=trader.net_share(symbol),
        closing=executor is not None and parts.desk.is_closing(symbol),
        watched=executor is not None,
        price_now=parts.exchange.mid(symbol),
        amount=parts.book.open_amount(position.position_id),
        trailing_trigger=None if executor is None else executor.trailing_trigger,
        protective=trigger,
        trouble=None if executor is None else executor.trouble,
    )
