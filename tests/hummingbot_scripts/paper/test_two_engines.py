"""Two engines written apart, the paper account's and the stand-in's, agree on every trade."""

import tempfile
from datetime import datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.paper.matching import Level, Market
from hummingbot_scripts.ml_signals.paper.orders import Kind, RefusedError, Wanted
from hummingbot_scripts.ml_signals.trades import OrderSide
from market_sim import kraken_orders as other
from market_sim.kraken_book import BookShape
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_pairs import Fees as OtherFees
from tests.hummingbot_scripts.paper.markets import FEES, NOW, PAIR, SYMBOL, account_in

THIN = BookShape(levels=4, level_quote=3_000.0)


class Prices:
    symbols = (SYMBOL,)
    price = 60_000.0

    def price_at(self, _symbol: str, _when: datetime, /) -> float:
        return self.price


class Both:
    """The same account at both engines."""

    def __init__(self, folder: Path) -> None:
        self.prices = Prices()
        balances = {"ZUSD": Decimal(10_000), "XXBT": Decimal("0.1")}
        fees = OtherFees(FEES.taker, FEES.maker)
        self.exchange = Exchange(self.prices, balances, fees, lambda: NOW, THIN)
        self.paper = account_in(folder, USD="10000", BTC="0.1")
        self.names: list[tuple[str, str]] = []
        self._stamps = count(1)
        self.market = self._market()

    def move(self, price: int) -> None:
        self.prices.price = float(price)
        # The stand-in fills while its book moves, so the paper account is shown the moved book.
        self.exchange.books[SYMBOL].follow(float(price), NOW.timestamp())
        self.market = self._market()
        self.exchange.follow_prices()
        self.paper.follow(PAIR, self.market, NOW)

    def add(self, wanted: Wanted) -> None:
        here, there = self._add_here(wanted), self._add_there(wanted)
        if here.startswith("E") or there.startswith("E"):
            assert here == there
        else:
            self.names.append((here, there))

    def cancel(self, number: int) -> None:
        live = [pair for pair in self.names if self.paper.orders[pair[0]].live]
        if live:
            here, there = live[number % len(live)]
            self.paper.cancel(self.paper.orders[here], NOW)
            self.exchange.cancel(there)

    def check(self) -> None:
        trades: list[Any] = [
            (t.price, t.size, t.cost, t.fee, t.maker) for t in self.paper.trades.values()
        ]
        assert trades == [(t.price, t.size, t.cost, t.fee, t.maker) for t in self.exchange.trades]
        there = self.exchange.balances
        assert self.paper.balances == {"USD": there["ZUSD"], "BTC": there["XXBT"]}
        assert self.paper.free("USD") == self.exchange.available("ZUSD")
        assert self.paper.free("BTC") == self.exchange.available("XXBT")
        for here, txid in self.names:
            order, same = self.paper.orders[here], self.exchange.orders[txid]
            assert (order.status, order.filled, order.reason) == (
                same.status,
                same.filled,
                same.reason,
            )

    def _add_here(self, wanted: Wanted) -> str:
        try:
            return self.paper.add(wanted, PAIR, self.market, NOW).order.txid
        except RefusedError as refusal:
            return str(refusal)

    def _add_there(self, wanted: Wanted) -> str:
        new = other.NewOrder(
            pair=self.exchange.pairs[SYMBOL],
            side=other.Side(wanted.side.lower()),
            order_type=other.OrderType(wanted.kind),
            size=wanted.size,
            limit=wanted.price,
            post_only=wanted.post_only,
        )
        try:
            order = self.exchange.add(new)
        except other.OrderRefusedError as refusal:
            return str(refusal)
        self.exchange.work(order)
        return order.id

    def _market(self) -> Market:
        book, stamp = self.exchange.books[SYMBOL], next(self._stamps)
        asks = [Level(price, size, stamp) for price, size in book.asks.items()]
        bids = [Level(price, size, stamp) for price, size in book.bids.items()]
        return Market(asks, bids)


@st.composite
def orders(draw: st.DrawFn) -> Wanted:
    kind = draw(st.sampled_from([Kind.MARKET, Kind.LIMIT]))
    price = Decimal(draw(st.integers(599_000, 601_000))).scaleb(-1)
    size = Decimal(draw(st.integers(1_000, 20_000_000))).scaleb(-8)
    side = draw(st.sampled_from(OrderSide))
    if kind is Kind.MARKET:
        return Wanted(SYMBOL, side, kind, size)
    return Wanted(SYMBOL, side, kind, size, price, post_only=draw(st.booleans()))


moves = st.integers(59_900, 60_100)
script = st.lists(orders() | moves | st.booleans(), min_size=5, max_size=40)


@settings(max_examples=150, deadline=None)
@given(script)
def test_the_same_script_gives_the_same_trades_locks_and_balances(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        both = Both(Path(folder))
        for number, step in enumerate(steps):
            if isinstance(step, bool):
                both.cancel(number)
            elif isinstance(step, int):
                both.move(step)
            else:
                both.add(step)
            both.check()
