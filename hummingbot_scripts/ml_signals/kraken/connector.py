"""Hummingbot's Kraken connector with orders, fills, books and balances that can be relied on."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import aiohttp
import hummingbot.connector.exchange.kraken.kraken_exchange as stock
from hummingbot.connector.exchange.kraken import kraken_constants as constants
from hummingbot.core.data_type.common import PriceType
from hummingbot.core.network_iterator import NetworkStatus

from ..clock import utc_now
from ..supervisor import supervise
from .account import balances_of, remote_order
from .book_stream import CarefulBookStream, PromptBooks
from .inquiry import Inquiry
from .ladder import Best
from .orders import KrakenOrders, Sending
from .prices import PriceWatch, TrustedPrice
from .rules import locked, trading_rules

__all__ = ["CarefulKraken", "Sending", "install"]

_NAN = Decimal("NaN")


class CarefulKraken(KrakenOrders):
    """The live connector.

    `before_send` is called with every order before its request leaves; if it raises, the order is
    failed and nothing is sent. All private requests go through `private`.
    """

    TICKER_S = 3.0
    CLOCK_S = 60.0
    BALANCES_S = 3.0
    ALIVE_S = 30.0
    SHORT_POLL_INTERVAL = 15.0

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self.prices = PriceWatch(utc_now)
        self._watches: list[asyncio.Task[None]] = []
        self._asking_balances = False
        self._balances_lock = asyncio.Lock()
        super().__init__(*args, **named)
        self._set_order_book_tracker(
            PromptBooks(self._orderbook_ds, self._trading_pairs, domain=self.domain)
        )

    def _create_order_book_data_source(self) -> CarefulBookStream:
        return CarefulBookStream(
            self._trading_pairs,
            self,
            self._web_assistants_factory,
            clock=utc_now,
            on_book=lambda symbol, ladder: self.prices.book(symbol, ladder.best),
            on_broken=self.prices.broken,
        )

    async def start_network(self) -> None:
        """Start Hummingbot's loops and the watches over clock, prices and orders."""
        await super().start_network()
        watches = {"The watch over Kraken's prices": self._watch_prices}
        watches["The watch over Kraken's clock"] = self._watch_clock
        if self.is_trading_required:
            watches["The watch over orders"] = self._watch_orders
            watches["The first look at the balances"] = self._learn_balances
        self._watches = [
            asyncio.create_task(supervise(name, watch)) for name, watch in watches.items()
        ]

    async def stop_network(self) -> None:
        """Stop everything that `start_network` started."""
        for watch in self._watches:
            watch.cancel()
        self._watches = []
        await super().stop_network()

    async def check_network(self) -> NetworkStatus:
        """Tell whether Kraken can be heard; prices are proof enough.

        Hummingbot stops all streams of a connector that it takes for cut off, so a failing public
        interface alone must not count.
        """
        if self.prices.heard_within(self.ALIVE_S):
            return NetworkStatus.CONNECTED
        return await super().check_network()

    # The account

    async def inquiry(self) -> Inquiry:
        """Return a way to ask about this account; its calls go before those that can wait."""
        await self.learn_symbols()
        return Inquiry(self.ask_first, self.symbol_of)

    async def _learn_balances(self) -> None:
        """Ask for the balances until they are known: before that no position is guarded.

        Hummingbot itself would ask again after two minutes only.
        """
        while not self._account_balances:
            await asyncio.sleep(self.BALANCES_S)
            try:
                await self._update_balances()
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                self.logger().info(f"The balances cannot be asked for: {error!r}")

    async def _update_balances(self) -> None:
        """Ask for the balances; who comes while that is done waits for it and asks no more."""
        asking, self._asking_balances = self._asking_balances, True
        async with self._balances_lock:
            if not asking:
                try:
                    await self._ask_balances()
                finally:
                    self._asking_balances = False

    async def _ask_balances(self) -> None:
        await self.learn_symbols()
        ask = self.ask if self._account_balances else self.ask_first
        answer = (await ask("OpenOrders", {}))["open"]
        held = balances_of(await ask("Balance", {}))
        orders = [remote_order(txid, given, self.symbol_of) for txid, given in answer.items()]
        prices = {s: price.ask for s in self._trading_pairs if (price := self.prices.trusted(s))}
        tied = locked(orders, prices)
        free = {asset: amount - tied.get(asset, Decimal(0)) for asset, amount in held.items()}
        for known, fresh in (
            (self._account_balances, held),
            (self._account_available_balances, free),
        ):
            known.clear()
            known.update(fresh)

    async def _format_trading_rules(self, exchange_info_dict: Mapping[str, Any]) -> list[Any]:
        return trading_rules(exchange_info_dict.values())

    # Prices

    def trusted_price(self, symbol: str) -> TrustedPrice | None:
        """Return the best prices that can be acted on now, None when there are none."""
        return self.prices.trusted(symbol)

    def get_price_by_type(self, trading_pair: str, price_type: PriceType) -> Decimal:
        """Return a price that can be acted on, NaN when there is none."""
        trusted = self.trusted_price(trading_pair)
        if trusted is None:
            return _NAN
        if price_type is PriceType.BestBid:
            return trusted.bid
        return trusted.ask if price_type is PriceType.BestAsk else trusted.mid

    def get_price(
        self,
        trading_pair: str,
        is_buy: bool,
        amount: Decimal = _NAN,  # noqa: ARG002
    ) -> Decimal:
        """Return the best price to buy or to sell at, NaN when there is none."""
        side = PriceType.BestAsk if is_buy else PriceType.BestBid
        return self.get_price_by_type(trading_pair, side)

    def get_mid_price(self, trading_pair: str) -> Decimal:
        """Return the middle of the best prices, NaN when there are none."""
        return self.get_price_by_type(trading_pair, PriceType.MidPrice)

    async def _watch_prices(self) -> None:
        """Hold the books against what Kraken says when asked, one call for all symbols."""
        while True:
            await asyncio.sleep(self.TICKER_S)
            try:
                await self.learn_symbols()
                await self._compare_prices()
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                self.logger().info(f"Kraken's prices cannot be asked for: {error!r}")

    async def _watch_clock(self) -> None:
        while True:
            try:
                await self.measure_clock()
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                self.logger().info(f"Kraken's time cannot be asked for: {error!r}")
            await asyncio.sleep(self.CLOCK_S)

    async def _compare_prices(self) -> None:
        names = [
            await self.exchange_symbol_associated_to_pair(trading_pair=symbol)
            for symbol in self._trading_pairs
        ]
        tickers = await self.public(constants.TICKER_PATH_URL, {"pair": ",".join(names)})
        for name, ticker in tickers.items():
            symbol = self.symbol_of(name)
            if symbol is not None and symbol in self._trading_pairs:
                self._compare(symbol, Best(Decimal(ticker["b"][0]), Decimal(ticker["a"][0])))

    def _compare(self, symbol: str, best: Best) -> None:
        if self.prices.ticker(symbol, best):
            why = self.prices.distrusted.get(symbol, "there is none")
            self.logger().warning(f"The book of {symbol} is asked for anew: {why}.")
            self.order_book_tracker.data_source.renew(symbol)


def install() -> None:
    """Make Hummingbot build this connector for `kraken`; call before connectors are created."""
    stock.KrakenExchange = CarefulKraken
