"""What the script asks of Hummingbot's connectors, the live and the paper one alike."""

from collections.abc import Mapping
from decimal import Decimal

from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.events import OrderFilledEvent
from hummingbot.core.network_iterator import NetworkStatus

from .clock import from_epoch
from .kraken.connector import CarefulKraken
from .kraken.inquiry import Inquiry
from .kraken.prices import Source
from .sizing import Obstacle, Quote
from .trades import Fill


class Exchange:
    """The connector as the script sees it: quotes, minimums and fills."""

    def __init__(self, name: str, connector: CarefulKraken) -> None:
        """Wrap a connector that Hummingbot knows by `name`."""
        self.name = name
        self._connector = connector

    @property
    def ready(self) -> bool:
        """Whether it is connected, with books, rules and balances at hand."""
        connected = self._connector.network_status is NetworkStatus.CONNECTED
        return bool(connected and self._connector.ready)

    @property
    def distrusted(self) -> Mapping[str, str]:
        """Why the book of a coin is not believed now, by symbol."""
        return self._connector.prices.distrusted

    @property
    def symbols(self) -> frozenset[str]:
        """The coins that the connector trades."""
        return frozenset(self._connector.trading_pairs)

    async def inquiry(self) -> Inquiry:
        """Return a way to ask what the exchange knows of this account."""
        return await self._connector.inquiry()

    async def cancel(self, txid: str) -> bool:
        """Cancel an order by the exchange's id; False when nothing was left to cancel."""
        return await self._connector.cancel_txid(txid)

    def quote(self, symbol: str) -> Quote | Obstacle:
        """Return prices, balance and minimums of one coin now, or what is missing."""
        connector = self._connector
        if not self.ready:
            return Obstacle.NOT_READY
        rule = connector.trading_rules.get(symbol)
        if rule is None:
            return Obstacle.NO_TRADING_RULE
        price = connector.trusted_price(symbol)
        if price is None:
            return Obstacle.NO_PRICE
        if price.source is not Source.BOOK:
            return Obstacle.NOT_TRUSTED
        base, quote = symbol.split("-")
        fee = connector.get_fee(base, quote, OrderType.MARKET, TradeType.BUY, Decimal(1), price.mid)
        return Quote(
            bid=price.bid,
            ask=price.ask,
            available=connector.get_available_balance(quote),
            fee_share=fee.percent,
            lot=rule.min_base_amount_increment,
            min_size=rule.min_order_size,
            min_notional=rule.min_notional_size,
        )

    def average_price(self, symbol: str, amount: Decimal) -> Decimal | None:
        """Return what buying `amount` now would cost a coin on average, None if it is not there."""
        found = self._connector.get_vwap_for_volume(symbol, True, amount)
        there = Decimal(str(found.result_volume)) >= amount
        average = Decimal(str(found.result_price))
        return average if there and average.is_finite() else None

    def quote_balance(self, symbol: str) -> Decimal:
        """Return all of the quote currency that the account has, tied up or not."""
        balance: Decimal = self._connector.get_balance(symbol.split("-")[1])
        return balance

    def mid(self, symbol: str) -> Decimal | None:
        """Return the middle of the book, None when it has none."""
        price: Decimal = self._connector.get_mid_price(symbol)
        return price if price.is_finite() and price > 0 else None

    def min_size(self, symbol: str) -> Decimal:
        """Return the smallest base amount that can be traded, 0 when it is not known."""
        rule = self._connector.trading_rules.get(symbol)
        return Decimal(0) if rule is None else rule.min_order_size

    def fill_of(self, event: OrderFilledEvent) -> Fill:
        """Turn Hummingbot's fill event into a record, with the cost that the exchange booked."""
        quote = event.trading_pair.split("-")[1]
        fee = event.trade_fee.fee_amount_in_token(
            event.trading_pair, event.price, event.amount, quote
        )
        order = self._connector._order_tracker.fetch_order(client_order_id=event.order_id)
        update = order.order_fills.get(event.exchange_trade_id) if order is not None else None
        return Fill(
            order_id=event.order_id,
            trade_id=event.exchange_trade_id,
            price=event.price,
            amount=event.amount,
            fee_quote=fee,
            filled_at=from_epoch(event.timestamp if update is None else update.fill_timestamp),
            cost_quote=None if update is None else update.fill_quote_amount,
        )
