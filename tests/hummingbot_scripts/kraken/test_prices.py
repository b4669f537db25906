from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hummingbot_scripts.ml_signals.kraken.ladder import Best
from hummingbot_scripts.ml_signals.kraken.prices import PriceWatch, Source, TrustLimits

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = TrustLimits()
BTC = "BTC-USD"


class Watched:
    """A watch over one symbol, whose clock the test moves."""

    def __init__(self) -> None:
        self.now = START
        self.watch = PriceWatch(lambda: self.now, LIMITS)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def book(self, price: float) -> None:
        self.watch.book(BTC, best(price))

    def ticker(self, price: float) -> bool:
        return self.watch.ticker(BTC, best(price))

    @property
    def source(self) -> Source | None:
        trusted = self.watch.trusted(BTC)
        return None if trusted is None else trusted.source


def best(price: float) -> Best:
    return Best(Decimal(str(price - 1)), Decimal(str(price + 1)))


def test_a_book_that_moves_is_believed() -> None:
    watched = Watched()
    watched.book(60_000)
    assert watched.source is Source.BOOK
    watched.wait(5)
    watched.book(60_010)
    assert not watched.ticker(60_000)
    assert watched.source is Source.BOOK


def test_a_still_book_far_from_the_ticker_is_not_believed_until_it_agrees_again() -> None:
    watched = Watched()
    watched.book(60_000)
    watched.wait(3)
    assert watched.ticker(57_000)
    trusted = watched.watch.trusted(BTC)
    assert trusted is not None
    assert (trusted.bid, trusted.source) == (Decimal(56_999), Source.TICKER)
    watched.book(60_000)
    assert watched.source is Source.TICKER
    watched.book(57_001)
    assert watched.source is Source.BOOK


def test_messages_that_leave_the_best_prices_as_they_were_do_not_make_a_book_move() -> None:
    watched = Watched()
    for _ in range(5):
        watched.book(60_000)
        watched.wait(1)
    assert watched.ticker(57_000)


def test_a_moving_book_is_doubted_only_when_two_answers_in_a_row_are_far_from_it() -> None:
    watched = Watched()
    watched.book(57_000)
    assert not watched.ticker(60_000)
    assert watched.source is Source.BOOK
    watched.wait(1)
    watched.book(56_900)
    assert watched.ticker(60_000)
    assert watched.source is Source.TICKER


def test_a_quiet_coin_s_book_holds_as_long_as_the_ticker_confirms_it() -> None:
    watched = Watched()
    watched.book(100)
    watched.wait(LIMITS.book_s + 1)
    assert watched.source is None
    watched.ticker(100)
    assert watched.source is Source.BOOK


def test_there_is_no_price_when_neither_source_is_fresh() -> None:
    watched = Watched()
    assert watched.source is None
    watched.ticker(100)
    assert watched.source is Source.TICKER
    watched.wait(LIMITS.ticker_s + 1)
    assert watched.source is None


def test_a_broken_book_leaves_the_ticker() -> None:
    watched = Watched()
    watched.book(100)
    watched.ticker(100)
    watched.watch.broken(BTC)
    assert watched.source is Source.TICKER


def test_a_book_that_does_not_come_is_asked_for_again_and_again() -> None:
    watched = Watched()
    assert not watched.ticker(100)
    watched.wait(LIMITS.renew_s / 2)
    assert not watched.ticker(100)
    watched.wait(LIMITS.renew_s)
    assert watched.ticker(100)
    assert not watched.ticker(100)
    watched.wait(LIMITS.renew_s)
    assert watched.ticker(100)
