"""Halts over ticks and restarts, with a real journal and real positions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.control import LiveHealth
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.halting import HaltKeeper, Present
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.positions import PositionBook
from hummingbot_scripts.ml_signals.rules import ExitReason, HaltConfig, HaltKind
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
    Submission,
)

CONFIG = HaltConfig(max_losses_in_row=2, loss_streak_pause_s=3600)
GOOD = LiveHealth("m v", known_outcomes=100, accuracy=0.6, drift_halt=False, drift_reason="")


@dataclass
class Bot:
    """What of a bot the halts need; `restart` kills it and starts it again."""

    path: Path
    now: datetime
    config: HaltConfig = CONFIG
    count: int = 0
    facts: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open()

    def restart(self) -> None:
        self.journal.close()
        self._open()

    def _open(self) -> None:
        self.journal = Journal(self.path)
        sender = Sender("test", "paper", "kraken_paper_trade")
        self.book = PositionBook(self.journal, sender, lambda: self.now, lambda: None)
        self.keeper = HaltKeeper(self.journal, self.book, self.config)

    def earns(self, quote: int) -> None:
        """Open and close a position that earns so much."""
        self.count += 1
        name, amount = f"p{self.count}", Decimal(1)
        self.book.opened(
            Position(name, "BTC-USD", self.count, Decimal(1), Decimal(1000), amount, self.now)
        )
        for side, price in ((OrderSide.BUY, 1000), (OrderSide.SELL, 1000 + quote)):
            order = f"{name}{side}"
            self.book.submitted(Submission(order, "BTC-USD", side, "MARKET", amount, None))
            fill = Fill(order, order, Decimal(price), amount, Decimal(0), self.now)
            self.book.filled(fill, ExitReason.STOP_LOSS)
            self.book.ended(order, OrderStatus.FILLED)
        self.book.finished(name, PositionState.CLOSED, ExitReason.STOP_LOSS)
        self.keeper.results_changed()

    def later(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def kinds(self, **changes: object) -> set[HaltKind]:
        """Tick once; return the halts in force."""
        present = {
            "now": self.now,
            "open_pnl": Decimal(0),
            "capital": Decimal(1000),
            "health": GOOD,
            "error": "",
            "unsettled": "",
            "resumed_at": None,
        }
        self.keeper.update(Present(**(present | changes)))  # type: ignore[arg-type]
        return {halt.kind for halt in self.keeper.active}


@pytest.fixture
def bot(tmp_path: Path, now: datetime) -> Bot:
    return Bot(tmp_path / "bot.sqlite", now)


def test_nothing_halts_at_first(bot: Bot) -> None:
    assert bot.kinds() == set()


def test_the_days_loss_halts_over_a_restart_until_the_next_day(bot: Bot) -> None:
    bot.kinds()
    bot.earns(-50)
    assert bot.kinds() == {HaltKind.DAILY_LOSS}
    bot.restart()
    assert bot.kinds(capital=None) == {HaltKind.DAILY_LOSS}
    bot.later(hours=12)
    assert bot.kinds() == set()


def test_closed_and_open_losses_add_up(bot: Bot) -> None:
    bot.earns(-30)
    assert bot.kinds(open_pnl=Decimal("-19.99")) == set()
    assert bot.kinds(open_pnl=Decimal(-20)) == {HaltKind.DAILY_LOSS}


def test_the_capital_of_the_days_start_holds_all_day_and_over_a_restart(bot: Bot) -> None:
    bot.kinds(capital=Decimal(200))
    assert bot.keeper.day_loss_limit == 20
    bot.restart()
    bot.kinds(capital=Decimal(100))
    assert bot.keeper.day_loss_limit == 20
    bot.later(days=1)
    bot.kinds(capital=Decimal(100))
    assert bot.keeper.day_loss_limit == 10


def test_while_the_capital_is_not_known_the_amount_alone_is_the_limit(bot: Bot) -> None:
    bot.kinds(capital=None)
    assert bot.keeper.day_loss_limit == 50
    bot.kinds(capital=Decimal(100))
    assert bot.keeper.day_loss_limit == 10


def test_yesterdays_loss_does_not_count_today(bot: Bot) -> None:
    bot.earns(-49)
    bot.kinds()
    bot.later(days=1)
    bot.earns(-2)
    assert HaltKind.DAILY_LOSS not in bot.kinds()
    assert bot.keeper.facts.day_pnl == -2


def test_a_streak_pauses_over_a_restart_and_losses_are_counted_anew_after_it(bot: Bot) -> None:
    bot.earns(-1)
    bot.earns(-1)
    assert bot.kinds() == {HaltKind.LOSS_STREAK}
    bot.restart()
    bot.later(seconds=3599)
    assert bot.kinds() == {HaltKind.LOSS_STREAK}
    bot.later(seconds=1)
    assert bot.kinds() == set()
    bot.later(seconds=1)
    bot.earns(-1)
    assert bot.kinds() == set()
    bot.restart()
    bot.earns(-1)
    assert bot.kinds() == {HaltKind.LOSS_STREAK}


def test_a_profit_breaks_a_streak(bot: Bot) -> None:
    for quote in (-1, 1, -1):
        bot.earns(quote)
    assert bot.kinds() == set()


def test_an_order_to_resume_ends_a_streak_for_good(bot: Bot) -> None:
    bot.earns(-1)
    bot.earns(-1)
    bot.kinds()
    bot.later(minutes=1)
    assert bot.kinds(resumed_at=bot.now) == set()
    bot.restart()
    assert bot.kinds() == set()


def test_an_error_halts_over_a_restart_until_a_person_resumes(bot: Bot) -> None:
    assert bot.kinds(error="disk full") == {HaltKind.CRITICAL_ERROR}
    bot.restart()
    assert bot.kinds() == {HaltKind.CRITICAL_ERROR}
    bot.later(minutes=1)
    assert bot.kinds(resumed_at=bot.now) == set()


@pytest.mark.parametrize(
    ("health", "kind"),
    [
        (LiveHealth("m v", 100, 0.44, drift_halt=False, drift_reason=""), HaltKind.LIVE_ACCURACY),
        (LiveHealth("m v", 100, 0.60, drift_halt=True, drift_reason=""), HaltKind.DRIFT),
    ],
)
def test_a_bad_model_halts_until_the_server_says_that_it_is_good(
    bot: Bot, health: LiveHealth, kind: HaltKind
) -> None:
    assert bot.kinds(health=health) == {kind}
    bot.restart()
    assert bot.kinds(health=None) == {kind}
    assert bot.kinds(health=GOOD) == set()


def test_an_unsettled_account_halts_until_it_is_settled(bot: Bot) -> None:
    assert bot.kinds(unsettled="0.1 BTC are missing") == {HaltKind.UNSETTLED}
    assert bot.keeper.active[0].why == "0.1 BTC are missing"
    assert bot.kinds() == set()


def test_each_halt_is_told_once(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        bot.kinds(error="disk full")
    assert sum("HALT CRITICAL_ERROR: disk full" in line for line in caplog.messages) == 1
