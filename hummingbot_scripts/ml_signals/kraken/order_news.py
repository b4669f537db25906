"""What becomes of orders: told by the private stream, and asked for where it is silent."""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate

from .account import RemoteTrade, remote_trade
from .answers import KrakenError, KrakenRefusedError
from .fills import missing_trades, trade_update
from .order_tracker import CarefulOrderTracker
from .pair_names import PairNames
from .private_stream import CarefulUserStream

_STATES = {
    "pending": OrderState.OPEN,
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.CANCELED,
}
_ORDERS_A_QUERY = 50
_TRADES_A_QUERY = 20


class KrakenOrderNews(PairNames):
    """Keeps Hummingbot's orders as Kraken has them.

    An order is asked for every `POLL_S` while it is young, every `SLOW_POLL_S` later, all due
    ones in one request, and at once whenever the stream may have lost something.
    """

    POLL_S = 4.0
    SLOW_POLL_S = 30.0
    NEWS_PATIENCE_S = 2.0
    YOUNG_S = 120.0

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what Hummingbot's connector takes."""
        self._poll_now = asyncio.Event()
        self._cancelling: set[asyncio.Task[None]] = set()
        super().__init__(*args, **named)

    def _create_order_tracker(self) -> CarefulOrderTracker:
        return CarefulOrderTracker(self, self._fetch_fills)

    def _create_user_stream_data_source(self) -> Any:
        return CarefulUserStream(self, self._web_assistants_factory, self._poll_now.set)

    async def cancel_txid(self, txid: str) -> bool:
        """Cancel one order by Kraken's id; False when there was nothing left to cancel."""
        try:
            return bool((await self.ask("CancelOrder", {"txid": txid})).get("count"))
        except KrakenRefusedError as error:
            if "Unknown order" in str(error):
                return False
            raise

    # Told

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
        state = _STATES[status]
        if order.current_state is OrderState.FAILED and state is OrderState.OPEN:
            self._cancel_given_up(order, txid)
        self._order_tracker.process_order_update(
            OrderUpdate(
                trading_pair=order.trading_pair,
                update_timestamp=self.current_timestamp,
                new_state=state,
                client_order_id=order.client_order_id,
                exchange_order_id=txid,
            )
        )

    def _cancel_given_up(self, order: InFlightOrder, txid: str) -> None:
        """Cancel an order that Kraken shows after having denied it: nobody counts on it."""
        self.logger().error(f"Order {order.client_order_id} ({txid}) came late; cancelling it.")
        task = asyncio.ensure_future(self._cancel_quietly(txid))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel_quietly(self, txid: str) -> None:
        try:
            await self.cancel_txid(txid)
        except KrakenError as error:
            self.logger().error(f"Order {txid} could not be cancelled; do it at Kraken: {error}")

    def _take_trade(self, order: InFlightOrder, trade: RemoteTrade) -> None:
        self._order_tracker.process_trade_update(
            trade_update(trade, order, self.trade_fee_schema())
        )

    # Asked for

    async def _watch_orders(self) -> None:
        """Ask for live orders that the stream says nothing of."""
        while True:
            everything = await self._next_poll()
            due = [o for o in self.in_flight_orders.values() if everything or self._due(o)]
            try:
                await self._query(due)
            except KrakenError as error:
                self.logger().warning(f"Kraken cannot be asked for orders: {error}")
                await asyncio.sleep(self.POLL_S)

    async def _next_poll(self) -> bool:
        """Wait for the next round; True when all orders are to be asked for."""
        try:
            async with asyncio.timeout(self.POLL_S):
                await self._poll_now.wait()
        except TimeoutError:
            return False
        self._poll_now.clear()
        return True

    def _due(self, order: InFlightOrder) -> bool:
        if order.client_order_id in self._order_tracker.unsettled:
            return True
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
            answers = await self._stand_of(names[first : first + _ORDERS_A_QUERY])
            for txid, answer in answers.items():
                if (order := known.get(txid)) is not None:
                    await self._take_stand(order, txid, answer)

    async def _stand_of(self, txids: list[str]) -> dict[str, Any]:
        """Ask for several orders; one that Kraken does not know hides the others no longer."""
        try:
            return dict(await self._query_orders(",".join(txids)))
        except KrakenRefusedError:
            if len(txids) == 1:
                raise
        found: dict[str, Any] = {}
        for txid in txids:
            try:
                found |= await self._query_orders(txid)
            except KrakenRefusedError as error:
                self.logger().warning(f"Kraken says nothing of order {txid}: {error}")
        return found

    async def _query_orders(self, txids: str) -> Any:
        return await self.ask("QueryOrders", {"txid": txids, "trades": "true"})

    async def _take_stand(self, order: InFlightOrder, txid: str, answer: Mapping[str, Any]) -> None:
        try:
            await self._take_missing(order, answer)
        except KrakenRefusedError as error:
            self.logger().warning(f"The fills of {order.client_order_id} come later: {error}")
        if answer["status"] in _STATES:
            self._note_state(order, txid, answer["status"])

    async def _fetch_fills(self, order: InFlightOrder) -> bool:
        """Bring an order's fills up to what Kraken has; False when Kraken cannot be asked."""
        txid = order.exchange_order_id
        try:
            answer = (await self._query_orders(txid))[txid]
            await self._take_missing(order, answer)
        except (KrakenError, KeyError) as error:
            name = order.client_order_id
            self.logger().warning(f"The fills of {name} are not known yet: {error}")
            return False
        return bool(order.executed_amount_base >= Decimal(answer["vol_exec"]))

    async def _take_missing(self, order: InFlightOrder, answer: Mapping[str, Any]) -> None:
        missing = missing_trades(order, answer)
        for first in range(0, len(missing), _TRADES_A_QUERY):
            ids = missing[first : first + _TRADES_A_QUERY]
            trades = await self.ask("QueryTrades", {"txid": ",".join(ids)})
            for trade_id, content in trades.items():
                self._take_trade(order, remote_trade(trade_id, content, self.symbol_of))

    async def _update_order_status(self) -> None:
        await self._query(self.in_flight_orders.values())

    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        txid = await tracked_order.get_exchange_order_id()
        answer = (await self._query_orders(txid))[txid]
        await self._take_missing(tracked_order, answer)
        return OrderUpdate(
            trading_pair=tracked_order.trading_pair,
            update_timestamp=self.current_timestamp,
            new_state=_STATES[answer["status"]],
            client_order_id=tracked_order.client_order_id,
            exchange_order_id=txid,
        )
