"""What Kraken knows of an account, in this bot's words: orders, trades and balances."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from hummingbot.connector.exchange.kraken.kraken_utils import convert_from_exchange_symbol

from ..clock import from_epoch
from ..trades import OrderSide

Ask = Callable[[str, Mapping[str, str]], Awaitable[Any]]
"""Puts a question to Kraken's private interface: method and parameters to the result."""


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as Kraken knows it; amounts in base units, times tz-aware UTC.

    `status` is `pending`, `open`, `closed`, `canceled` or `expired`; `symbol` is None for a pair
    that this bot does not trade.
    """

    txid: str
    userref: int | None
    symbol: str | None
    side: OrderSide
    order_type: str
    amount: Decimal
    filled: Decimal
    status: str
    opened_at: datetime
    closed_at: datetime | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    trade_ids: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it can still fill."""
        return self.status in {"pending", "open"}


@dataclass(frozen=True, slots=True)
class RemoteTrade:
    """A fill as Kraken knows it: price, cost and fee in quote currency, amount in base units."""

    trade_id: str
    txid: str
    symbol: str | None
    side: OrderSide
    price: Decimal
    amount: Decimal
    cost: Decimal
    fee_quote: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """What is known of an account: orders, open or not, fills, and what is held by asset."""

    orders: tuple[RemoteOrder, ...]
    trades: tuple[RemoteTrade, ...]
    balances: Mapping[str, Decimal]


def remote_order(
    txid: str, given: Mapping[str, Any], symbol_of: Callable[[str], str | None]
) -> RemoteOrder:
    """Read one order of OpenOrders, ClosedOrders or QueryOrders."""
    wanted = given["descr"]
    kind, price = wanted["ordertype"], Decimal(wanted.get("price") or 0)
    return RemoteOrder(
        txid=txid,
        userref=int(given["userref"]) if given.get("userref") else None,
        symbol=symbol_of(wanted["pair"]),
        side=OrderSide(wanted["type"].upper()),
        order_type=kind,
        amount=Decimal(given["vol"]),
        filled=Decimal(given["vol_exec"]),
        status=given["status"],
        opened_at=from_epoch(float(given["opentm"])),
        closed_at=from_epoch(float(given["closetm"])) if given.get("closetm") else None,
        price=price if kind == "limit" else None,
        trigger=price if kind == "stop-loss" else None,
        trade_ids=tuple(given.get("trades") or ()),
    )


def remote_trade(
    trade_id: str, given: Mapping[str, Any], symbol_of: Callable[[str], str | None]
) -> RemoteTrade:
    """Read one trade of TradesHistory or QueryTrades."""
    return RemoteTrade(
        trade_id=trade_id,
        txid=given["ordertxid"],
        symbol=symbol_of(given["pair"]),
        side=OrderSide(given["type"].upper()),
        price=Decimal(given["price"]),
        amount=Decimal(given["vol"]),
        cost=Decimal(given["cost"]),
        fee_quote=Decimal(given["fee"]),
        at=from_epoch(float(given["time"])),
    )


def balances_of(answer: Mapping[str, str]) -> dict[str, Decimal]:
    """Return what is held by Hummingbot's asset name.

    `.F`, `.S`, `.M`, `.B`, `.T` balances are the same asset under another scheme of interest;
    only `.F` can be traded with at once, so only that one counts.
    """
    held: dict[str, Decimal] = {}
    for name, given in answer.items():
        asset, _, scheme = name.partition(".")
        if scheme not in {"", "F"}:
            continue
        amount = Decimal(given)
        known = convert_from_exchange_symbol(asset).upper()
        held[known] = held.get(known, Decimal(0)) + amount
    return held
