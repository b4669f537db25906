"""The stand-in's private interface, asked in this process: answers, counters and faults are its."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from hummingbot_scripts.ml_signals.kraken.answers import error_for
from hummingbot_scripts.ml_signals.kraken.inquiry import Inquiry
from market_sim.faults import FaultSwitch
from market_sim.kraken_account import Desk, KrakenAccount
from market_sim.kraken_auth import Authenticator
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_limits import Limits, Tier
from market_sim.kraken_orders import NewOrder, Order, OrderRefusedError, OrderType, Side
from market_sim.kraken_pairs import Fees
from market_sim.kraken_server import TEST_KEY, TEST_SECRET
from market_sim.kraken_timer import Timer
from tests.market_sim.markets import SetClock

SIZE = Decimal("0.01")


class ManyPrices:
    """So many coins, each worth the same all the time; the first is Bitcoin."""

    def __init__(self, count: int) -> None:
        self.symbols = ("BTC-USD", *(f"C{number:02d}-USD" for number in range(1, count)))

    def price_at(self, _symbol: str, _when: datetime, /) -> float:
        return 1000.0


class AskedAccount:
    """An account at the stand-in; `calls` are the questions so far, by method."""

    def __init__(self, coins: int = 2, tier: Tier | None = None) -> None:
        self.clock = SetClock()
        self.faults = FaultSwitch(0, self.clock)
        balances = {"ZUSD": Decimal(1_000_000)}
        fees = Fees(Decimal("0.0026"), Decimal("0.0016"))
        self.exchange = Exchange(ManyPrices(coins), balances, fees, self.clock, faults=self.faults)
        limits = Limits(tier, self.clock)
        auth = Authenticator(TEST_KEY, TEST_SECRET, self.clock, 0)
        timer = Timer(self.clock)
        self._account = KrakenAccount(Desk(self.exchange, auth, self.faults, limits, timer))
        self.calls: list[tuple[str, dict[str, str]]] = []

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    async def ask(self, method: str, given: Mapping[str, str]) -> Any:
        self.calls.append((method, dict(given)))
        try:
            self._account.admit(self._account.occasion(method, given))
            return await self._account.actions[method](given)
        except OrderRefusedError as refusal:
            raise error_for([str(refusal)]) from refusal

    def inquiry(self) -> Inquiry:
        return Inquiry(self.ask, self.symbol_of)

    def symbol_of(self, name: str) -> str | None:
        pairs = self.exchange.pairs.values()
        return next((pair.symbol for pair in pairs if name in pair.names()), None)

    def trade(
        self,
        side: Side,
        userref: int = 0,
        symbol: str = "BTC-USD",
        size: Decimal = SIZE,
    ) -> Order:
        """Place a market order and have it worked at once; number 0 is somebody else's."""
        order = self._add(NewOrder(self._pair(symbol), side, OrderType.MARKET, size, None, userref))
        self.exchange.work(order)
        return order

    def rest(self, userref: int, price: Decimal, symbol: str = "BTC-USD") -> Order:
        """Place an order that buys once the price has fallen."""
        wanted = NewOrder(self._pair(symbol), Side.BUY, OrderType.LIMIT, SIZE, price, userref)
        order = self._add(wanted)
        self.exchange.work(order)
        return order

    def _add(self, wanted: NewOrder) -> Order:
        self.exchange.follow_prices()
        return self.exchange.add(wanted)

    def _pair(self, symbol: str) -> Any:
        return self.exchange.pairs[symbol]
