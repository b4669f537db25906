"""What has to be asked about a position before it can be judged, as few calls as possible. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .claims import Claim, Leg, bought, is_settled, legs_of, sold
from .kraken.account import AccountSnapshot
from .kraken.inquiry import ORDERS_A_CALL, TRADES_A_CALL
from .reconciliation import Look
from .trades import ZERO

FEW_NUMBERS = 5
"""So many numbers are asked for one by one; of more, all ended orders are read by pages."""


class About(StrEnum):
    """What is asked for, in the order of asking.

    Orders by the exchange's ids, the newest ended orders, trades by their ids, orders by the bot's
    numbers.
    """

    ORDERS = "orders"
    NEWEST = "newest"
    TRADES = "trades"
    NUMBERS = "numbers"


_MOST = {
    About.ORDERS: ORDERS_A_CALL,
    About.NEWEST: 1,
    About.TRADES: TRADES_A_CALL,
    About.NUMBERS: 1,
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to ask for."""

    about: About
    name: str


_NEWEST = Item(About.NEWEST, "ended orders")


@dataclass(frozen=True, slots=True)
class Question:
    """One call, of which the answer may be several pages if it is `by_pages`."""

    about: About
    names: tuple[str, ...]
    by_pages: bool = False

    @property
    def items(self) -> frozenset[Item]:
        """What is asked for, one by one."""
        return frozenset(Item(self.about, name) for name in self.names)


def next_question(items: Iterable[Item], asked: Collection[Item]) -> Question | None:
    """Return what to ask next, None when nothing is left.

    Where several numbers are looked for, the newest ended orders come first: most likely all were
    sent just before the bot died. Of one kind that comes first which is first in `items`.
    """
    wanted = list(dict.fromkeys(items))
    numbers = sum(item.about is About.NUMBERS for item in wanted)
    if numbers > 1 and _NEWEST not in asked:
        wanted.append(_NEWEST)
    for about, most in _MOST.items():
        names = tuple(item.name for item in wanted if item.about is about)
        if about is About.NUMBERS and numbers > FEW_NUMBERS:
            return Question(about, names, by_pages=True)
        if names:
            return Question(about, names[:most])
    return None


def open_questions(
    claim: Claim, account: AccountSnapshot, look: Look, asked: Collection[Item]
) -> list[Item]:
    """Return what is not known yet of a position; nothing once it can be judged.

    An order that the journal knows the end and all fills of is asked for only if the account holds
    other than it should: then something may bear its number that the journal does not know.
    `asked` is what was asked in this look, whatever the answer was.
    """
    if not look.can_judge(claim.position.symbol):
        return []
    legs = legs_of(claim, account)
    items = [item for leg in legs for item in _about(leg) if item not in asked]
    return items or [item for item in _numbers(claim, legs, account, look) if item not in asked]


def _about(leg: Leg) -> list[Item]:
    order = leg.order
    if leg.remotes:
        return _about_fills(leg)
    if is_settled(order, leg.fills):
        return []
    if order.txid is not None:
        return [Item(About.ORDERS, order.txid)]
    return [] if order.userref is None else [Item(About.NUMBERS, str(order.userref))]


def _about_fills(leg: Leg) -> list[Item]:
    known = {fill.trade_id for fill in leg.fills}
    unknown = [name for remote in leg.remotes for name in remote.trade_ids if name not in known]
    if unknown:
        return [Item(About.TRADES, name) for name in unknown]
    stale = leg.remotes if leg.unseen > 0 else ()
    return [Item(About.ORDERS, remote.txid) for remote in stale]


def _numbers(
    claim: Claim, legs: Sequence[Leg], account: AccountSnapshot, look: Look
) -> Iterable[Item]:
    """Return the numbers of late under which something unknown may have traded."""
    held = bought(legs) - sold(legs) - claim.position.written_off
    there = account.balances.get(claim.position.coin, ZERO)
    if not _differs(claim.position.symbol, there - max(held, ZERO), look):
        return ()
    return (
        Item(About.NUMBERS, str(order.userref))
        for order in claim.orders
        if order.userref is not None and order.created_at >= look.since
    )


def _differs(symbol: str, beyond: Decimal, look: Look) -> bool:
    """Whether coins are there that were not at the last start, or are missing for long enough."""
    if beyond < 0:
        return look.lasting and -beyond >= look.min_sizes.get(symbol, ZERO)
    return look.is_news(symbol, beyond)
