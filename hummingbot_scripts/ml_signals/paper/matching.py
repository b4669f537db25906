"""What an order takes from a book, and what that costs. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .orders import ZERO, Kind, PaperOrder, Wanted
from .pairs import Pair

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Level:
    """Other people's orders at a price; `stamp` changes whenever the exchange tells of it anew."""

    price: Decimal
    size: Decimal
    stamp: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """One pair's book, best prices first, and the last price that was traded."""

    asks: Sequence[Level] = ()
    bids: Sequence[Level] = ()
    last: Decimal | None = None

    def against(self, wanted: Wanted) -> Sequence[Level]:
        """Return the side that an order trades with."""
        return self.asks if wanted.buys else self.bids


@dataclass(frozen=True, slots=True)
class Fees:
    """Shares of the traded value, taken in quote currency."""

    maker: Decimal
    taker: Decimal

    @property
    def highest(self) -> Decimal:
        """What must be set aside."""
        return max(self.maker, self.taker)


@dataclass(frozen=True, slots=True)
class Take:
    """A fill: what is taken from the level at `rung`, the price paid, and the money it costs."""

    rung: Decimal
    price: Decimal
    size: Decimal
    cost: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Taken:
    """The fills of one pass through the book; `dry`: the money ended before the book did."""

    takes: tuple[Take, ...]
    dry: bool = False


def match(
    order: PaperOrder, pair: Pair, levels: Iterable[Level], funds: Decimal, fees: Fees
) -> Taken:
    """Fill an order from `levels` with at most `funds`: quote currency if it buys, else base.

    A limit order that has rested trades at its own price, as a maker; others at the book's.
    """
    wanted, left = order.wanted, order.left
    maker = order.rested and wanted.kind is Kind.LIMIT
    share = fees.maker if maker else fees.taker
    takes: list[Take] = []
    for level in levels:
        if not left or not within(level.price, wanted):
            break
        price = wanted.price if maker and wanted.price is not None else level.price
        unit = price * (ONE + share) if wanted.buys else ONE
        offered = min(level.size, left)
        size = offered if offered * unit <= funds else pair.cut_size(funds / unit)
        if size:
            cost = pair.cut_cost(price * size)
            take = Take(level.price, price, size, cost, pair.cut_cost(cost * share))
            takes.append(take)
            left -= size
            funds -= take.cost + take.fee if wanted.buys else size
        if size < offered:
            return Taken(tuple(takes), dry=True)
    return Taken(tuple(takes))


def within(price: Decimal, wanted: Wanted) -> bool:
    """Whether an order trades at this price."""
    limit = wanted.limit
    if limit is None:
        return True
    return price <= limit if wanted.buys else price >= limit


def crosses(wanted: Wanted, market: Market) -> bool:
    """Whether an order would trade at once."""
    levels = market.against(wanted)
    return bool(levels) and within(levels[0].price, wanted)


def triggers(wanted: Wanted, market: Market) -> bool:
    """Whether the market has reached a stop-loss order's trigger; others need none.

    Kraken looks at the last trade. A book that lies wholly beyond the trigger counts too, since
    the next trade must.
    """
    if wanted.kind is not Kind.STOP_LOSS or wanted.price is None:
        return True
    far_side = market.bids if wanted.buys else market.asks
    seen = [level.price for level in far_side[:1]]
    if market.last is not None:
        seen.append(market.last)
    return any(p >= wanted.price if wanted.buys else p <= wanted.price for p in seen)


def estimate(wanted: Wanted, market: Market) -> Decimal | None:
    """Return the order's value in quote currency, by its price or by the book; None without one.

    What the book does not offer now counts at the worst price that it shows.
    """
    if wanted.price is not None:
        return wanted.price * wanted.size
    cost, left, worst = ZERO, wanted.size, market.last
    for level in market.against(wanted):
        part, worst = min(level.size, left), level.price
        cost, left = cost + part * worst, left - part
        if not left:
            break
    return None if worst is None else cost + left * worst
