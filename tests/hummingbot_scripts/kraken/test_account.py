import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken.account import (
    PAGE,
    balances_of,
    read_account,
    remote_order,
)
from hummingbot_scripts.ml_signals.kraken.rules import locked
from hummingbot_scripts.ml_signals.trades import OrderSide

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
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


def trade(number: int) -> dict[str, Any]:
    return {
        "ordertxid": f"O{number}",
        "pair": "XXBTZUSD",
        "type": "buy",
        "price": "60000.1",
        "vol": "0.001",
        "cost": "60.0001",
        "fee": "0.24",
        "time": 1767225600.5,
    }


class FakeHistory:
    """So many ended orders and trades; `late` of them end while the pages are read."""

    def __init__(self, ended: int, late: int = 0) -> None:
        self.ended, self.late = ended, late
        self.open = {"OPEN": order()}

    async def ask(self, method: str, parameters: Mapping[str, str]) -> Any:
        if method == "OpenOrders":
            return {"open": self.open}
        if method == "Balance":
            return {"ZUSD": "1"}
        numbers = list(range(self.ended))[::-1]
        first = int(parameters["ofs"])
        page = numbers[first : first + PAGE]
        count = self.ended
        if self.late:
            self.late -= 1
            self.ended += 1
        if method == "ClosedOrders":
            return {"closed": {f"O{n}": order("closed") for n in page}, "count": count}
        return {"trades": {f"T{n}": trade(n) for n in page}, "count": count}


@given(st.integers(0, 180), st.integers(0, 3))
def test_every_page_is_read_also_when_more_comes_meanwhile(ended: int, late: int) -> None:
    account = asyncio.run(read_account(FakeHistory(ended, late).ask, SINCE, NAMES.get))
    assert {f"O{n}" for n in range(ended)} <= {each.txid for each in account.orders}
    assert {f"T{n}" for n in range(ended)} <= {each.trade_id for each in account.trades}


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
