"""The fills of an order, from Kraken's trades. Pure."""

from collections.abc import Mapping
from typing import Any

from hummingbot.core.data_type.in_flight_order import InFlightOrder, TradeUpdate
from hummingbot.core.data_type.trade_fee import TokenAmount, TradeFeeBase, TradeFeeSchema

from .account import RemoteTrade


def trade_update(trade: RemoteTrade, order: InFlightOrder, schema: TradeFeeSchema) -> TradeUpdate:
    """Return a fill as Hummingbot's order tracker takes it, with Kraken's cost and fee."""
    fee = TradeFeeBase.new_spot_fee(
        fee_schema=schema,
        trade_type=order.trade_type,
        percent_token=order.quote_asset,
        flat_fees=[TokenAmount(amount=trade.fee_quote, token=order.quote_asset)],
    )
    return TradeUpdate(
        trade_id=trade.trade_id,
        client_order_id=order.client_order_id,
        exchange_order_id=trade.txid,
        trading_pair=order.trading_pair,
        fee=fee,
        fill_base_amount=trade.amount,
        fill_quote_amount=trade.cost,
        fill_price=trade.price,
        fill_timestamp=trade.at.timestamp(),
    )


def missing_trades(order: InFlightOrder, answer: Mapping[str, Any]) -> list[str]:
    """Return the ids of the trades of an order's QueryOrders answer that it does not know."""
    return [str(txid) for txid in answer.get("trades") or () if txid not in order.order_fills]
