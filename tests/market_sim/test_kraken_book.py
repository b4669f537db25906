"""Books: where their levels lie, and how clients follow them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_sim.kraken_book import Book, BookShape, BookState, evolve
from market_sim.kraken_channels import DEPTHS, book_messages
from market_sim.kraken_pairs import pair_of
from market_sim.kraken_wire import book_snapshot
from tests.market_sim.clients import ClientBook
from tests.market_sim.markets import START_PRICES

SYMBOLS = sorted(START_PRICES)
MOVES = st.lists(
    st.tuples(
        st.floats(-0.02, 0.02),
        st.one_of(st.none(), st.tuples(st.booleans(), st.integers(1, 40))),
    ),
    min_size=1,
    max_size=6,
)


def book_at(symbol: str, price: float | None = None, shape: BookShape | None = None) -> Book:
    price = price or START_PRICES[symbol]
    book = Book(pair_of(symbol, price), shape)
    book.follow(price)
    return book


def state_of(book: Book, old: BookState, now_s: float) -> BookState:
    return BookState(evolve(old.asks, book.asks, now_s), evolve(old.bids, book.bids, now_s))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_spread_holds_the_price_and_is_one_to_two_basis_points(symbol: str) -> None:
    book, price = book_at(symbol), START_PRICES[symbol]
    bid, ask = max(book.bids), min(book.asks)
    assert bid < Decimal(price) < ask
    assert 0.9e-4 <= float(ask - bid) / price <= 2.1e-4


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_hundred_dollars_fill_at_the_best_price_and_a_million_walk(symbol: str) -> None:
    book = book_at(symbol)
    values = [float(price * size) for price, size in book.asks.items()]
    assert values[0] > 1_000
    assert 100_000 < sum(values) < 1_000_000


@given(price=st.floats(1e-7, 1e6))
def test_any_price_has_a_whole_book_on_its_ticks(price: float) -> None:
    book = book_at("NEW-USD", price)
    levels = [*book.asks.items(), *book.bids.items()]
    assert len(levels) == 100
    assert max(book.bids) < min(book.asks)
    assert all(price % book.pair.tick == 0 and size > 0 for price, size in levels)


def test_most_levels_stay_when_the_price_moves_a_little() -> None:
    book = book_at("BTC-USD")
    before = dict(book.asks)
    book.follow(60_009.0)
    assert len(before.items() & book.asks.items()) > 40


def test_the_same_seed_gives_the_same_book_and_another_another() -> None:
    first, same = book_at("BTC-USD"), book_at("BTC-USD")
    other = book_at("BTC-USD", shape=BookShape(seed=1))
    assert first.asks == same.asks
    assert first.asks.keys() == other.asks.keys()
    assert first.asks != other.asks


def test_what_was_taken_is_back_after_the_next_refresh() -> None:
    book = book_at("BTC-USD")
    whole = dict(book.asks)
    best = min(whole)
    book.take(buy=True, price=best, size=whole[best])
    assert best not in book.asks
    book.follow(60_000.0)
    assert book.asks == whole


def test_a_thin_book_has_smaller_levels() -> None:
    book = book_at("BTC-USD")
    usual = sum(book.asks.values())
    book.thin = 0.01
    book.follow(60_000.0)
    assert float(sum(book.asks.values())) == pytest.approx(float(usual) * 0.01, rel=1e-3)


@given(moves=MOVES, depth=st.sampled_from(DEPTHS))
def test_a_client_of_any_depth_keeps_the_same_book_and_never_sees_it_crossed(
    moves: list[tuple[float, tuple[bool, int] | None]], depth: int
) -> None:
    book = book_at("ETH-USD")
    state = state_of(book, BookState(), 0.0)
    client = ClientBook(depth)
    client.apply([book_snapshot(book.pair, state, depth)])
    for number, (share, taken) in enumerate(moves, start=1):
        if taken is not None:
            buy, levels = taken
            for price, size in list(book.against(buy=buy).items())[:levels]:
                book.take(buy=buy, price=price, size=size)
        else:
            book.follow(3_000 * (1 + share), now_s=number * 3.0)
        old, state = state, state_of(book, state, number)
        for contents in book_messages(book.pair, (old, state), depth, number):
            assert client.apply(contents) == client.checksum()
            assert not client.crossed
    wanted = ClientBook(depth)
    wanted.apply([book_snapshot(book.pair, state, depth)])
    assert (client.asks, client.bids) == (wanted.asks, wanted.bids)
