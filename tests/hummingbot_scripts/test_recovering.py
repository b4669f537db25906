import asyncio
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hummingbot_scripts.ml_signals import recovering
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.kraken.answers import KrakenError, KrakenUncertainError
from hummingbot_scripts.ml_signals.kraken.inquiry import Inquiry
from hummingbot_scripts.ml_signals.plan import Plan
from hummingbot_scripts.ml_signals.positions import PositionBook, Submission
from hummingbot_scripts.ml_signals.reconciliation import Adoption, DifferenceKind
from hummingbot_scripts.ml_signals.recovering import Recovery
from hummingbot_scripts.ml_signals.trades import Fill, OrderSide, Position, PositionState
from market_sim.faults import FaultName, Where
from market_sim.kraken_orders import Order, Side
from tests.hummingbot_scripts.kraken.asked import SIZE, AskedAccount

COINS = 32
BY_ID = ["OpenOrders", "Balance"]


class FakeExchange:
    """The connector as a recovery sees it, over an account that the test changes meanwhile."""

    def __init__(self, kraken: AskedAccount) -> None:
        self._kraken = kraken
        self.symbols = frozenset(kraken.exchange.pairs)
        self.minimum = Decimal("0.0001")
        self.failing: list[str] = []
        self.cancelled: list[str] = []

    def min_size(self, symbol: str) -> Decimal:
        del symbol
        self.minimum, now = Decimal("0.0001"), self.minimum
        return now

    async def inquiry(self) -> Inquiry:
        return Inquiry(self.ask, self._kraken.symbol_of)

    async def ask(self, method: str, given: Mapping[str, str]) -> Any:
        if method in self.failing:
            self.failing.remove(method)
            raise KrakenUncertainError("EService:Unavailable")
        return await self._kraken.ask(method, given)

    async def cancel(self, txid: str) -> bool:
        self.cancelled.append(txid)
        self._kraken.exchange.cancel(txid)
        return True


class Scene:
    """A bot that was killed and is started again; the test says what it had journaled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kraken = AskedAccount(COINS)
        self.sender = Sender("test", "live", "kraken")
        self.journal = Journal(path)
        self.book = PositionBook(self.journal, self.sender, self.kraken.clock, lambda: None)
        self.adopted: list[Adoption] = []
        self.calls_at_adoption: list[int] = []
        self.looks: list[Callable[[], object]] = []

    # What was before the kill

    def opened(self, symbol: str = "BTC-USD", name: str = "first") -> None:
        now, one = self.kraken.clock(), Decimal(1)
        plan = Plan(SIZE, Decimal(1000), now.timestamp())
        self.book.opened(Position(f"{name}-{symbol}", symbol, 9, one, one, SIZE, now, plan=plan))

    def sent(self, number: int, side: OrderSide = OrderSide.BUY, symbol: str = "BTC-USD") -> None:
        self.book.submitted(Submission(str(number), symbol, side, "MARKET", SIZE, None))

    def told(self, order: Order, *, fills: bool = True) -> None:
        """Let the journal hear of an order's id, and of its fills and its end."""
        name = str(order.wanted.userref)
        self.book.acknowledged(name, order.id)
        if not fills:
            return
        for trade in self.kraken.exchange.trades:
            if trade.order_id == order.id:
                fill = Fill(
                    name, trade.id, trade.price, trade.size, trade.fee, trade.at, trade.cost
                )
                self.book.filled(fill, None)

    def held(self, number: int = 1, symbol: str = "BTC-USD") -> Order:
        """Hold a position of which the journal knows everything."""
        self.opened(symbol)
        self.sent(number, OrderSide.BUY, symbol)
        order = self.kraken.trade(Side.BUY, number, symbol)
        self.told(order)
        return order

    # What is after it

    def restarted(self) -> "Scene":
        self.journal.close()
        self.journal = Journal(self.path)
        self.book = PositionBook(self.journal, self.sender, self.clock, lambda: None)
        self.exchange = FakeExchange(self.kraken)
        self.recovery = Recovery(
            self.exchange,  # type: ignore[arg-type]
            self.book,
            self._adopt,
            self.clock,
        )
        self.kraken.calls.clear()
        return self

    def _adopt(self, adoption: Adoption) -> None:
        self.adopted.append(adoption)
        self.calls_at_adoption.append(len(self.kraken.calls))

    def clock(self) -> Any:
        self.kraken.clock.forward(1)
        if self.looks:
            self.looks.pop(0)()
        return self.kraken.clock.now

    async def recovered(self) -> None:
        async with asyncio.timeout(20):
            await self.recovery.run()

    @property
    def differences(self) -> list[tuple[str, str]]:
        rows = self.journal._rows("SELECT kind, words FROM differences ORDER BY rowid")
        return [(row["kind"], row["words"]) for row in rows]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(recovering, "LOOK_S", 0.0)
    monkeypatch.setattr(recovering, "RULES_S", 0.0)
    return Scene(tmp_path / "bot.sqlite")


