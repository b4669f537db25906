"""Whatever happened before a kill: asking by ids ends with what reading everything would give."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.claims import Claim, look_back
from hummingbot_scripts.ml_signals.kraken.inquiry import Inquiry
from hummingbot_scripts.ml_signals.questions import (
    FEW_NUMBERS,
    About,
    Item,
    Question,
    next_question,
    open_questions,
)
from hummingbot_scripts.ml_signals.reconciliation import Look, Reconciliation
from hummingbot_scripts.ml_signals.recovery import reconcile
from hummingbot_scripts.ml_signals.trades import (
    Fill,
    Order,
    OrderRole,
    OrderSide,
    OrderStatus,
    Position,
)
from market_sim.kraken_orders import Order as Placed
from market_sim.kraken_orders import Side
from tests.hummingbot_scripts.kraken.asked import SIZE, AskedAccount

SYMBOL = "BTC-USD"


@dataclass
class Past:
    """One position's life at the stand-in, and how much of it the journal heard."""

    kraken: AskedAccount = field(default_factory=AskedAccount)
    orders: list[Order] = field(default_factory=list)
    fills: dict[str, tuple[Fill, ...]] = field(default_factory=dict)

    def order(self, role: OrderRole, sent: bool, heard: int, copies: int) -> None:
        number = len(self.orders) + 1
        side = Side.BUY if role is OrderRole.ENTRY else Side.SELL
        order = Order(
            str(number),
            "p",
            SYMBOL,
            OrderSide(side.value.upper()),
            "MARKET",
            SIZE,
            None,
            self.kraken.clock(),
            role,
        )
        self.orders.append(order)
        if sent:
            placed = [self.kraken.trade(side, number) for _ in range(copies)]
            self._hear(placed[0], heard)
        self.kraken.clock.forward(20)

    def _hear(self, placed: Placed, heard: int) -> None:
        """Journal the id, then the fills, then the end; `heard` says how far it came."""
        order = self.orders[-1]
        changes = [order, replace(order, txid=placed.id)]
        fills = tuple(
            Fill(order.order_id, t.id, t.price, t.size, t.fee, t.at, t.cost)
            for t in self.kraken.exchange.trades
            if t.order_id == placed.id
        )
        changes += [changes[1], replace(changes[1], status=OrderStatus.FILLED)]
        self.orders[-1] = changes[heard]
        if heard > 1:
            self.fills[order.order_id] = fills

    @property
    def claim(self) -> Claim:
        one = Decimal(1)
        position = Position("p", SYMBOL, 1, one, one, SIZE, self.kraken.clock.now)
        return Claim(position, tuple(self.orders), self.fills)

    def look(self) -> Look:
        now = self.kraken.clock()
        since = look_back([self.claim], now)
        return Look(now, now - timedelta(seconds=30), since, {SYMBOL: Decimal("0.0001")})

    async def by_ids(self) -> Reconciliation:
        inquiry, look, asked = self.kraken.inquiry(), self.look(), frozenset[Item]()
        await inquiry.look()
        while question := next_question(
            open_questions(self.claim, inquiry.account, look, asked), asked
        ):
            await _ask(inquiry, question, look)
            asked |= question.items
        return reconcile([self.claim], inquiry.account, look)

    async def by_pages(self) -> Reconciliation:
        inquiry, look = self.kraken.inquiry(), self.look()
        await inquiry.look()
        await inquiry.ended_orders(look.since)
        await inquiry.history(look.since)
        return reconcile([self.claim], inquiry.account, look)


async def _ask(inquiry: Inquiry, question: Question, look: Look) -> None:
    if question.about is About.TRADES:
        await inquiry.trades(question.names)
    elif question.about is About.ORDERS:
        await inquiry.orders(question.names)
    elif question.about is About.NEWEST:
        await inquiry.newest(look.since)
    else:
        await inquiry.number(question.names[0], look.since)


def _essence(found: Reconciliation) -> tuple[object, ...]:
    """What is done about a position: all but how the exchange lists orders that are settled."""
    adopted = [
        (adoption.held, adoption.entry.fills, [leg.fills for leg in adoption.exits])
        for adoption in found.adopt
    ]
    return adopted, replace(found, adopt=())


heard = st.integers(0, 3)


@settings(max_examples=200, deadline=None)
@given(
    entry=st.tuples(st.booleans(), heard, st.integers(1, 2)),
    exits=st.lists(st.tuples(st.booleans(), heard), max_size=1),
    foreign=st.booleans(),
)
def test_asking_by_ids_finds_what_reading_everything_finds(
    entry: tuple[bool, int, int], exits: Sequence[tuple[bool, int]], foreign: bool
) -> None:
    past = Past()
    if foreign:
        past.kraken.trade(Side.BUY, size=Decimal("0.5"))
    past.order(OrderRole.ENTRY, *entry)
    for sent, far in exits:
        past.order(OrderRole.EXIT, sent and entry[0], far, 1)
    assert _essence(asyncio.run(past.by_ids())) == _essence(asyncio.run(past.by_pages()))


NEWEST = Item(About.NEWEST, "ended orders")


def test_orders_are_asked_for_first_then_trades_then_numbers() -> None:
    items = [Item(About.NUMBERS, "1"), Item(About.TRADES, "T"), Item(About.ORDERS, "O")]
    assert next_question(items, ()) == Question(About.ORDERS, ("O",))
    assert next_question(items[:2], ()) == Question(About.TRADES, ("T",))
    assert next_question(items[:1], ()) == Question(About.NUMBERS, ("1",))
    assert next_question([], ()) is None


def test_no_question_holds_more_ids_than_kraken_takes() -> None:
    items = [Item(about, str(n)) for n in range(80) for about in (About.ORDERS, About.TRADES)]
    orders = next_question(items, ())
    trades = next_question([item for item in items if item.about is About.TRADES], ())
    assert trades is not None
    assert orders is not None
    assert (len(trades.names), len(orders.names)) == (20, 50)
    assert trades.names[:3] == ("0", "1", "2")


def test_several_numbers_are_first_looked_for_among_the_newest_orders() -> None:
    numbers = [Item(About.NUMBERS, str(n)) for n in range(FEW_NUMBERS + 1)]
    trade = Item(About.TRADES, "T")
    assert next_question([*numbers, trade], ()) == Question(About.NEWEST, (NEWEST.name,))
    assert next_question([*numbers, trade], {NEWEST}) == Question(About.TRADES, ("T",))


def test_many_numbers_that_are_not_among_the_newest_are_looked_for_in_pages() -> None:
    numbers = [Item(About.NUMBERS, str(n)) for n in range(FEW_NUMBERS + 1)]
    few, many = next_question(numbers[:-1], {NEWEST}), next_question(numbers, {NEWEST})
    assert few == Question(About.NUMBERS, ("0",))
    assert many == Question(About.NUMBERS, tuple(str(n) for n in range(6)), by_pages=True)
