"""Matching and money: every fill is in the book, every cent is in the ledger."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_sim.kraken_book import BookShape
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import (
    NewOrder,
    Order,
    OrderRefusedError,
    OrderStatus,
    OrderType,
    Side,
)
from market_sim.kraken_pairs import Fees
from tests.market_sim.markets import SetClock, SteadyPrices

FEES = Fees(taker=Decimal("0.0040"), maker=Decimal("0.0025"))
START = {"ZUSD": Decimal(10_000), "XETH": Decimal(1)}


class World:
    """An exchange whose prices and time the test sets."""

    def __init__(self, shape: BookShape | None = None) -> None:
        self.prices = SteadyPrices()
        self.clock = SetClock()
        self.exchange = Exchange(self.prices, START, FEES, self.clock, shape)

    def move(self, symbol: str, share: float) -> None:
        self.clock.forward(0.2)
        self.prices.move(symbol, share)
        self.exchange.follow_prices()

    def wanted(
        self,
        side: Side,
        size: str,
        limit: str | None = None,
        symbol: str = "BTC-USD",
        *,
        post_only: bool = False,
    ) -> NewOrder:
        return NewOrder(
            pair=self.exchange.pairs[symbol],
            side=side,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            size=Decimal(size),
            limit=None if limit is None else Decimal(limit),
            post_only=post_only,
        )

    def place(self, wanted: NewOrder) -> Order:
        order = self.exchange.add(wanted)
        self.exchange.work(order)
        return order


def check_ledger(exchange: Exchange) -> None:
    """The balances are the start plus every trade, to the last digit."""
    expected = dict(START)
    for trade in exchange.trades:
        base, quote = trade.pair.base_asset, trade.pair.quote_asset
        sign = 1 if trade.wanted.side is Side.BUY else -1
        expected[base] = expected.get(base, Decimal(0)) + sign * trade.size
        expected[quote] = expected[quote] - sign * trade.cost - trade.fee
    assert exchange.balances == expected
    assert all(amount >= 0 for amount in exchange.balances.values())
    for order in exchange.orders.values():
        fills = [trade for trade in exchange.trades if trade.order_id == order.id]
        assert order.filled == sum(trade.size for trade in fills)
        assert order.cost == sum(trade.cost for trade in fills)
        assert order.fee == sum(trade.fee for trade in fills)


def test_a_market_order_fills_at_the_best_price_and_pays_the_taker_fee() -> None:
    world = World()
    ask = min(world.exchange.books["BTC-USD"].asks)
    order = world.place(world.wanted(Side.BUY, "0.01"))
    [trade] = world.exchange.trades
    assert (trade.price, trade.size, trade.maker) == (ask, Decimal("0.01"), False)
    assert trade.cost == ask * Decimal("0.01")
    assert trade.fee == (trade.cost * Decimal("0.0040")).quantize(Decimal("0.00001"), "ROUND_DOWN")
    assert order.status is OrderStatus.CLOSED
    assert world.exchange.balances["XXBT"] == Decimal("0.01")
    check_ledger(world.exchange)


def test_a_big_order_walks_the_book_and_stays_open_until_more_is_offered() -> None:
    world = World(BookShape(levels=2, level_quote=500.0))
    offered = sum(world.exchange.books["BTC-USD"].asks.values())
    order = world.place(world.wanted(Side.BUY, "0.05"))
    assert (order.status, order.filled) == (OrderStatus.OPEN, offered)
    assert len({trade.price for trade in world.exchange.trades}) == 2
    for _ in range(20):
        world.move("BTC-USD", 0.0)
    assert order.status is OrderStatus.CLOSED
    check_ledger(world.exchange)


def test_a_limit_order_in_reach_trades_at_the_book_s_price_and_rests_with_what_is_left() -> None:
    world = World(BookShape(levels=2, level_quote=500.0))
    ask, worse = sorted(world.exchange.books["BTC-USD"].asks)
    order = world.place(world.wanted(Side.BUY, "0.05", str(ask)))
    assert [trade.price for trade in world.exchange.trades] == [ask]
    assert order.status is OrderStatus.OPEN
    assert worse in world.exchange.books["BTC-USD"].asks


def test_a_resting_order_fills_at_its_own_price_for_the_maker_fee() -> None:
    world = World()
    order = world.place(world.wanted(Side.BUY, "0.01", "59000.0"))
    world.move("BTC-USD", -0.01)
    assert order.filled == 0
    world.move("BTC-USD", -0.02)
    [trade] = world.exchange.trades
    assert (trade.price, trade.maker) == (Decimal(59_000), True)
    assert trade.fee == Decimal("590") * Decimal("0.0025")
    check_ledger(world.exchange)


def test_a_post_only_order_that_would_trade_is_cancelled() -> None:
    world = World()
    crossing = world.place(world.wanted(Side.BUY, "0.01", "61000.0", post_only=True))
    resting = world.place(world.wanted(Side.BUY, "0.01", "59000.0", post_only=True))
    assert (crossing.status, crossing.reason) == (OrderStatus.CANCELED, "Post only order")
    assert resting.status is OrderStatus.OPEN
    assert not world.exchange.trades


def test_a_stop_loss_sells_at_market_once_the_bid_is_there() -> None:
    world = World()
    pair = world.exchange.pairs["ETH-USD"]
    stop = NewOrder(
        pair, Side.SELL, OrderType.STOP_LOSS, Decimal("0.5"), trigger=Decimal("2940.00")
    )
    order = world.place(stop)
    world.move("ETH-USD", -0.01)
    assert order.status is OrderStatus.OPEN
    world.move("ETH-USD", -0.03)
    assert order.status is OrderStatus.CLOSED
    assert world.exchange.trades[0].price < Decimal("2911")
    check_ledger(world.exchange)


def test_stops_that_empty_a_thin_book_go_on_at_the_next_prices() -> None:
    world = World(BookShape(levels=2, level_quote=100.0))
    pair = world.exchange.pairs["ETH-USD"]
    half, trigger = Decimal("0.5"), Decimal(2_940)
    stop = NewOrder(pair, Side.SELL, OrderType.STOP_LOSS, half, trigger=trigger)
    orders = [world.place(stop), world.place(stop)]
    world.move("ETH-USD", -0.03)
    assert [order.filled > 0 for order in orders] == [True, False]
    world.move("ETH-USD", 0.0)
    for _ in range(20):
        world.move("ETH-USD", -0.03)
    assert [order.status for order in orders] == [OrderStatus.CLOSED] * 2
    check_ledger(world.exchange)


def test_an_open_order_holds_its_money_until_it_ends() -> None:
    world = World()
    order = world.place(world.wanted(Side.BUY, "0.1", "50000.0"))
    assert world.exchange.available("ZUSD") == 10_000 - Decimal("5000") * Decimal("1.004")
    with pytest.raises(OrderRefusedError, match="EOrder:Insufficient funds"):
        world.exchange.add(world.wanted(Side.BUY, "0.1", "50000.0"))
    world.exchange.cancel(order.id)
    assert world.exchange.available("ZUSD") == 10_000


def test_an_accepted_market_order_holds_its_money_before_it_is_worked() -> None:
    world = World()
    world.exchange.add(world.wanted(Side.BUY, "0.1"))
    with pytest.raises(OrderRefusedError, match="EOrder:Insufficient funds"):
        world.exchange.add(world.wanted(Side.BUY, "0.1"))


def test_a_market_order_that_outgrows_the_funds_ends_where_they_do() -> None:
    world = World()
    order = world.exchange.add(world.wanted(Side.BUY, "0.165"))
    world.move("BTC-USD", 0.1)
    world.exchange.work(order)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "Insufficient funds")
    assert 0 <= world.exchange.balances["ZUSD"] < Decimal("0.01")
    check_ledger(world.exchange)


@pytest.mark.parametrize(
    ("side", "size", "limit", "reason"),
    [
        (Side.BUY, "0.00009", None, "EGeneral:Invalid arguments:volume minimum not met"),
        (Side.BUY, "0.0001", "1000.0", "EOrder:Cost minimum not met"),
        (Side.BUY, "0.01", "59000.05", "EOrder:Invalid price:XBTUSD .* up to 1 decimals"),
        (Side.BUY, "1", None, "EOrder:Insufficient funds"),
        (Side.SELL, "0.01", None, "EOrder:Insufficient funds"),
    ],
)
def test_an_order_is_refused_with_kraken_s_reason(
    side: Side, size: str, limit: str | None, reason: str
) -> None:
    world = World()
    with pytest.raises(OrderRefusedError, match=reason):
        world.exchange.add(world.wanted(side, size, limit))
    assert not world.exchange.orders


def test_an_order_is_cancelled_once() -> None:
    world = World()
    order = world.place(world.wanted(Side.BUY, "0.01", "50000.0"))
    world.exchange.cancel(order.id)
    for name in (order.id, "OXXXXX-XXXXX-XXXXXX"):
        with pytest.raises(OrderRefusedError, match="EOrder:Unknown order"):
            world.exchange.cancel(name)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "move", "cancel"]),
        st.decimals("0.001", "2", places=5),
        st.one_of(st.none(), st.integers(270_000, 330_000)),
    ),
    max_size=15,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_whatever_happens_the_ledger_is_exact_and_nothing_is_overdrawn(
    steps: list[tuple[str, Decimal, int | None]],
) -> None:
    world = World(BookShape(levels=3, level_quote=900.0))
    refusals: list[str] = []
    for action, size, cents in steps:
        if action == "move":
            world.move("ETH-USD", float(size) / 20 - 0.05)
        elif action == "cancel":
            for order in world.exchange.open_orders()[:1]:
                world.exchange.cancel(order.id)
        else:
            limit = None if cents is None else str(Decimal(cents) / 100)
            wanted = world.wanted(Side(action), str(size), limit, "ETH-USD")
            try:
                world.place(wanted)
            except OrderRefusedError as refusal:
                refusals.append(str(refusal))
        check_ledger(world.exchange)
        assert all(world.exchange.available(asset) >= 0 for asset in ("ZUSD", "XETH"))
    assert set(refusals) <= {
        "EOrder:Insufficient funds",
        "EOrder:Cost minimum not met",
        "EGeneral:Invalid arguments:volume minimum not met",
    }
