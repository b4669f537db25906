"""The trader over a real journal and real rules, with an exchange and a desk that only note."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.client import receive
from hummingbot_scripts.ml_signals.config import MLSignalStrategyConfig
from hummingbot_scripts.ml_signals.events import Sender
from hummingbot_scripts.ml_signals.halting import HaltKeeper
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.ordering import Orders
from hummingbot_scripts.ml_signals.parts import Parts
from hummingbot_scripts.ml_signals.positions import PositionBook
from hummingbot_scripts.ml_signals.rules import ControlMode, ExitReason
from hummingbot_scripts.ml_signals.sizing import Quote
from hummingbot_scripts.ml_signals.trader import Trader
from hummingbot_scripts.ml_signals.trades import PositionState

COINS = [f"C{number}-USD" for number in range(10)]


@dataclass
class NotingExchange:
    """Always ready, at one price; `thin` says that no book holds the size."""

    name: str = "kraken"
    ready: bool = True
    thin: bool = False
    available: Decimal = Decimal(100_000)
    distrusted: dict[str, str] = field(default_factory=dict)

    def quote(self, _symbol: str) -> Quote:
        return Quote(
            bid=Decimal(59_999),
            ask=Decimal(60_001),
            available=self.available,
            fee_share=Decimal("0.0026"),
            lot=Decimal("1e-8"),
            min_size=Decimal("0.0001"),
            min_notional=Decimal("0.5"),
        )

    def average_price(self, _symbol: str, _amount: Decimal) -> Decimal | None:
        return None if self.thin else Decimal(60_001)

    def quote_balance(self, _symbol: str) -> Decimal:
        return Decimal(10_000)

    def min_size(self, _symbol: str) -> Decimal:
        return Decimal("0.0001")


@dataclass
class NotingDesk:
    """Opens nothing, but notes what it was told to."""

    opened: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self.opened

    def __iter__(self) -> Any:
        executor = SimpleNamespace(trailing_trigger=None, get_net_pnl_quote=lambda: Decimal(0))
        return iter([(symbol, executor) for symbol in self.opened])

    def take_finished(self) -> list[Any]:
        return []

    def open(self, symbol: str, _config: Any) -> None:
        self.opened.append(symbol)

    def is_closing(self, symbol: str) -> bool:
        return symbol in self.stopped

    def stop(self, symbol: str, *, keep: bool) -> None:
        assert not keep
        self.stopped.append(symbol)


@dataclass
class NotingLinks:
    """A server that says what the test puts here."""

    signals: dict[str, Any] = field(default_factory=dict)
    clock_skew_s: float | None = 0.0
    silence_s: float = 0.0
    health: Any = None

    def signal(self, symbol: str) -> Any:
        return self.signals.get(symbol)

    def silent_s(self, _now: datetime) -> float:
        return self.silence_s


@dataclass
class Bot:
    trader: Trader
    exchange: NotingExchange
    desk: NotingDesk
    links: NotingLinks
    ordered: SimpleNamespace

    def reasons(self) -> set[str]:
        return set(self.trader.outcomes.last_reasons.values())


Make = Callable[..., Bot]


@pytest.fixture
def make_bot(tmp_path: Path, now: datetime, make_signal: Any) -> Make:
    def make(**settings: Any) -> Bot:
        config = MLSignalStrategyConfig(
            bot_id="test",
            connector="kraken_paper_trade",
            symbols=COINS,
            server="127.0.0.1:1",
            quote_size=50,
            **settings,
        )
        journal = Journal(tmp_path / "bot.sqlite")
        book = PositionBook(journal, Sender("test", "paper", "kraken"), lambda: now, lambda: None)
        ordered = SimpleNamespace(order=None)
        switch = SimpleNamespace(read=lambda: None)
        links = NotingLinks(
            {symbol: receive(make_signal(i + 1, symbol), now) for i, symbol in enumerate(COINS)}
        )
        parts = Parts(
            exchange=(exchange := NotingExchange()),  # type: ignore[arg-type]
            journal=journal,
            book=book,
            links=links,  # type: ignore[arg-type]
            desk=(desk := NotingDesk()),  # type: ignore[arg-type]
            orders=Orders(journal, ordered, switch, lambda: now),  # type: ignore[arg-type]
            halts=HaltKeeper(journal, book, config.halts),
            clock=lambda: now,
        )
        trader = Trader(config, parts)
        trader.recovery.settled = True
        return Bot(trader, exchange, desk, links, ordered)

    return make


def test_no_more_positions_are_opened_in_one_tick_than_allowed(make_bot: Make) -> None:
    bot = make_bot(max_positions=3)
    bot.trader.tick()
    assert len(bot.desk.opened) == 3
    assert "as many positions as allowed" in bot.reasons()


def test_no_more_money_is_at_risk_in_one_tick_than_allowed(make_bot: Make) -> None:
    bot = make_bot(max_positions=10, max_exposure_quote=210)
    bot.trader.tick()
    assert len(bot.desk.opened) == 4
    assert "as much money at risk as allowed" in bot.reasons()


def test_sizes_by_volatility_do_not_count_planned_entries_as_capital(
    make_bot: Make, make_signal: Any, now: datetime
) -> None:
    bot = make_bot(max_positions=5, max_exposure_quote=10_000, sizing="volatility")
    for number, symbol in enumerate(COINS, start=1):
        bot.links.signals[symbol] = receive(make_signal(number, symbol, bar_seconds=60), now)
    bot.trader.tick()
    held = [bot.trader.parts.book.held(symbol) for symbol in bot.desk.opened]
    costs = [position.amount * Decimal(60_000) for position in held]
    assert len(costs) == 5
    assert all(Decimal(990) < cost <= Decimal(1000) for cost in costs)


def test_no_more_is_bought_in_one_tick_than_the_balance_pays(make_bot: Make) -> None:
    bot = make_bot(max_positions=10)
    bot.exchange.available = Decimal(120)
    bot.trader.tick()
    assert len(bot.desk.opened) == 2
    assert "not enough quote currency for the order and its fee" in bot.reasons()


async def test_what_a_recovery_finds_counts_at_once(make_bot: Make) -> None:
    bot = make_bot(max_positions=2)
    bot.trader.tick()
    assert bot.trader.money.at_risk > 0
    for symbol in list(bot.desk.opened):
        book = bot.trader.parts.book
        book.finished(book.held(symbol).position_id, PositionState.CLOSED, ExitReason.STOP_LOSS)
    await bot.trader.recover()
    assert bot.trader.money.at_risk == 0


def test_a_signal_is_acted_on_once(make_bot: Make) -> None:
    bot = make_bot(max_positions=10, max_exposure_quote=1000)
    bot.trader.tick()
    bot.trader.tick()
    assert sorted(bot.desk.opened) == COINS


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bot: setattr(bot.links, "silence_s", 60.0), "signal server is silent"),
        (lambda bot: setattr(bot.links, "clock_skew_s", None), "server's clock is not known yet"),
        (
            lambda bot: setattr(bot.links, "clock_skew_s", -5.0),
            "clocks of server and bot are too far apart",
        ),
        (lambda bot: setattr(bot.exchange, "thin", True), "book is too thin for the size"),
        (
            lambda bot: setattr(bot.trader.recovery, "settled", False),
            "position of an earlier run is not resolved",
        ),
    ],
)
def test_nothing_is_opened_while(spoil: Callable[[Bot], None], reason: str, make_bot: Make) -> None:
    bot = make_bot()
    spoil(bot)
    bot.trader.tick()
    assert not bot.desk.opened
    assert all(reason in shown.lower() or reason in shown for shown in bot.reasons())


def test_flatten_sells_everything_and_opens_nothing(make_bot: Make, now: datetime) -> None:
    bot = make_bot(max_positions=2)
    bot.trader.tick()
    bot.ordered.order = SimpleNamespace(
        mode=ControlMode.FLATTEN, who="ada", why="enough", set_at=now, revision=1
    )
    bot.trader.tick()
    assert sorted(bot.desk.stopped) == sorted(bot.desk.opened)
    assert len(bot.desk.opened) == 2


def test_a_long_silence_flattens_only_if_that_is_wanted(make_bot: Make) -> None:
    bot = make_bot(max_positions=1, flatten_after_s=30)
    bot.trader.tick()
    bot.links.silence_s = 31.0
    bot.trader.tick()
    assert bot.desk.stopped == bot.desk.opened


def test_an_alarm_halts_entries_until_somebody_resumes(make_bot: Make, now: datetime) -> None:
    bot = make_bot()
    bot.trader.alarm("something broke")
    bot.trader.tick()
    assert not bot.desk.opened
    bot.ordered.order = SimpleNamespace(
        mode=ControlMode.RUN,
        who="ada",
        why="mended",
        set_at=now + timedelta(seconds=1),
        revision=2,
    )
    bot.trader.parts.orders._clock = lambda: now + timedelta(seconds=1)
    bot.trader.tick()
    bot.trader.recovery.settled = True
    bot.trader.tick()
    assert bot.desk.opened


@dataclass
class Ended:
    """An executor that has let go with an order whose end nobody knows."""

    symbol: str
    position_id: str
    settled: bool = False
    close_type: Any = None

    @property
    def config(self) -> Any:
        return SimpleNamespace(id=self.position_id, trading_pair=self.symbol)


def test_an_order_whose_end_is_unknown_is_called_that_and_not_unsold_coins(
    make_bot: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bot = make_bot()
    bot.trader.tick()
    position = bot.trader.parts.book.held("C0-USD")
    bot.trader.settle(Ended("C0-USD", position.position_id))
    assert "what became of an order is not known; the position is taken up again" in caplog.text
    assert "not sold" not in caplog.text
    assert not bot.trader.recovery.settled
