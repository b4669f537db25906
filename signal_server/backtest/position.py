"""One long position: how it is opened, which barrier closes it, and the trade it becomes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.rules.barriers import Levels, Trailing, raised, reached
from signal_server.core.config import BacktestConfig
from signal_server.core.costs import Costs


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
    """What led to a position: the signal's id, its calibrated confidence, its bar's close.

    `quote_size` is what is to be spent, in quote currency.
    """

    signal_id: int
    confidence: float
    signal_time: datetime
    quote_size: float


@dataclass(frozen=True, slots=True)
class Position:
    """An open long. Prices and fees are in quote currency, `amount` in base units.

    `market_price` is the price before slippage; `levels` are the market prices at which the
    executor's net profit, the entry's fee deducted, crosses its barriers; `trailing` is None
    without a trailing stop.
    """

    symbol: str
    entry: Entry
    entry_time: datetime
    market_price: float
    entry_price: float
    amount: float
    entry_fee: float
    levels: Levels[float]
    trailing: Trailing[float] | None
    deadline: datetime

    @property
    def cost(self) -> float:
        """What was paid for it, in quote currency, but for the fee."""
        return self.entry.quote_size


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
    """Buy for `entry.quote_size` at the bar's open.

    The barriers follow Hummingbot's PositionExecutor: profit is counted from the price paid,
    less the fees paid so far.
    """
    price = costs.buy_price(bar.open)
    levels = Levels(
        stop_loss=price * (1 - config.stop_loss + costs.fee_share),
        take_profit=price * (1 + config.take_profit + costs.fee_share),
    )
    return Position(
        symbol=bar.symbol,
        entry=entry,
        entry_time=bar.open_time,
        market_price=bar.open,
        entry_price=price,
        amount=entry.quote_size / price,
        entry_fee=costs.fee(entry.quote_size),
        levels=levels,
        trailing=_trailing(price, config, costs),
        deadline=bar.open_time + timedelta(seconds=config.time_limit_s),
    )


def _trailing(price: float, config: BacktestConfig, costs: Costs) -> Trailing[float] | None:
    if config.trailing_activation is None or config.trailing_delta is None:
        return None
    activation = price * (1 + config.trailing_activation + costs.fee_share)
    return Trailing(activation, delta=price * config.trailing_delta)


def find_exit(position: Position, bar: TradedBar) -> Exit | None:
    """Return how the bar closes the position, if it does.

    At the open, then inside the bar, the order is stop, trailing stop, take-profit, time: of a
    bar that touches two barriers the worse is assumed. A barrier that the open has jumped over
    fills at the open. What happens inside a bar is known by its close, which is the exit's time.
    """
    return _exit_at_open(position, bar) or _exit_inside(position, bar)


def follow(position: Position, bar: TradedBar) -> Position:
    """Return the position after a bar that did not close it: its trailing stop may have risen."""
    if position.trailing is None:
        return position
    level = raised(position.levels.trailing, bar.high, position.trailing)
    return replace(position, levels=replace(position.levels, trailing=level))


def _exit_at_open(position: Position, bar: TradedBar) -> Exit | None:
    timed_out = bar.open_time >= position.deadline
    reason = reached(position.levels, bar.open, bar.open, timed_out=timed_out)
    return None if reason is None else Exit(reason, bar.open_time, bar.open)


def _exit_inside(position: Position, bar: TradedBar) -> Exit | None:
    reason = reached(position.levels, bar.low, bar.high, timed_out=False)
    if reason is not None:
        return Exit(reason, bar.close_time, _level(position.levels, reason))
    level = follow(position, bar).levels.trailing
    if level is not None and bar.close < level:
        # The high came before the close; whether the low came between them is not known.
        return Exit(ExitReason.TRAILING_STOP, bar.close_time, level)
    if bar.close_time >= position.deadline:
        return Exit(ExitReason.TIME_LIMIT, bar.close_time, bar.close)
    return None


def _level(levels: Levels[float], reason: ExitReason) -> float:
    if reason is ExitReason.TRAILING_STOP and levels.trailing is not None:
        return levels.trailing
    return levels.stop_loss if reason is ExitReason.STOP_LOSS else levels.take_profit


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
