"""The public trades: what others trade, seeded, and what the account does."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from random import Random

from market_sim.kraken_book import Book
from market_sim.kraken_orders import OrderType, PublicTrade, Side, Trade
from market_sim.kraken_pairs import LOT_DECIMALS, cut

_CHANCE = 0.2
"""Of a trade of others at each refresh of a book: about one a second."""


class Tape:
    """`last` is each symbol's latest trade."""

    def __init__(self, seed: int) -> None:
        self.last: dict[str, PublicTrade] = {}
        self._random = Random(seed)  # noqa: S311 - chance in a simulation

    def others(self, book: Book, now: datetime) -> Iterator[PublicTrade]:
        """Yield what others trade now at the best prices, usually nothing, the first time one."""
        known = book.pair.symbol in self.last
        if known and self._random.random() > _CHANCE:
            return
        side = self._random.choice((Side.BUY, Side.SELL))
        price, size = next(iter(book.against(buy=side is Side.BUY).items()))
        part = max(
            cut(size * Decimal(self._random.uniform(0.01, 0.3)), LOT_DECIMALS), book.pair.lot
        )
        yield PublicTrade(book.pair, side, OrderType.MARKET, price, part, now)

    def own(self, trade: Trade) -> PublicTrade:
        """Return how everyone sees a fill of the account."""
        side, kind = trade.wanted.side, trade.wanted.order_type
        if trade.maker:
            side = Side.SELL if side is Side.BUY else Side.BUY
            kind = OrderType.MARKET
        return PublicTrade(trade.pair, side, kind, trade.price, trade.size, trade.at)
