"""The simulated trader: its money, its positions, and what it decides by the bot's rules."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from hummingbot_scripts.ml_signals.rules import (
    Action,
    ExitReason,
    HaltConfig,
    RiskState,
    RuleConfig,
    Sizing,
    decide,
    entry_size,
)
from signal_server.backtest.halting import HaltBook
from signal_server.backtest.position import (
    Entry,
    Exit,
    Position,
    Trade,
    TradedBar,
    close_position,
    find_exit,
    follow,
    open_position,
)
from signal_server.backtest.timeline import Step
from signal_server.core.config import BacktestConfig
from signal_server.core.costs import Costs

NO_CASH = "not enough cash"
EXPIRED = "signal expired before the next bar opened"


@dataclass(frozen=True, slots=True)
class Purchase:
    """A decision to buy that waits for the next open; its signal expires at `valid_until`."""

    entry: Entry
    valid_until: datetime


@dataclass(slots=True)
class Account:
    """The state of the simulated trader; `undecided` counts signals without a trade by reason."""

    config: BacktestConfig
    rules: RuleConfig
    costs: Costs
    cash: float
    halts: HaltBook
    positions: dict[str, Position] = field(default_factory=dict)
    buying: dict[str, Purchase] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    last_exit: dict[str, datetime] = field(default_factory=dict)
    last_acted: dict[str, int] = field(default_factory=dict)
    last_price: dict[str, float] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)
    signals: int = 0

    def close_what_was_decided(self, bar: TradedBar) -> None:
        """Sell at the open what DOWN has told to."""
        position = self.positions.get(bar.symbol)
        if position is not None and bar.symbol in self.closing:
            self._leave(position, Exit(ExitReason.SIGNAL_DOWN, bar.open_time, bar.open))
        self.closing.discard(bar.symbol)

    def buy_what_was_decided(self, bar: TradedBar) -> None:
        """Buy at the open what was decided at the last close."""
        purchase = self.buying.pop(bar.symbol, None)
        if purchase is None:
            return
        if bar.open_time >= purchase.valid_until:
            self.undecided[EXPIRED] += 1
            return
        position = open_position(bar, purchase.entry, self.config, self.costs)
        price = position.cost + position.entry_fee
        if price > self.cash:
            self.undecided[NO_CASH] += 1
            return
        self.cash -= price
        self.positions[bar.symbol] = position

    def guard(self, bar: TradedBar) -> None:
        """Let the barriers act inside the bar."""
        self.last_price[bar.symbol] = bar.close
        position = self.positions.get(bar.symbol)
        if position is None:
            return
        leaving = find_exit(position, bar)
        if leaving is not None:
            self._leave(position, leaving)
        else:
            self.positions[bar.symbol] = follow(position, bar)

    def look_at_halts(self, now: datetime) -> None:
        """Begin and end halts at a close."""
        gains = [self._gain(position) for position in self.positions.values()]
        self.halts.update(now, self._capital(), sum(gains) if gains else None)

    def decide(self, step: Step) -> None:
        """Let the rules decide about the signal of a close."""
        if step.signal is None:
            return
        symbol, now = step.bar.symbol, step.bar.close_time
        self.signals += 1
        state = self._risk_state(symbol)
        decision = decide(symbol, step.signal, state, now, self.rules)
        if decision.action is Action.NOTHING:
            self.undecided[decision.reason.value] += 1
            return
        self.last_acted[symbol] = step.signal.id
        if decision.action is Action.CLOSE:
            self.closing.add(symbol)
            return
        size = float(entry_size(step.signal, state.capital, self.rules))
        entry = Entry(step.signal.id, float(step.signal.confidence), now, size)
        self.buying[symbol] = Purchase(entry, step.signal.valid_until)

    def leave_all(self, now: datetime) -> None:
        """Sell everything at the last price."""
        for symbol, position in list(self.positions.items()):
            self._leave(position, Exit(ExitReason.EARLY_STOP, now, self.last_price[symbol]))

    def equity(self) -> float:
        """Return cash and what positions are worth at the last close, in quote currency."""
        held = self.positions.values()
        return self.cash + sum(one.amount * self.last_price[one.symbol] for one in held)

    def _capital(self) -> float:
        """Return cash and what positions have cost, as the bot counts its capital."""
        return self.cash + sum(one.cost for one in self.positions.values())

    def _gain(self, position: Position) -> float:
        worth = position.amount * self.last_price[position.symbol]
        return worth - position.cost - position.entry_fee

    def _leave(self, position: Position, leaving: Exit) -> None:
        trade = close_position(position, leaving, self.costs)
        del self.positions[position.symbol]
        self.cash += position.cost + position.entry_fee + trade.net_pnl
        self.last_exit[position.symbol] = leaving.time
        self.trades.append(trade)
        self.halts.closed(trade)

    def _risk_state(self, symbol: str) -> RiskState:
        planned = [purchase.entry.quote_size for purchase in self.buying.values()]
        costs = [*planned, *(one.cost for one in self.positions.values())]
        return RiskState(
            held_symbols=self.positions.keys() | self.buying.keys(),
            last_exit_at=self.last_exit.get(symbol),
            last_acted_signal_id=self.last_acted.get(symbol, 0),
            exposure=sum(map(_exact, costs), Decimal(0)),
            capital=_exact(self._capital()),
            halts=self.halts.active,
        )


def open_account(config: BacktestConfig) -> Account:
    """Return a trader with nothing but its capital."""
    costs = Costs(config.fee_bps, config.slippage_bps)
    halts = HaltBook(_halt_config(config))
    return Account(config, _rule_config(config), costs, config.initial_capital, halts)


def _rule_config(config: BacktestConfig) -> RuleConfig:
    activation, delta = config.trailing_activation, config.trailing_delta
    return RuleConfig(
        min_confidence=_exact(config.min_confidence),
        quote_size=_exact(config.quote_size),
        max_positions=config.max_positions,
        stop_loss=_exact(config.stop_loss),
        take_profit=_exact(config.take_profit),
        time_limit_s=config.time_limit_s,
        cooldown_s=config.cooldown_s,
        sizing=Sizing(config.sizing),
        risk_per_trade=_exact(config.risk_per_trade),
        max_position_share=_exact(config.max_position_share),
        max_exposure_quote=_exact(config.max_exposure_quote),
        trailing_activation=None if activation is None else _exact(activation),
        trailing_delta=None if delta is None else _exact(delta),
    )


def _halt_config(config: BacktestConfig) -> HaltConfig:
    return HaltConfig(
        max_daily_loss_share=_exact(config.max_daily_loss_share),
        max_daily_loss_quote=_exact(config.max_daily_loss_quote),
        day_timezone=config.day_timezone,
        max_losses_in_row=config.max_losses_in_row,
        loss_streak_pause_s=config.loss_streak_pause_s,
    )


def _exact(value: float) -> Decimal:
    return Decimal(str(value))
