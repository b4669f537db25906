"""One long position: how it is opened, which barrier closes it, and the trade it becomes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hummingbot_scripts.ml_signals.rules import ExitReason
from signal_server.backtest.costs import Costs
from signal_server.core.config import BacktestConfig


@dataclass(frozen=True, slots=True)
class TradedBar:
    """A bar as the simulator sees it: it opens, moves between `low` and `high`, and closes."""

    symbol: str
    open_time: datetime
    close_time: datetime
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What led to a position: the signal's id, its calibrated confidence, its bar's close."""

    signal_id: int
    confidence: float
    signal_time: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """An open long. Prices and fees are in quote currency, `amount` in base units.

    `market_price` is the price before slippage; `stop_price` and `take_profit_price` are the
    market prices at which the executor's net profit, the entry's fee deducted, crosses its
    barrier.
    """

    symbol: str
    entry: Entry
    entry_time: datetime
    market_price: float
    entry_price: float
    amount: float
    entry_fee: float
    stop_price: float
    take_profit_price: float
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """Why, when and at which market price (before slippage) a position is closed."""

    reason: ExitReason
    time: datetime
    market_price: float


@dataclass(frozen=True, slots=True)
class Trade:
    """A complete trade. Money is in quote currency.

    `gross_pnl` is what the market's prices alone would have earned:
    `net_pnl == gross_pnl - fees - slippage`. `pnl_share` is `net_pnl` over the entry's value.
    """

    symbol: str
    signal_id: int
    confidence: float
    signal_time: datetime
    entry_time: datetime
    entry_price: float
    exit_time: datetime
    exit_price: float
    exit_reason: ExitReason
    amount: float
    gross_pnl: float
    fees: float
    slippage: float
    net_pnl: float
    pnl_share: float


def open_position(bar: TradedBar, entry: Entry, config: BacktestConfig, costs: Costs) -> Position:
    """Buy `config.quote_size` at the bar's open.

    The barriers follow Hummingbot's PositionExecutor: profit is counted from the price paid,
    less the fees paid so far.
    """
    price = costs.buy_price(bar.open)
    return Position(
        symbol=bar.symbol,
        entry=entry,
        entry_time=bar.open_time,
        market_price=bar.open,
        entry_price=price,
        amount=config.quote_size / price,
        entry_fee=costs.fee(config.quote_size),
        stop_price=price * (1 - config.stop_loss + costs.fee_share),
        take_profit_price=price * (1 + config.take_profit + costs.fee_share),
        deadline=bar.open_time + timedelta(seconds=config.time_limit_s),
    )


def find_exit(position: Position, bar: TradedBar) -> Exit | None:
    """Return how the bar closes the position, if it does.

    At the open, then inside the bar, the order is stop, take-profit, time: of a bar that touches
    both barriers the worse is assumed. A barrier that the open has jumped over fills at the open.
    What happens inside a bar is known by its close, which is the exit's time.
    """
    return _exit_at_open(position, bar) or _exit_inside(position, bar)


def _exit_at_open(position: Position, bar: TradedBar) -> Exit | None:
    if bar.open <= position.stop_price:
        return Exit(ExitReason.STOP_LOSS, bar.open_time, bar.open)
    if bar.open >= position.take_profit_price:
        return Exit(ExitReason.TAKE_PROFIT, bar.open_time, bar.open)
    if bar.open_time >= position.deadline:
        return Exit(ExitReason.TIME_LIMIT, bar.open_time, bar.open)
    return None


def _exit_inside(position: Position, bar: TradedBar) -> Exit | None:
    if bar.low <= position.stop_price:
        return Exit(ExitReason.STOP_LOSS, bar.close_time, position.stop_price)
    if bar.high >= position.take_profit_price:
        return Exit(ExitReason.TAKE_PROFIT, bar.close_time, position.take_profit_price)
    if bar.close_time >= position.deadline:
        return Exit(ExitReason.TIME_LIMIT, bar.close_time, bar.close)
    return None


def close_position(position: Position, leaving: Exit, costs: Costs) -> Trade:
    """Sell the whole position and account for it."""
    price = costs.sell_price(leaving.market_price)
    fees = position.entry_fee + costs.fee(price * position.amount)
    gross = (leaving.market_price - position.market_price) * position.amount
    net = (price - position.entry_price) * position.amount - fees
    return Trade(
        symbol=position.symbol,
        signal_id=position.entry.signal_id,
        confidence=position.entry.confidence,
        signal_time=position.entry.signal_time,
        entry_time=position.entry_time,
        entry_price=position.entry_price,
        exit_time=leaving.time,
        exit_price=price,
        exit_reason=leaving.reason,
        amount=position.amount,
        gross_pnl=gross,
        fees=fees,
        slippage=gross - fees - net,
        net_pnl=net,
        pnl_share=net / (position.entry_price * position.amount),
    )
