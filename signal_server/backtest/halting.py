"""The halts of the simulated trader: the bot's own rules, fed with the simulation's results."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from hummingbot_scripts.ml_signals.rules import (
    Halt,
    HaltConfig,
    HaltFacts,
    HaltKind,
    update_halts,
)
from hummingbot_scripts.ml_signals.rules.halts import next_day
from signal_server.backtest.position import Trade


@dataclass(slots=True)
class HaltBook:
    """Counts what the halts depend on. `begun` says how often each kind began.

    A trade counts on the day in which the bar of its exit began.
    """

    config: HaltConfig
    active: tuple[Halt, ...] = ()
    begun: Counter[str] = field(default_factory=Counter)
    _day_ends: datetime | None = None
    _day_capital: float = 0.0
    _realised: float = 0.0
    _losses: int = 0
    _last_loss_at: datetime | None = None
    _changed: bool = True

    def closed(self, trade: Trade) -> None:
        """Take what a position has earned."""
        self._changed = True
        self._realised += trade.net_pnl
        self._losses = self._losses + 1 if trade.net_pnl < 0 else 0
        self._last_loss_at = trade.exit_time if trade.net_pnl < 0 else self._last_loss_at

    def update(self, now: datetime, capital: float, open_pnl: float | None) -> None:
        """Begin and end halts; money in quote currency, `open_pnl` None without a position."""
        if self._day_ends is None or now >= self._day_ends:
            self._begin_day(now, capital)
        if not (self._changed or self.active or open_pnl is not None):
            return
        before = {halt.kind for halt in self.active}
        self.active = update_halts(self.active, self._facts(open_pnl or 0.0), now, self.config)
        kinds = {halt.kind for halt in self.active}
        self.begun.update(kind.value for kind in kinds - before)
        if HaltKind.LOSS_STREAK in before - kinds:
            self._losses = 0
        self._changed = False

    def _begin_day(self, now: datetime, capital: float) -> None:
        self._day_ends = next_day(now, self.config.day_timezone)
        self._day_capital, self._realised = capital, 0.0

    def _facts(self, open_pnl: float) -> HaltFacts:
        return HaltFacts(
            day_pnl=Decimal(str(self._realised + open_pnl)),
            day_capital=Decimal(str(self._day_capital)),
            losses_in_row=self._losses,
            last_loss_at=self._last_loss_at,
        )
