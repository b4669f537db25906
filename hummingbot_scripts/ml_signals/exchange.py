"""What the script asks of Hummingbot's connectors, the live and the paper one alike."""

import asyncio
import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hummingbot.connector.exchange.kraken.kraken_utils import convert_from_exchange_trading_pair
from hummingbot.connector.exchange_base import ExchangeBase
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.events import OrderFilledEvent
from hummingbot.core.network_iterator import NetworkStatus

from .clock import from_epoch
from .sizing import Obstacle, Quote
from .trades import Fill

logger = logging.getLogger(__name__)

RETRY_S = 5.0


class Exchange:
    """The connector as the script sees it: quotes, minimums and fills."""

    def __init__(self, connector: ExchangeBase) -> None:
        """Wrap a connector; the smallest order values are unknown until `fetch_minimums`."""
        self._connector = connector
        self._min_notional: dict[str, Decimal] | None = None

    async def fetch_minimums(self) -> None:
        """Learn the smallest order values, which Hummingbot's connector does not read."""
        while self._min_notional is None:
            try:
                self._min_notional = cost_minimums(await self._connector.get_asset_pairs())
            except (OSError, TimeoutError) as error:
                logger.warning("The exchange's smallest orders cannot be fetched yet: %s", error)
                await asyncio.sleep(RETRY_S)

    def quote(self, symbol: str) -> Quote | Obstacle:
        """Return prices, balance and minimums of one coin now, or what is missing."""
        connector = self._connector
        connected = connector.network_status is NetworkStatus.CONNECTED
        if not connected or not connector.ready or self._min_notional is None:
            return Obstacle.NOT_READY
        rule = connector.trading_rules.get(symbol)
        if rule is None:
            return Obstacle.NO_TRADING_RULE
        base, quote = symbol.split("-")
        mid = connector.get_mid_price(symbol)
        fee = connector.get_fee(base, quote, OrderType.MARKET, TradeType.BUY, Decimal(1), mid)
        return Quote(
            mid=mid,
            ask=connector.get_price(symbol, True),
            available=connector.get_available_balance(quote),
            fee_share=fee.percent,
            lot=rule.min_base_amount_increment,
            min_size=rule.min_order_size,
            min_notional=max(rule.min_notional_size, self._min_notional.get(symbol, Decimal(0))),
        )

    def mid(self, symbol: str) -> Decimal | None:
        """Return the middle of the book, None when it has none."""
        price: Decimal = self._connector.get_mid_price(symbol)
        return price if price.is_finite() and price > 0 else None

    def min_size(self, symbol: str) -> Decimal:
        """Return the smallest base amount that can be traded, 0 when it is not known."""
        rule = self._connector.trading_rules.get(symbol)
        return Decimal(0) if rule is None else rule.min_order_size

    def holds(self, symbol: str, amount: Decimal) -> bool:
        """Whether the account holds at least half of `amount` of the coin."""
        balance: Decimal = self._connector.get_balance(symbol.split("-")[0])
        return balance * 2 >= amount

    def fill_of(self, event: OrderFilledEvent) -> Fill:
        """Turn Hummingbot's fill event into a record, the fee in quote currency."""
        quote = event.trading_pair.split("-")[1]
        fee = event.trade_fee.fee_amount_in_token(
            event.trading_pair, event.price, event.amount, quote
        )
        return Fill(
            order_id=event.order_id,
            trade_id=event.exchange_trade_id or event.order_id,
            price=event.price,
            amount=event.amount,
            fee_quote=fee,
            filled_at=from_epoch(event.timestamp),
        )


def cost_minimums(asset_pairs: Mapping[str, Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return the smallest order value in quote currency by symbol, from Kraken's AssetPairs."""
    return {
        convert_from_exchange_trading_pair(details["wsname"]): Decimal(str(details["costmin"]))
        for details in asset_pairs.values()
        if "costmin" in details and "wsname" in details
    }
