"""Settles what an earlier run of the bot left: journal, exchange and executors agree again."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from .claims import Claim, look_back, sold_by_others
from .clock import Clock
from .exchange import Exchange
from .kraken.inquiry import Inquiry
from .positions import PositionBook
from .questions import About, Item, Question, next_question, open_questions
from .reconciliation import Adoption, Difference, DifferenceKind, Look, Unsettled
from .recovery import reconcile

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""Between two looks while something is unsettled."""

RULES_S = 0.5
"""Between two looks for the trading rules, which come soon after the start."""


class Recovery:
    """Asks the exchange about every unfinished position until each is guarded or finished.

    `adopt` is called for each position that is still held, as soon as its own orders are known.
    `settled` is True once nothing is open any more; `problem` says in words what still is.
    """

    def __init__(
        self,
        exchange: Exchange,
        book: PositionBook,
        adopt: Callable[[Adoption], None],
        clock: Clock,
    ) -> None:
        """Prepare to look; nothing is asked before `run`."""
        self._exchange = exchange
        self._book = book
        self._adopt = adopt
        self._clock = clock
        self._reported: set[Difference] = set()
        self._unexplained: dict[str, Difference] = {}
        self.settled = False
        self.problem = ""

    async def run(self) -> None:
        """Look again and again until everything is settled."""
        first_at = self._clock()
        inquiry: Inquiry | None = None
        while not self.settled:
            try:
                inquiry = inquiry or await self._exchange.inquiry()
                await self._look(inquiry, first_at)
            except OSError as error:
                self.problem = f"the exchange cannot be asked: {error}"
                logger.warning("Positions of an earlier run are not settled: %s", self.problem)
            if not self.settled:
                await asyncio.sleep(LOOK_S)

    async def _look(self, inquiry: Inquiry, first_at: datetime) -> None:
        claims = self._book.claims()
        left = await self._settle_all(claims, inquiry, first_at) if claims else ()
        self.problem = "; ".join(f"{item.symbol}: {item.words}" for item in left)
        if self.problem:
            logger.warning("Not settled yet: %s", self.problem)
            return
        await self._note_beyond(inquiry)
        self.settled = True

    async def _note_beyond(self, inquiry: Inquiry) -> None:
        """Note whose coins are not the bot's, so that the next start knows them again."""
        if not inquiry.account.balances:
            if self._book.beyond() is not None:
                return
            await inquiry.look()
        self._book.note_beyond(inquiry.account.balances, self._exchange.symbols)

    async def _settle_all(
        self, claims: Sequence[Claim], inquiry: Inquiry, first_at: datetime
    ) -> Sequence[Unsettled]:
        """Settle what can be settled now; return the others."""
        sizes = await self._min_sizes({claim.position.symbol for claim in claims})
        now = self._clock()
        since = look_back(claims, now)
        beyond = self._book.beyond() or {}
        look = Look(now, first_at, since, sizes, self._exchange.symbols, beyond)
        left = await self._settle_each(claims, inquiry, look)
        if {item.position_id for item in left} <= self._unexplained.keys():
            await self._explain(inquiry, since)
        return left

    async def _settle_each(
        self, claims: Sequence[Claim], inquiry: Inquiry, look: Look
    ) -> list[Unsettled]:
        """Settle each position as soon as enough is known of it; return those that are left."""
        unsettled: list[Unsettled] = []
        asked: frozenset[Item] = frozenset()
        await inquiry.look()
        while claims:
            missing = [open_questions(claim, inquiry.account, look, asked) for claim in claims]
            ready = [claim for claim, items in zip(claims, missing, strict=True) if not items]
            claims = [claim for claim, items in zip(claims, missing, strict=True) if items]
            unsettled += await self._act(ready, inquiry, look)
            if question := next_question((item for items in missing for item in items), asked):
                await _ask(inquiry, question, look.since)
                asked |= question.items
        return unsettled

    async def _act(
        self, claims: Sequence[Claim], inquiry: Inquiry, look: Look
    ) -> Sequence[Unsettled]:
        if not claims:
            return ()
        found = reconcile(claims, inquiry.account, look)
        self._report(found.differences, self._book.recovered(found))
        for adoption in found.adopt:
            self._take_over(adoption)
        for txid in found.cancel:
            await self._cancel(txid)
        return found.unsettled

    async def _cancel(self, txid: str) -> None:
        """Cancel an order of a position that is unsettled, so that the next look finds it ended."""
        try:
            await self._exchange.cancel(txid)
        except OSError as error:
            logger.warning("Order %s could not be cancelled yet: %s", txid, error)

    async def _explain(self, inquiry: Inquiry, since: datetime) -> None:
        """Find out whether somebody else sold what is missing; the rest is guarded by now."""
        if not self._unexplained:
            return
        await inquiry.history(since)
        while self._unexplained:
            _, found = self._unexplained.popitem()
            own = self._book.exchange_ids(found.symbol)
            if foreign := sold_by_others(inquiry.account.trades, own, found.symbol):
                words = f"Orders that are not this bot's sold {foreign:f} of the coin."
                logger.error("%s: %s", found.symbol, words)
                self._book.explained(replace(found, words=f"{found.words} {words}"))

    async def _min_sizes(self, symbols: set[str]) -> dict[str, Decimal]:
        """Return the least sizes once the connector has learned them."""
        traded = symbols & self._exchange.symbols
        while not all(self._exchange.min_size(symbol) for symbol in traded):
            self.problem = "the exchange's trading rules are not known yet"
            await asyncio.sleep(RULES_S)
        return {symbol: self._exchange.min_size(symbol) for symbol in traded}

    def _report(self, differences: Sequence[Difference], news: Collection[Difference]) -> None:
        """Tell of each difference once; of what needs nobody only if it is news."""
        for found in differences:
            if found in self._reported or not (found.kind.needs_person or found in news):
                continue
            self._reported.add(found)
            log = logger.error if found.kind.needs_person else logger.warning
            log("%s: %s", found.symbol, found.words)
            if found.kind is DifferenceKind.SOLD_ELSEWHERE:
                self._unexplained[found.position_id] = found

    def _take_over(self, adoption: Adoption) -> None:
        position = adoption.position
        logger.warning("%s: %s of before is guarded again.", position.symbol, adoption.held)
        self._adopt(adoption)
        self._book.adopted(position.position_id)


async def _ask(inquiry: Inquiry, question: Question, since: datetime) -> None:
    if question.by_pages:
        await inquiry.ended_orders(since)
    elif question.about is About.TRADES:
        await inquiry.trades(question.names)
    elif question.about is About.ORDERS:
        await inquiry.orders(question.names)
    elif question.about is About.NEWEST:
        await inquiry.newest(since)
    else:
        await inquiry.number(question.names[0], since)
