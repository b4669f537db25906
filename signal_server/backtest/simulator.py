"""Trade predictions over bars with the bot's own rules.

One step is one bar interval of all symbols: orders decided at the last close fill at the open,
barriers act inside the bar, and at the close the rules decide again. Not modelled: delay of bars
and orders, the order book's spread and depth, and minimum order sizes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pandas as pd

from hummingbot_scripts.ml_signals.rules import (
    Action,
    ExitReason,
    RiskState,
    RuleConfig,
    SignalView,
    decide,
)
from signal_server.backtest.costs import Costs
from signal_server.backtest.position import (
    Entry,
    Exit,
    Position,
    Trade,
    TradedBar,
    close_position,
    find_exit,
    open_position,
)
from signal_server.backtest.timeline import SimulationRequest, Step, intervals
from signal_server.core.config import BacktestConfig

NO_CASH = "not enough cash"
EXPIRED = "signal expired before the next bar opened"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it.

    `equity` has one row an interval: index close time (UTC), float64 `equity` and `cash` in quote
    currency, int64 `positions`; open positions are marked at the last close, before exit costs.
    `undecided` counts, by reason, the signals that led to nothing.
    """

    trades: tuple[Trade, ...]
    equity: pd.DataFrame
    signals: int
    undecided: Mapping[str, int]


@dataclass(slots=True)
class _Account:
    """The state of the simulated trader."""

    config: BacktestConfig
    rules: RuleConfig
    costs: Costs
    cash: float
    positions: dict[str, Position] = field(default_factory=dict)
    buying: dict[str, tuple[SignalView, datetime]] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    last_exit: dict[str, datetime] = field(default_factory=dict)
    last_acted: dict[str, int] = field(default_factory=dict)
    last_price: dict[str, float] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)
    signals: int = 0

    def close_what_was_decided(self, bar: TradedBar) -> None:
        position = self.positions.get(bar.symbol)
        if position is not None and bar.symbol in self.closing:
            self._leave(position, Exit(ExitReason.SIGNAL_DOWN, bar.open_time, bar.open))
        self.closing.discard(bar.symbol)

    def buy_what_was_decided(self, bar: TradedBar) -> None:
        signal, signal_time = self.buying.pop(bar.symbol, (None, bar.open_time))
        if signal is None:
            return
        if bar.open_time >= signal.valid_until:
            self.undecided[EXPIRED] += 1
            return
        entry = Entry(signal.id, float(signal.confidence), signal_time)
        position = open_position(bar, entry, self.config, self.costs)
        price = self.config.quote_size + position.entry_fee
        if price > self.cash:
            self.undecided[NO_CASH] += 1
            return
        self.cash -= price
        self.positions[bar.symbol] = position

    def guard(self, bar: TradedBar) -> None:
        self.last_price[bar.symbol] = bar.close
        position = self.positions.get(bar.symbol)
        leaving = find_exit(position, bar) if position is not None else None
        if position is not None and leaving is not None:
            self._leave(position, leaving)

    def decide(self, step: Step) -> None:
        if step.signal is None:
            return
        symbol, now = step.bar.symbol, step.bar.close_time
        self.signals += 1
        decision = decide(symbol, step.signal, self._risk_state(symbol), now, self.rules)
        if decision.action is Action.NOTHING:
            self.undecided[decision.reason.value] += 1
            return
        self.last_acted[symbol] = step.signal.id
        if decision.action is Action.ENTER:
            self.buying[symbol] = (step.signal, now)
        else:
            self.closing.add(symbol)

    def leave_all(self, now: datetime) -> None:
        for symbol, position in list(self.positions.items()):
            self._leave(position, Exit(ExitReason.EARLY_STOP, now, self.last_price[symbol]))

    def equity(self) -> float:
        held = self.positions.values()
        return self.cash + sum(one.amount * self.last_price[one.symbol] for one in held)

    def _leave(self, position: Position, leaving: Exit) -> None:
        trade = close_position(position, leaving, self.costs)
        del self.positions[position.symbol]
        paid = position.entry_price * position.amount + position.entry_fee
        self.cash += paid + trade.net_pnl
        self.last_exit[position.symbol] = leaving.time
        self.trades.append(trade)

    def _risk_state(self, symbol: str) -> RiskState:
        return RiskState(
            held_symbols=self.positions.keys() | self.buying.keys(),
            last_exit_at=self.last_exit.get(symbol),
            last_acted_signal_id=self.last_acted.get(symbol, 0),
        )


def simulate(request: SimulationRequest) -> Simulation:
    """Trade the predictions; positions still open at the end are closed at the last price.

    Such a last exit is an `EARLY_STOP`. Same request, same result.
    """
    account = _open_account(request.config)
    times: list[datetime] = []
    rows: list[tuple[float, float, int]] = []
    for steps in intervals(request):
        _trade_interval(account, steps)
        times.append(steps[0].bar.close_time)
        rows.append((account.equity(), account.cash, len(account.positions)))
    if times:
        account.leave_all(times[-1])
        rows[-1] = (account.equity(), account.cash, 0)
    return Simulation(
        trades=tuple(account.trades),
        equity=_equity_frame(times, rows),
        signals=account.signals,
        undecided=dict(account.undecided),
    )


def _trade_interval(account: _Account, steps: Sequence[Step]) -> None:
    for step in steps:
        account.close_what_was_decided(step.bar)
    for step in steps:
        account.buy_what_was_decided(step.bar)
    for step in steps:
        account.guard(step.bar)
    for step in steps:
        account.decide(step)


def _open_account(config: BacktestConfig) -> _Account:
    rules = RuleConfig(
        min_confidence=Decimal(str(config.min_confidence)),
        quote_size=Decimal(str(config.quote_size)),
        max_positions=config.max_positions,
        stop_loss=Decimal(str(config.stop_loss)),
        take_profit=Decimal(str(config.take_profit)),
        time_limit_s=config.time_limit_s,
        cooldown_s=config.cooldown_s,
    )
    costs = Costs(config.fee_bps, config.slippage_bps)
    return _Account(config, rules, costs, cash=config.initial_capital)


def _equity_frame(times: list[datetime], rows: list[tuple[float, float, int]]) -> pd.DataFrame:
    index = pd.DatetimeIndex(times, tz="UTC", name="close_time")
    return pd.DataFrame(rows, index=index, columns=["equity", "cash", "positions"])
