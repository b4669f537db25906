"""The keeper of the halts: what it reads from the journal, and what outlives a restart."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.control import LiveHealth
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.halting import HaltKeeper, Present
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.positions import PositionBook, Submission
from hummingbot_scripts.ml_signals.rules import ExitReason, HaltConfig, HaltKind
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    OrderSide,
    OrderStatus,
    Position,
    PositionState,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ONE = Decimal(1)


class Scene:
    """A bot's journal whose positions win or lose as the test says."""

    def __init__(self, journal: Journal, now: datetime) -> None:
        self.journal = journal
        self.now = now
        self.count = 0
        sender = Sender("test", "paper", "kraken_paper_trade")
        self.book = PositionBook(journal, sender, lambda: self.now, lambda: None)
        self.config = HaltConfig()
        self.keeper = self.restart()

    def restart(self) -> HaltKeeper:
        self.keeper = HaltKeeper(self.journal, self.book, self.config)
        return self.keeper

    def close(self, gain: int) -> None:
        """Buy a coin at 100 and sell it for `gain` more."""
        self.count += 1
        name = f"p{self.count}"
        start = Position(name, "BTC-USD", self.count, ONE, Decimal(100), ONE, self.now)
        self.book.opened(start)
        self._trade(f"b{name}", OrderSide.BUY, 100)
        self._trade(f"s{name}", OrderSide.SELL, 100 + gain)
        self.book.finished(name, PositionState.CLOSED, ExitReason.TIME_LIMIT)
        self.keeper.results_changed()

    def _trade(self, order_id: str, side: OrderSide, price: int) -> None:
        self.book.submitted(Submission(order_id, "BTC-USD", side, "MARKET", ONE, Decimal(100)))
        fill = Fill(order_id, f"t{order_id}", Decimal(price), ONE, Decimal(0), self.now)
        self.book.filled(fill, ExitReason.TIME_LIMIT if side is OrderSide.SELL else None)
        self.book.ended(order_id, OrderStatus.FILLED)

    def look(self, after: timedelta = timedelta(0), **changes: Any) -> list[HaltKind]:
        """Look at the halts some time later; return those in force."""
        self.now += after
        present = Present(
            now=self.now,
            open_pnl=Decimal(0),
            capital=Decimal(1000),
            health=None,
            error="",
            unsettled="",
            resumed_at=None,
        )
        self.keeper.update(replace(present, **changes))
        return [halt.kind for halt in self.keeper.active]


@pytest.fixture
def scene(journal: Journal, now: datetime) -> Scene:
    return Scene(journal, now)


def test_nothing_halts_a_bot_that_has_done_nothing(scene: Scene) -> None:
    assert scene.look() == []


def test_the_days_loss_halts_until_midnight_over_restarts(scene: Scene) -> None:
    scene.close(-50)
    assert scene.look() == [HaltKind.DAILY_LOSS]
    scene.restart()
    assert [halt.kind for halt in scene.keeper.active] == [HaltKind.DAILY_LOSS]
    assert scene.look(11 * HOUR, open_pnl=Decimal(500)) == [HaltKind.DAILY_LOSS]
    assert scene.look(HOUR) == []


def test_open_positions_count_for_the_day(scene: Scene) -> None:
    scene.close(-20)
    assert scene.look(open_pnl=Decimal(-29)) == []
    assert scene.look(open_pnl=Decimal(-30)) == [HaltKind.DAILY_LOSS]


def test_a_gain_of_the_day_makes_room_for_a_loss(scene: Scene) -> None:
    scene.close(20)
    assert scene.look(open_pnl=Decimal(-69)) == []


def test_the_share_is_of_the_capital_at_the_days_start(scene: Scene) -> None:
    scene.look(capital=Decimal(300))
    scene.restart()
    assert scene.look(capital=Decimal(1000), open_pnl=Decimal(-29)) == []
    assert scene.look(capital=Decimal(1000), open_pnl=Decimal(-30)) == [HaltKind.DAILY_LOSS]


def test_without_a_known_capital_the_amount_holds(scene: Scene) -> None:
    assert scene.look(capital=None, open_pnl=Decimal(-49)) == []
    assert scene.look(capital=None, open_pnl=Decimal(-50)) == [HaltKind.DAILY_LOSS]
    assert scene.keeper.day_loss_limit == 50


def test_five_losses_in_a_row_pause_for_a_day_and_then_count_anew(scene: Scene) -> None:
    for _ in range(4):
        scene.close(-1)
        assert scene.look() == []
    scene.close(-1)
    assert scene.look() == [HaltKind.LOSS_STREAK]
    assert scene.look(DAY - HOUR) == [HaltKind.LOSS_STREAK]
    assert scene.look(HOUR) == []
    scene.now += HOUR
    scene.close(-1)
    assert scene.look() == []
    scene.restart()
    assert scene.look() == []
    assert scene.keeper.facts.losses_in_row == 1


def test_a_gain_ends_the_count_of_losses(scene: Scene) -> None:
    for gain in (-1, -1, -1, -1, 1, -1):
        scene.close(gain)
    assert scene.look() == []
    assert scene.keeper.facts.losses_in_row == 1


def test_an_order_to_resume_ends_a_streak_and_it_stays_ended(scene: Scene) -> None:
    for _ in range(5):
        scene.close(-1)
    assert scene.look() == [HaltKind.LOSS_STREAK]
    resumed_at = scene.now + HOUR
    assert scene.look(2 * HOUR, resumed_at=resumed_at) == []
    scene.restart()
    assert scene.look(HOUR) == []


def test_the_servers_word_on_accuracy_and_drift_halts_and_its_silence_ends_nothing(
    scene: Scene,
) -> None:
    poor = LiveHealth("direction-2h v", 50, 0.44, drift_halt=True, drift_reason="")
    both = [HaltKind.LIVE_ACCURACY, HaltKind.DRIFT]
    assert scene.look(health=poor) == both
    assert scene.keeper.active[1].why
    scene.restart()
    assert scene.look(HOUR) == both
    good = replace(poor, accuracy=0.45, drift_halt=False)
    assert scene.look(health=good) == []


def test_an_error_halts_over_a_restart_until_a_person_resumes(scene: Scene) -> None:
    assert scene.look(error="KeyError: 'x'") == [HaltKind.CRITICAL_ERROR]
    scene.restart()
    assert scene.look(HOUR) == [HaltKind.CRITICAL_ERROR]
    assert scene.look(HOUR, resumed_at=scene.now) == []


def test_an_unsettled_account_halts_until_it_is_settled(scene: Scene) -> None:
    assert scene.look(unsettled="BTC-USD: less than was bought") == [HaltKind.UNSETTLED]
    assert scene.look(HOUR) == []


def test_each_beginning_and_end_is_logged_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        scene.look(unsettled="a difference")
    for _ in range(3):
        scene.look()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("HALT UNSETTLED: a difference; it ends when")
    assert said[1] == "The halt UNSETTLED has ended."
