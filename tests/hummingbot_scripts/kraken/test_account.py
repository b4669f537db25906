from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hummingbot_scripts.ml_signals.kraken.account import (
    balances_of,
    remote_order,
)
from hummingbot_scripts.ml_signals.kraken.rules import locked
from hummingbot_scripts.ml_signals.trades import OrderSide

NAMES = {"XBTUSD": "BTC-USD", "XXBTZUSD": "BTC-USD"}


def order(status: str = "open", **more: Any) -> dict[str, Any]:
    wanted = {"pair": "XBTUSD", "type": "sell", "ordertype": "stop-loss", "price": "58000"}
    return {
        "status": status,
        "userref": 7,
        "opentm": 1767225600.5,
        "vol": "0.01",
        "vol_exec": "0.004",
        "descr": wanted,
        **more,
    }


def test_an_order_is_read_to_the_last_digit() -> None:
    read = remote_order("O1", order(trades=["T1"]), NAMES.get)
    assert (read.symbol, read.side, read.userref) == ("BTC-USD", OrderSide.SELL, 7)
    assert (read.amount, read.filled) == (Decimal("0.01"), Decimal("0.004"))
    assert (read.trigger, read.price) == (Decimal(58000), None)
    assert read.live
    assert read.trade_ids == ("T1",)
    assert read.opened_at == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_a_pair_that_is_not_traded_has_no_symbol() -> None:
    assert remote_order("O1", order(), {}.get).symbol is None


def test_what_earns_and_can_be_traded_counts_and_what_is_bound_does_not() -> None:
    held = balances_of({"ZUSD": "1", "USD.F": "2", "XXBT": "0.5", "XBT.B": "9", "ETH2.S": "9"})
    assert held == {"USD": Decimal(3), "BTC": Decimal("0.5")}


def test_a_stop_ties_up_what_it_has_not_sold_and_a_market_order_what_it_will_cost() -> None:
    stop = remote_order("O1", order(), NAMES.get)
    wanted = {"pair": "XBTUSD", "type": "buy", "ordertype": "market"}
    market = remote_order("O2", order(descr=wanted), NAMES.get)
    tied = locked([stop, market], {"BTC-USD": Decimal(60000)})
    assert tied == {"BTC": Decimal("0.006"), "USD": Decimal(360)}


def test_an_order_that_has_ended_ties_up_nothing() -> None:
    assert locked([remote_order("O1", order("canceled"), NAMES.get)], {}) == {}
