import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals import recovering
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.kraken.account import (
    AccountSnapshot,
    RemoteOrder,
    RemoteTrade,
)
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.positions import PositionBook, Submission
from hummingbot_scripts.ml_signals.reconciliation import Adoption
from hummingbot_scripts.ml_signals.recovering import Recovery
from hummingbot_scripts.ml_signals.trades import OrderSide, Position

SIZE = Decimal("0.01")


class FakeExchange:
    """An account that a test changes between two looks."""

    def __init__(self) -> None:
        self.symbols = frozenset({"BTC-USD"})
        self.minimum = Decimal("0.0001")
        self.snapshots: list[AccountSnapshot | OSError] = []
        self.cancelled: list[str] = []

    def min_size(self, symbol: str) -> Decimal:
        del symbol
        self.minimum, now = Decimal("0.0001"), self.minimum
        return now

    async def account(self, since: datetime) -> AccountSnapshot:
        del since
        answer = self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def cancel(self, txid: str) -> bool:
        self.cancelled.append(txid)
        return True


class Scene:
    """A bot that was killed with one entry journaled, started again."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.now = now
        journal = Journal(path)
        sender = Sender("test", "live", "kraken")
        before = PositionBook(journal, sender, lambda: now, lambda: None)
        plan, one = Plan(SIZE, Decimal(60_000), now.timestamp()), Decimal(1)
        before.opened(Position("p1", "BTC-USD", 9, one, one, SIZE, now, plan=plan))
        before.submitted(Submission("1", "BTC-USD", OrderSide.BUY, "MARKET", SIZE, None))
        journal.close()
        self.journal = Journal(path)
        self.book = PositionBook(self.journal, sender, self.clock, lambda: None)
        self.exchange = FakeExchange()
        self.adopted: list[Adoption] = []
        self.recovery = Recovery(
            self.exchange,  # type: ignore[arg-type]
            self.book,
            self.adopted.append,
            self.clock,
        )

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def entry(self, status: str, filled: Decimal) -> AccountSnapshot:
        at = self.now
        order = RemoteOrder("OE", 1, "BTC-USD", OrderSide.BUY, "market", SIZE, filled, status, at)
        trade = RemoteTrade(
            "T1",
            "OE",
            "BTC-USD",
            OrderSide.BUY,
            Decimal(60_000),
            filled,
            filled * 60_000,
            Decimal(1),
            at,
        )
        return AccountSnapshot((order,), (trade,) if filled else (), {"BTC": filled})


@pytest.fixture
def scene(tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(recovering, "LOOK_S", 0.0)
    monkeypatch.setattr(recovering, "RULES_S", 0.0)
    return Scene(tmp_path / "bot.sqlite", now)


async def _run(scene: Scene) -> None:
    async with asyncio.timeout(20):
        await scene.recovery.run()


async def test_a_position_is_adopted_at_the_first_look(scene: Scene) -> None:
    scene.exchange.snapshots = [scene.entry("closed", SIZE)]
    await _run(scene)
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert (scene.recovery.settled, scene.recovery.problem) == (True, "")
    assert scene.book.claims() == []


async def test_a_resting_entry_is_cancelled_and_what_it_bought_adopted(scene: Scene) -> None:
    part = SIZE / 4
    scene.exchange.snapshots = [scene.entry("open", part), scene.entry("canceled", part)]
    await _run(scene)
    assert scene.exchange.cancelled == ["OE"]
    assert [adoption.held for adoption in scene.adopted] == [part]


async def test_an_exchange_that_does_not_answer_is_asked_again(scene: Scene) -> None:
    scene.exchange.snapshots = [OSError("EService:Unavailable"), scene.entry("closed", SIZE)]
    await _run(scene)
    assert len(scene.adopted) == 1


async def test_an_order_on_its_way_is_waited_for_and_nothing_is_adopted_twice(
    scene: Scene,
) -> None:
    nothing = AccountSnapshot((), (), {})
    scene.exchange.snapshots = [nothing, nothing, scene.entry("closed", SIZE)]
    await _run(scene)
    assert len(scene.adopted) == 1


async def test_the_trading_rules_are_waited_for(scene: Scene) -> None:
    scene.exchange.minimum = Decimal(0)
    scene.exchange.snapshots = [scene.entry("closed", Decimal("0.00005"))]
    await _run(scene)
    assert scene.adopted == []
    assert scene.recovery.settled


async def test_a_coin_that_was_taken_out_of_the_settings_is_never_settled(
    scene: Scene, wait_until: Callable[[Callable[[], bool]], "asyncio.Future[None]"]
) -> None:
    scene.exchange.symbols = frozenset({"ETH-USD"})
    scene.exchange.snapshots = [scene.entry("closed", SIZE)]
    task = asyncio.create_task(scene.recovery.run())
    await wait_until(lambda: "add it and start again" in scene.recovery.problem)
    assert not scene.recovery.settled
    task.cancel()