async def test_positions_that_the_journal_knows_all_of_are_guarded_after_two_calls(
    scene: Scene,
) -> None:
    for number in range(30):
        scene.held(number + 1, _symbol(scene, number))
    for _ in range(100):
        scene.kraken.trade(Side.BUY, symbol=_symbol(scene, 31))
    await scene.restarted().recovered()
    assert len(scene.adopted) == 30
    assert scene.kraken.methods == BY_ID
    assert (scene.recovery.settled, scene.recovery.problem) == (True, "")
    assert scene.book.claims() == []


async def test_an_order_with_a_known_id_is_asked_for_by_it_with_its_fills(scene: Scene) -> None:
    scene.opened()
    scene.sent(1)
    scene.told(scene.kraken.trade(Side.BUY, 1), fills=False)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.kraken.methods == [*BY_ID, "QueryOrders", "QueryTrades"]


async def test_an_order_whose_id_was_never_learned_is_asked_for_by_its_number(
    scene: Scene,
) -> None:
    scene.opened()
    scene.sent(1)
    scene.kraken.trade(Side.BUY, 1)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.kraken.methods == [*BY_ID, "ClosedOrders", "QueryTrades"]
    assert scene.kraken.calls[2][1]["userref"] == "1"


async def test_positions_are_guarded_before_others_are_asked_about(scene: Scene) -> None:
    scene.held(1, _symbol(scene, 1))
    for number in (2, 3):
        scene.opened(_symbol(scene, number))
        scene.sent(number, OrderSide.BUY, _symbol(scene, number))
        order = scene.kraken.trade(Side.BUY, number, _symbol(scene, number))
        if number == 2:
            scene.told(order, fills=False)
    await scene.restarted().recovered()
    assert [a.position.symbol for a in scene.adopted] == [_symbol(scene, n) for n in (1, 2, 3)]
    assert scene.calls_at_adoption == [2, 4, 6]


async def test_many_orders_are_asked_for_in_few_calls(scene: Scene) -> None:
    for number in range(1, 31):
        scene.opened(_symbol(scene, number))
        scene.sent(number, OrderSide.BUY, _symbol(scene, number))
        order = scene.kraken.trade(Side.BUY, number, _symbol(scene, number))
        scene.told(order, fills=False)
    await scene.restarted().recovered()
    assert len(scene.adopted) == 30
    assert scene.kraken.methods == [*BY_ID, "QueryOrders", "QueryTrades", "QueryTrades"]
    assert scene.calls_at_adoption[:20] == [4] * 20


async def test_several_unknown_numbers_are_found_among_the_newest_ended_orders(
    scene: Scene,
) -> None:
    for _ in range(60):
        scene.kraken.trade(Side.BUY, symbol=_symbol(scene, 31))
    scene.kraken.clock.forward(1)
    _sent_unheard(scene, 10)
    await scene.restarted().recovered()
    assert len(scene.adopted) == 10
    assert scene.kraken.methods == [*BY_ID, "ClosedOrders", "QueryTrades"]


async def test_many_unknown_numbers_of_before_are_looked_for_in_all_pages(scene: Scene) -> None:
    _sent_unheard(scene, 10)
    scene.kraken.clock.forward(1)
    for _ in range(60):
        scene.kraken.trade(Side.BUY, symbol=_symbol(scene, 31))
    await scene.restarted().recovered()
    assert len(scene.adopted) == 10
    assert scene.kraken.methods == [*BY_ID, *["ClosedOrders"] * 3, "QueryTrades"]


def _sent_unheard(scene: Scene, count: int) -> None:
    """Let so many coins be bought of which the journal has the orders and nothing else."""
    for number in range(1, count + 1):
        scene.opened(_symbol(scene, number))
        scene.sent(number, OrderSide.BUY, _symbol(scene, number))
        scene.kraken.trade(Side.BUY, number, _symbol(scene, number))


async def test_a_resting_entry_is_cancelled_and_what_it_bought_adopted(scene: Scene) -> None:
    scene.opened()
    scene.sent(1)
    scene.kraken.faults.on(FaultName.KRAKEN_PARTIAL_FILL, amount=0.25)
    order = scene.kraken.trade(Side.BUY, 1)
    await scene.restarted().recovered()
    assert scene.exchange.cancelled == [order.id]
    assert [adoption.held for adoption in scene.adopted] == [SIZE / 4]


