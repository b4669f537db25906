"""Whatever is asked of the paper account, money is neither made nor lost."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.paper.account import PaperAccount
from hummingbot_scripts.ml_signals.paper.matching import Level, Market
from hummingbot_scripts.ml_signals.paper.orders import Kind, RefusedError, Wanted
from hummingbot_scripts.ml_signals.trades import OrderSide
from tests.hummingbot_scripts.paper.markets import NOW, PAIR, SYMBOL, account_in

START = {"USD": Decimal(10_000), "BTC": Decimal("0.2")}
ticks = st.integers(500_000, 700_000).map(lambda n: Decimal(n).scaleb(-1))
lots = st.integers(1, 30_000_000).map(lambda n: Decimal(n).scaleb(-8))


@st.composite
def books(draw: st.DrawFn) -> Market:
    middle, stamp = draw(ticks), draw(st.integers(0, 2))
    gaps = draw(st.lists(st.integers(1, 2_000), max_size=4))
    asks, bids, away = [], [], Decimal(0)
    for gap in gaps:
        away += Decimal(gap).scaleb(-1)
        asks.append(Level(middle + away, draw(lots), stamp))
        bids.append(Level(middle - away, draw(lots), stamp))
    return Market(asks, bids, draw(st.none() | ticks))


@st.composite
def orders(draw: st.DrawFn) -> Wanted:
    kind = draw(st.sampled_from(Kind))
    price = None if kind is Kind.MARKET else draw(ticks)
    post_only = kind is Kind.LIMIT and draw(st.booleans())
    side = draw(st.sampled_from(OrderSide))
    return Wanted(SYMBOL, side, kind, draw(lots), price, 1, post_only)


steps = st.lists(st.tuples(st.sampled_from("aafc"), orders(), books()), min_size=4, max_size=30)


def act(account: PaperAccount, what: str, wanted: Wanted, market: Market) -> None:
    live = account.live_orders
    if what == "a":
        try:
            account.add(wanted, PAIR, market, NOW)
        except RefusedError:
            return
    elif what == "f":
        account.follow(PAIR, market, NOW)
    elif live:
        account.cancel(live[len(live) // 2], NOW)


def check(account: PaperAccount) -> None:
    expected = dict(START)
    for trade in account.trades.values():
        wanted = account.orders[trade.txid].wanted
        sign = 1 if wanted.buys else -1
        expected["BTC"] += sign * trade.size
        expected["USD"] -= sign * trade.cost + trade.fee
        assert trade.size > 0
        assert trade.cost == PAIR.cut_cost(trade.price * trade.size)
        if wanted.limit is not None:
            worse = trade.price - wanted.limit
            assert worse <= 0 if wanted.buys else worse >= 0
    assert account.balances == expected
    assert all(amount >= 0 for amount in account.balances.values())
    assert all(account.free(asset) >= 0 for asset in START)
    for order in account.orders.values():
        fills = account.trades_of(order.txid)
        assert order.filled == sum(fill.size for fill in fills) <= order.wanted.size
        assert order.cost == sum(fill.cost for fill in fills)
        assert order.fee == sum(fill.fee for fill in fills)
        assert order.live or order.closed_at is not None


@settings(max_examples=150, deadline=None)
@given(steps)
def test_balances_are_the_sum_of_all_trades_and_never_below_zero(
    script: list[tuple[str, Wanted, Market]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        account = account_in(Path(folder), USD="10000", BTC="0.2")
        for what, wanted, market in script:
            act(account, what, wanted, market)
            check(account)
        again = account_in(Path(folder))
        assert (again.orders, again.trades) == (account.orders, account.trades)
        assert again.balances == account.balances
