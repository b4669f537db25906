"""Hummingbot's books become exact levels, and only what can be believed is traded on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_row import OrderBookRow
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken.prices import Source, TrustedPrice
from hummingbot_scripts.ml_signals.paper.books import market_of
from tests.hummingbot_scripts.paper.markets import NOW, PAIR


def trusted(bid: str, ask: str, source: Source = Source.BOOK) -> TrustedPrice:
    return TrustedPrice(Decimal(bid), Decimal(ask), NOW - timedelta(seconds=1), source)


@pytest.fixture
def order_book() -> OrderBook:
    book = OrderBook()
    bids = [OrderBookRow(59_999.5, 0.12345678, 7), OrderBookRow(59_998.1, 2.0, 7)]
    asks = [OrderBookRow(60_000.5, 0.3, 7), OrderBookRow(60_001.7, 1.1, 7)]
    book.apply_snapshot(bids, asks, 7)
    return book


def test_levels_are_the_decimals_that_kraken_sent(order_book: OrderBook) -> None:
    market = market_of(order_book, PAIR, trusted("59999.5", "60000.5"))
    assert [(level.price, level.size) for level in market.asks] == [
        (Decimal("60000.5"), Decimal("0.3")),
        (Decimal("60001.7"), Decimal("1.1")),
    ]
    assert market.bids[0].size == Decimal("0.12345678")
    assert market.bids[0].stamp == 7
    assert market.last is None


def test_a_book_that_cannot_be_believed_offers_nothing(order_book: OrderBook) -> None:
    market = market_of(order_book, PAIR, None)
    assert (market.asks, market.bids) == ((), ())


def test_a_frozen_book_is_moved_to_what_kraken_says_when_asked(order_book: OrderBook) -> None:
    market = market_of(order_book, PAIR, trusted("57000.0", "57002.0", Source.TICKER))
    assert [level.price for level in market.asks] == [Decimal("57002.0"), Decimal("57003.2")]
    assert [level.price for level in market.bids] == [Decimal("57000.0"), Decimal("56998.6")]
    assert market.last == Decimal("57001.0")


@given(
    st.integers(1, 10_000_000).map(lambda n: Decimal(n).scaleb(-1)),
    st.integers(1, 10**13).map(lambda n: Decimal(n).scaleb(-8)),
)
def test_no_digit_is_lost_between_text_double_and_decimal(price: Decimal, size: Decimal) -> None:
    book = OrderBook()
    rows = [OrderBookRow(float(str(price)), float(str(size)), 1)]
    book.apply_snapshot([], rows, 1)
    [level] = market_of(book, PAIR, trusted("1", "2")).asks
    assert (level.price, level.size) == (price, size)
