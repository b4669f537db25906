"""Places and cancels orders, among them the protective stop that Hummingbot does not know."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hummingbot.connector.exchange.kraken import kraken_constants as constants
from hummingbot.connector.utils import get_new_numeric_client_order_id
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from ..trades import OrderSide
from .account import RemoteTrade
from .fills import trade_update
from .order_news import KrakenOrderNews
from .placing import Placer


@dataclass(frozen=True, slots=True)
class Sending:
    """An order at the moment before it is sent; amounts in base units."""

    order_id: str
    symbol: str
    side: OrderSide
    order_type: str
    amount: Decimal
    trigger: Decimal | None = None


class KrakenOrders(KrakenOrderNews):
    """Sends each order once, and knows of each what became of it.

    `before_send` is called with every order before its request leaves; if it raises, the order is
    failed and nothing is sent.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self.before_send: Callable[[Sending], None] | None = None
        super().__init__(*args, **named)
        self.placer = Placer(self.private, self.ask, self.server_clock.now, self._known_txid)

    def restore_tracking_states(self, saved_states: Any) -> None:
        """Forget what Hummingbot saved: the bot's own journal and Kraken know better."""

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
            "volume": f"{amount:f}",
            **_terms(order_type, price, trigger),
        }
        return await self.placer.place(order_id, wanted), self.current_timestamp

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

    async def place_stop(self, symbol: str, amount: Decimal, trigger: Decimal, userref: str) -> str:
        """Rest a stop-loss order that sells `amount` once the price falls to `trigger`.

        Both are cut to Kraken's steps. It is tracked under `userref` like any order. Raises as
        `Placer.place` does.
        """
        self.start_tracking_order(
            order_id=userref,
            exchange_order_id=None,
            trading_pair=symbol,
            trade_type=TradeType.SELL,
            price=self.quantize_order_price(symbol, trigger),
            amount=self.quantize_order_amount(symbol, amount),
            order_type=OrderType.MARKET,
        )
        order = self._order_tracker.fetch_tracked_order(userref)
        try:
            return str(await self._place_order_and_process_update(order, trigger=order.price))
        except Exception as error:
            self._update_order_after_failure(userref, symbol, error)
            raise

    def new_order_id(self) -> str:
        """Return a reference that was never used, as `buy` and `sell` make them."""
        return str(
            get_new_numeric_client_order_id(
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


def _terms(order_type: OrderType, price: Decimal, trigger: Decimal | None) -> dict[str, str]:
    """Return Kraken's words for the kind of an order and its price."""
    if trigger is not None:
        return {"ordertype": "stop-loss", "price": f"{trigger:f}"}
    if order_type is OrderType.MARKET:
        return {"ordertype": "market"}
    post_only = {"oflags": "post"} if order_type is OrderType.LIMIT_MAKER else {}
    return {"ordertype": "limit", "price": f"{price:f}", **post_only}