async def test_a_failing_call_throws_nothing_away_that_was_read(scene: Scene) -> None:
    scene.held(1, _symbol(scene, 1))
    scene.opened(_symbol(scene, 2))
    scene.sent(2, OrderSide.BUY, _symbol(scene, 2))
    order = scene.kraken.trade(Side.BUY, 2, _symbol(scene, 2))
    scene.told(order, fills=False)
    scene.restarted().exchange.failing = ["QueryTrades", "QueryTrades"]
    await scene.recovered()
    assert [adoption.position.symbol for adoption in scene.adopted] == [
        _symbol(scene, 1),
        _symbol(scene, 2),
    ]
    assert scene.kraken.methods.count("QueryOrders") == 1
    assert scene.calls_at_adoption[0] == 2


async def test_an_exchange_that_does_not_answer_is_asked_again(scene: Scene) -> None:
    scene.held()
    scene.restarted().exchange.failing = ["OpenOrders", "Balance"]
    await scene.recovered()
    assert len(scene.adopted) == 1
    assert scene.recovery.problem == ""


async def test_a_cancellation_that_fails_is_asked_for_again_and_hides_no_position(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.opened(_symbol(scene, 1))
    scene.sent(1, OrderSide.BUY, _symbol(scene, 1))
    scene.told(scene.kraken.rest(1, Decimal(900), _symbol(scene, 1)))
    scene.held(2, _symbol(scene, 2))
    cancel, failures = scene.restarted().exchange.cancel, [KrakenError("EService:Busy")]

    async def fail_once(txid: str) -> bool:
        if failures:
            raise failures.pop()
        return await cancel(txid)

    monkeypatch.setattr(scene.exchange, "cancel", fail_once)
    await scene.recovered()
    assert [adoption.position.symbol for adoption in scene.adopted] == [_symbol(scene, 2)]
    assert scene.book.claims() == []


async def test_an_order_on_its_way_is_waited_for_and_nothing_is_adopted_twice(
    scene: Scene,
) -> None:
    scene.opened()
    scene.sent(1)
    scene.restarted()
    nothing = [lambda: None] * 4
    scene.looks = [*nothing, lambda: scene.kraken.trade(Side.BUY, 1)]
    await scene.recovered()
    assert len(scene.adopted) == 1


async def test_an_order_that_kraken_lists_late_is_waited_for(scene: Scene) -> None:
    scene.opened()
    scene.sent(1)
    scene.kraken.faults.on(FaultName.KRAKEN_HIDDEN_ORDER, amount=8)
    order = scene.kraken.trade(Side.BUY, 1)
    scene.told(order, fills=False)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.differences == []


async def test_fills_that_kraken_lists_late_are_waited_for(scene: Scene) -> None:
    scene.opened()
    scene.sent(1)
    scene.told(scene.kraken.trade(Side.BUY, 1), fills=False)
    scene.kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=8)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]


async def test_fills_that_were_not_known_at_a_second_kill_are_asked_for_at_the_third_start(
    scene: Scene, wait_until: Callable[[Callable[[], bool]], "asyncio.Future[None]"]
) -> None:
    scene.opened()
    scene.sent(1)
    scene.told(scene.kraken.trade(Side.BUY, 1), fills=False)
    scene.kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=3600)
    task = asyncio.create_task(scene.restarted().recovery.run())
    await wait_until(lambda: scene.kraken.methods.count("QueryOrders") > 2)
    task.cancel()
    scene.kraken.faults.all_off()
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.journal.fills("1")


async def test_balances_that_lag_are_waited_for_without_reading_histories(scene: Scene) -> None:
    scene.held()
    scene.kraken.faults.on(FaultName.KRAKEN_BALANCE_LAG, amount=8)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.differences == []
    assert set(scene.kraken.methods) == set(BY_ID)


async def test_an_entry_that_somebody_between_doubled_is_guarded_whole(scene: Scene) -> None:
    scene.held(1)
    scene.kraken.trade(Side.BUY, 1)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [2 * SIZE]
    assert [kind for kind, _ in scene.differences] == [DifferenceKind.DOUBLED]


