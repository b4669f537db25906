"""Hummingbot's Kraken connector with orders, fills, books and balances that can be relied on."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import hummingbot.connector.exchange.kraken.kraken_exchange as stock
from hummingbot.connector.exchange.kraken import kraken_constants as constants
from hummingbot.connector.exchange.kraken.kraken_exchange import KrakenExchange
from hummingbot.connector.exchange.kraken.kraken_utils import build_rate_limits_by_tier
from hummingbot.core.api_throttler.async_throttler import AsyncThrottler
from hummingbot.core.api_throttler.data_types import LinkedLimitWeightPair, RateLimit
from hummingbot.core.data_type.common import OrderType, PriceType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate
from hummingbot.core.web_assistant.connections.data_types import RESTMethod

from ..clock import utc_now
from ..trades import OrderSide
from .account import (
    AccountSnapshot,
    RemoteTrade,
    balances_of,
    read_account,
    remote_order,
    remote_trade,
)
from .answers import KrakenError, KrakenRefusedError, error_of_failure, result_of
from .auth import NONCES, CarefulAuth
from .book_stream import CarefulBookStream
from .fills import missing_trades, trade_update
from .ladder import Best
from .order_tracker import CarefulOrderTracker
from .placing import NONCE_ERROR, Placer, asking
from .prices import PriceWatch, TrustedPrice
from .private_stream import CarefulUserStream
from .rules import locked, trading_rules

_NAN = Decimal("NaN")
_PRIVATE = "/0/private/"
_HEAVY = ("ClosedOrders", "TradesHistory")
_STATES = {
    "pending": OrderState.OPEN,
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.CANCELED,
}
_ORDERS_A_QUERY = 50
_TRADES_A_QUERY = 20


@dataclass(frozen=True, slots=True)
class Sending:
    """An order at the moment before it is sent; amounts in base units."""

    order_id: str
    symbol: str
    side: OrderSide
    order_type: str
    amount: Decimal
    trigger: Decimal | None = None


class CarefulKraken(KrakenExchange):  # type: ignore[misc]
    """The live connector.

    `before_send` is called with every order before its request leaves; if it raises, the order is
    failed and nothing is sent. All private requests go through `private`.
    """

    REQUEST_TIMEOUT_S = 10.0
    POLL_S = 4.0
    SLOW_POLL_S = 30.0
    NEWS_PATIENCE_S = 2.0
    YOUNG_S = 120.0
    TICKER_S = 3.0
    SHORT_POLL_INTERVAL = 15.0

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self.prices = PriceWatch(utc_now)
        self.before_send: Callable[[Sending], None] | None = None
        self._poll_now = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []
        self._wsnames: dict[str, str] = {}
        super().__init__(*args, **named)
        self.ask = asking(self.private)
        self.placer = Placer(self.private, self.ask, utc_now, self._known_txid)

    # How it is built

    @property
    def authenticator(self) -> CarefulAuth:
        """Sign with nonces that only grow."""
        return CarefulAuth(self.api_key, self.secret_key, self._time_synchronizer)

    def _build_async_throttler(self, api_tier: Any) -> AsyncThrottler:
        limit, _ = constants.KRAKEN_TIER_LIMITS[api_tier]
        pool = constants.PRIVATE_ENDPOINT_LIMIT_ID
        linked = [LinkedLimitWeightPair(pool, 2)]
        more = [
            RateLimit(
                limit_id=_PRIVATE + method,
                limit=limit,
                time_interval=60,
                weight=2,
                linked_limits=linked,
            )
            for method in _HEAVY
        ]
        return AsyncThrottler([*build_rate_limits_by_tier(api_tier), *more])

    def _create_order_tracker(self) -> CarefulOrderTracker:
        return CarefulOrderTracker(self, self._fetch_fills)

    def _create_user_stream_data_source(self) -> Any:
        return CarefulUserStream(self, self._web_assistants_factory, self._poll_now.set)

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
        """Start Hummingbot's loops and the two watches."""
        await super().start_network()
        watches = [self._watch_prices, *([self._watch_orders] if self.is_trading_required else [])]
        self._watches = [asyncio.create_task(watch()) for watch in watches]

    async def stop_network(self) -> None:
        """Stop everything that `start_network` started."""
        for watch in self._watches:
            watch.cancel()
        self._watches = []
        await super().stop_network()

    def restore_tracking_states(self, saved_states: Mapping[str, Any]) -> None:
        """Forget what Hummingbot saved: the bot's own journal and Kraken know better."""

    # Requests

    async def private(self, method: str, parameters: Mapping[str, str]) -> Any:
        """Put one signed request to Kraken and return its result; raises a `KrakenError`."""
        try:
            async with asyncio.timeout(self.REQUEST_TIMEOUT_S):
                answer = await self._api_request(
                    path_url=_PRIVATE + method,
                    method=RESTMethod.POST,
                    data=dict(parameters),
                    is_auth_required=True,
                )
            result = result_of(answer)
        except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as failure:
            error = error_of_failure(failure)
            if NONCE_ERROR in str(error):
                NONCES.refused()
            raise error from failure
        NONCES.accepted()
        return result

    async def _api_request_with_retry(
        self, method: Any, path_url: str, *args: Any, **named: Any
    ) -> Any:
        if not path_url.startswith(_PRIVATE):
            return await super()._api_request_with_retry(method, path_url, *args, **named)
        return await self.ask(path_url.removeprefix(_PRIVATE), named.get("data") or {})

    # Orders

    async def _place_order(
        self,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        trade_type: TradeType,
        order_type: OrderType,
        price: Decimal,
        **kwargs: Any,
    ) -> tuple[str, float]:
        trigger: Decimal | None = kwargs.get("trigger")
        side = OrderSide[trade_type.name]
        kind = "stop-loss" if trigger is not None else order_type.name
        if self.before_send is not None:
            self.before_send(Sending(order_id, trading_pair, side, kind, amount, trigger))
        wanted = {
            "pair": await self.exchange_symbol_associated_to_pair(trading_pair=trading_pair),
            "type": side.lower(),
            "ordertype": "market" if order_type is OrderType.MARKET else "limit",
            "volume": f"{amount:f}",
        }
        if trigger is not None:
            wanted |= {"ordertype": kind, "price": f"{trigger:f}"}
        elif order_type is not OrderType.MARKET:
            wanted |= {"price": f"{price:f}"}
        if order_type is OrderType.LIMIT_MAKER:
            wanted |= {"oflags": "post"}
        txid = await self.placer.place(order_id, wanted)
        return txid, self.current_timestamp

    async def _place_cancel(
        self,
        order_id: str,  # noqa: ARG002 (Hummingbot's signature)
        tracked_order: InFlightOrder,
    ) -> bool:
        """Ask for a cancellation; how the order ended is then read from Kraken, not assumed."""
        txid = await tracked_order.get_exchange_order_id()
        await self.cancel_txid(txid)
        await self._query([tracked_order])
        return False

    async def cancel_txid(self, txid: str) -> bool:
        """Cancel one order by Kraken's id; False when there was nothing left to cancel."""
        try:
            return bool((await self.ask("CancelOrder", {"txid": txid})).get("count"))
        except KrakenRefusedError as error:
            if constants.UNKNOWN_ORDER_MESSAGE in str(error):
                return False
            raise

    async def place_stop(self, symbol: str, amount: Decimal, trigger: Decimal, userref: str) -> str:
        """Rest a stop-loss order that sells `amount` once the price falls to `trigger`.

        It is tracked under `userref` like any order. Raises as `Placer.place` does.
        """
        self.start_tracking_order(
            order_id=userref,
            exchange_order_id=None,
            trading_pair=symbol,
            trade_type=TradeType.SELL,
            price=trigger,
            amount=amount,
            order_type=OrderType.MARKET,
        )
        order = self._order_tracker.fetch_tracked_order(userref)
        try:
            return str(await self._place_order_and_process_update(order, trigger=trigger))
        except Exception as error:
            self._update_order_after_failure(userref, symbol, error)
            raise

    def new_order_id(self) -> str:
        """Return a reference that was never used, as `buy` and `sell` make them."""
        return str(
            stock.get_new_numeric_client_order_id(
                nonce_creator=self._client_order_id_nonce_provider,
                max_id_bit_count=constants.MAX_ID_BIT_COUNT,
            )
        )

    def resume_order(
        self, order: InFlightOrder, trades: Iterable[RemoteTrade] = ()
    ) -> InFlightOrder:
        """Track an order of an earlier run again, with the fills it has had; tells nobody of them.

        A live one gets further news as if this run had placed it.
        """
        for trade in trades:
            order.update_with_trade_update(trade_update(trade, order, self.trade_fee_schema()))
        if order.is_open:
            self._order_tracker.start_tracking_order(order)
            self._poll_now.set()
        return order

    def _known_txid(self, order_id: str) -> str | None:
        order = self._order_tracker.fetch_order(client_order_id=order_id)
        return order.exchange_order_id if order is not None else None

    # News of orders

    def _process_order_message(self, orders: list[Any]) -> None:
        for message in orders[0]:
            for txid, content in message.items():
                order = self._mine(txid, content.get("userref"))
                if order is not None and content.get("status") in _STATES:
                    self._note_state(order, txid, content["status"])

    def _process_trade_message(self, trades: list[Any]) -> None:
        for message in trades:
            for trade_id, content in message.items():
                order = self._mine(content.get("ordertxid", ""), content.get("userref"))
                if order is not None:
                    self._take_trade(order, remote_trade(trade_id, content, self.symbol_of))

    def _mine(self, txid: str, userref: Any) -> InFlightOrder | None:
        tracked = self._order_tracker.all_fillable_orders
        by_reference = tracked.get(str(userref)) if userref else None
        if by_reference is not None:
            return by_reference if by_reference.exchange_order_id in {None, txid} else None
        return next((o for o in tracked.values() if o.exchange_order_id == txid), None)

    def _note_state(self, order: InFlightOrder, txid: str, status: str) -> None:
        self._order_tracker.process_order_update(
            OrderUpdate(
                trading_pair=order.trading_pair,
                update_timestamp=self.current_timestamp,
                new_state=_STATES[status],
                client_order_id=order.client_order_id,
                exchange_order_id=txid,
            )
        )

    def _take_trade(self, order: InFlightOrder, trade: RemoteTrade) -> None:
        self._order_tracker.process_trade_update(
            trade_update(trade, order, self.trade_fee_schema())
        )

    async def _fetch_fills(self, order: InFlightOrder) -> bool:
        """Bring an order's fills up to what Kraken has; False when Kraken cannot be asked."""
        txid = order.exchange_order_id
        try:
            answer = (await self.ask("QueryOrders", {"txid": txid, "trades": "true"}))[txid]
            await self._take_missing(order, answer)
        except (KrakenError, KeyError) as error:
            self.logger().warning(
                f"The fills of {order.client_order_id} are not known yet: {error}"
            )
            return False
        return bool(order.executed_amount_base >= Decimal(answer["vol_exec"]))

    async def _take_missing(self, order: InFlightOrder, answer: Mapping[str, Any]) -> None:
        missing = missing_trades(order, answer)
        for first in range(0, len(missing), _TRADES_A_QUERY):
            ids = missing[first : first + _TRADES_A_QUERY]
            trades = await self.ask("QueryTrades", {"txid": ",".join(ids)})
            for trade_id, content in trades.items():
                self._take_trade(order, remote_trade(trade_id, content, self.symbol_of))

    async def _watch_orders(self) -> None:
        """Ask for live orders that the stream says nothing of."""
        while True:
            try:
                async with asyncio.timeout(self.POLL_S):
                    await self._poll_now.wait()
            except TimeoutError:
                pass
            everything = self._poll_now.is_set()
            self._poll_now.clear()
            due = [
                order for order in self.in_flight_orders.values() if everything or self._due(order)
            ]
            try:
                await self._query(due)
            except KrakenError as error:
                self.logger().warning(f"Kraken cannot be asked for orders: {error}")
                await asyncio.sleep(self.POLL_S)

    def _due(self, order: InFlightOrder) -> bool:
        now = self.current_timestamp
        age = now - order.creation_timestamp
        if age < self.YOUNG_S:
            return bool(age > self.NEWS_PATIENCE_S)
        return bool(int(now / self.SLOW_POLL_S) != int((now - self.POLL_S) / self.SLOW_POLL_S))

    async def _query(self, orders: Iterable[InFlightOrder]) -> None:
        """Read how orders stand, many at a time, and take what is new."""
        known = {order.exchange_order_id: order for order in orders if order.exchange_order_id}
        names = list(known)
        for first in range(0, len(names), _ORDERS_A_QUERY):
            chosen = ",".join(names[first : first + _ORDERS_A_QUERY])
            answers = await self.ask("QueryOrders", {"txid": chosen, "trades": "true"})
            for txid, answer in answers.items():
                await self._take_missing(known[txid], answer)
                if answer["status"] in _STATES:
                    self._note_state(known[txid], txid, answer["status"])

    async def _update_order_status(self) -> None:
        await self._query(self.in_flight_orders.values())

    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        txid = await tracked_order.get_exchange_order_id()
        answer = (await self.ask("QueryOrders", {"txid": txid, "trades": "true"}))[txid]
        await self._take_missing(tracked_order, answer)
        return OrderUpdate(
            trading_pair=tracked_order.trading_pair,
            update_timestamp=self.current_timestamp,
            new_state=_STATES[answer["status"]],
            client_order_id=tracked_order.client_order_id,
            exchange_order_id=txid,
        )

    # The account

    async def account(self, since: datetime) -> AccountSnapshot:
        """Return everything that Kraken knows of this account since a moment (UTC)."""
        await self._symbols()
        return await read_account(self.ask, since, self.symbol_of)

    async def _update_balances(self) -> None:
        await self._symbols()
        answer = (await self.ask("OpenOrders", {}))["open"]
        held = balances_of(await self.ask("Balance", {}))
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

    async def _symbols(self) -> None:
        """Learn every name of the traded pairs, of which Kraken has three."""
        if self._wsnames:
            return
        for key, pair in (await self.get_asset_pairs_by_key()).items():
            symbol = stock.convert_from_exchange_trading_pair(pair.get("wsname", "/"))
            self._wsnames |= dict.fromkeys((key, pair["altname"], pair.get("wsname", key)), symbol)

    async def get_asset_pairs_by_key(self) -> dict[str, Any]:
        """Return AssetPairs as Kraken gives it."""
        pairs: dict[str, Any] = await self._api_get(path_url=constants.ASSET_PAIRS_PATH_URL)
        return pairs

    def symbol_of(self, name: str) -> str | None:
        """Return the symbol that one of Kraken's names of a pair stands for."""
        return self._wsnames.get(name)

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

    def get_mid_price(self, trading_pair: str) -> Decimal:
        """Return the middle of the best prices, NaN when there are none."""
        return self.get_price_by_type(trading_pair, PriceType.MidPrice)

    async def _watch_prices(self) -> None:
        """Hold the books against what Kraken says when asked, one call for all symbols."""
        while True:
            await asyncio.sleep(self.TICKER_S)
            try:
                await self._symbols()
                await self._compare_prices()
            except (OSError, TimeoutError, ValueError, KeyError, aiohttp.ClientError) as error:
                self.logger().info(f"Kraken's prices cannot be asked for: {error}")

    async def _compare_prices(self) -> None:
        names = [
            await self.exchange_symbol_associated_to_pair(trading_pair=symbol)
            for symbol in self._trading_pairs
        ]
        async with asyncio.timeout(self.REQUEST_TIMEOUT_S):
            answer = await self._api_request(
                path_url=constants.TICKER_PATH_URL, params={"pair": ",".join(names)}
            )
        for name, ticker in result_of(answer).items():
            symbol = self.symbol_of(name)
            if symbol is not None and symbol in self._trading_pairs:
                best = Best(Decimal(ticker["b"][0]), Decimal(ticker["a"][0]))
                if self.prices.ticker(symbol, best):
                    why = self.prices.distrusted[symbol]
                    self.logger().warning(f"The book of {symbol} is not believed: {why}.")
                    self.order_book_tracker.data_source.renew(symbol)


def install() -> None:
    """Make Hummingbot build this connector for `kraken`; call before connectors are created."""
    stock.KrakenExchange = CarefulKraken