async def test_what_somebody_else_sold_is_found_out_after_the_rest_is_guarded(
    scene: Scene,
) -> None:
    scene.held(1, _symbol(scene, 1))
    scene.held(2, _symbol(scene, 2))
    scene.kraken.trade(Side.SELL, symbol=_symbol(scene, 1), size=SIZE / 2)
    await scene.restarted().recovered()
    held = {adoption.position.symbol: adoption.held for adoption in scene.adopted}
    assert held == {_symbol(scene, 1): SIZE / 2, _symbol(scene, 2): SIZE}
    [(kind, words)] = scene.differences
    assert kind == DifferenceKind.SOLD_ELSEWHERE
    assert words.endswith("Orders that are not this bot's sold 0.00500000 of the coin.")
    assert "TradesHistory" not in scene.kraken.methods[: scene.calls_at_adoption[-1]]


async def test_what_the_bot_itself_sold_before_is_not_called_somebody_elses(scene: Scene) -> None:
    scene.held(1)
    scene.sent(2, OrderSide.SELL)
    scene.told(scene.kraken.trade(Side.SELL, 2))
    scene.book.finished("first-BTC-USD", PositionState.CLOSED, None)
    scene.opened(name="second")
    scene.sent(3)
    scene.told(scene.kraken.trade(Side.BUY, 3))
    scene.kraken.trade(Side.SELL, size=SIZE / 2)
    await scene.restarted().recovered()
    [(_, words)] = scene.differences
    assert words.endswith("sold 0.00500000 of the coin.")


async def test_coins_of_somebody_else_are_mentioned_once_and_not_at_every_start(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.held(1)
    scene.kraken.trade(Side.BUY, size=Decimal(1))
    for start in range(3):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            await scene.restarted().recovered()
        assert len(scene.adopted) == start + 1
        told = [record for record in caplog.records if "beyond" in record.getMessage()]
        assert len(told) == (start == 0)
    assert [kind for kind, _ in scene.differences] == [DifferenceKind.MORE_THAN_OURS]


async def test_coins_of_somebody_else_that_were_there_before_cost_no_calls(scene: Scene) -> None:
    for number in range(1, 11):
        scene.kraken.trade(Side.BUY, symbol=_symbol(scene, number), size=Decimal(1))
    await scene.restarted().recovered()
    for number in range(1, 11):
        scene.held(number, _symbol(scene, number))
    await scene.restarted().recovered()
    assert len(scene.adopted) == 10
    assert scene.kraken.methods == BY_ID
    assert scene.differences == []


async def test_a_doubled_entry_is_found_beside_coins_of_somebody_else(scene: Scene) -> None:
    scene.kraken.trade(Side.BUY, size=Decimal(1))
    await scene.restarted().recovered()
    scene.held(1)
    scene.kraken.trade(Side.BUY, 1)
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [2 * SIZE]


async def test_the_first_start_asks_once_what_is_there_and_later_ones_do_not(
    scene: Scene,
) -> None:
    await scene.restarted().recovered()
    assert scene.kraken.methods == BY_ID
    await scene.restarted().recovered()
    assert scene.kraken.methods == []


async def test_the_trading_rules_are_waited_for(scene: Scene) -> None:
    scene.held()
    scene.restarted().exchange.minimum = Decimal(0)
    await scene.recovered()
    assert scene.recovery.settled


async def test_a_coin_that_was_taken_out_of_the_settings_is_never_settled(
    scene: Scene, wait_until: Callable[[Callable[[], bool]], "asyncio.Future[None]"]
) -> None:
    scene.held()
    scene.restarted().exchange.symbols = frozenset({"ETH-USD"})
    task = asyncio.create_task(scene.recovery.run())
    await wait_until(lambda: "add it and start again" in scene.recovery.problem)
    assert not scene.recovery.settled
    task.cancel()


@pytest.mark.parametrize(
    "fault",
    [
        FaultName.KRAKEN_RATE_LIMIT,
        FaultName.KRAKEN_INVALID_NONCE,
        FaultName.KRAKEN_UNAVAILABLE,
        FaultName.KRAKEN_INTERNAL_ERROR,
    ],
)
@pytest.mark.parametrize("method", ["OpenOrders", "Balance", "QueryOrders", "QueryTrades"])
async def test_every_question_may_fail_and_is_asked_again(
    scene: Scene, fault: FaultName, method: str
) -> None:
    scene.opened()
    scene.sent(1)
    scene.told(scene.kraken.trade(Side.BUY, 1), fills=False)
    scene.kraken.faults.on(fault, remaining=2, only=Where(method=method))
    await scene.restarted().recovered()
    assert [adoption.held for adoption in scene.adopted] == [SIZE]
    assert scene.kraken.methods.count("QueryOrders") == (3 if method == "QueryOrders" else 1)


def _symbol(scene: Scene, number: int) -> str:
    return tuple(scene.kraken.exchange.pairs)[number]
