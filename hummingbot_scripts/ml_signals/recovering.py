"""Settles what an earlier run of the bot left: journal, exchange and executors agree again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from .claims import look_back
from .clock import Clock
from .exchange import Exchange
from .positions import PositionBook
from .reconciliation import Adoption, Difference, Look
from .recovery import reconcile

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""Between two looks while something is unsettled."""

RULES_S = 0.5
"""Between two looks for the trading rules, which come soon after the start."""


class Recovery:
    """Asks the exchange about every unfinished position until each is guarded or finished.

    `adopt` is called for each position that is still held. `settled` is True once nothing is
    open any more; `problem` says in words what still is.
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
        self.settled = False
        self.problem = ""

    async def run(self) -> None:
        """Look again and again until everything is settled."""
        first_at = self._clock()
        while not self.settled:
            try:
                await self._look(first_at)
            except OSError as error:
                self.problem = f"the exchange cannot be asked: {error}"
                logger.warning("Positions of an earlier run are not settled: %s", self.problem)
            if not self.settled:
                await asyncio.sleep(LOOK_S)

    async def _look(self, first_at: datetime) -> None:
        claims = self._book.claims()
        if not claims:
            self._settle()
            return
        sizes = await self._min_sizes({claim.position.symbol for claim in claims})
        now = self._clock()
        since = look_back(claims, now)
        snapshot = await self._exchange.account(since)
        found = reconcile(
            claims, snapshot, Look(now, first_at, since, sizes, self._exchange.symbols)
        )
        self._book.recovered(found)
        self._report(found.differences)
        for txid in found.cancel:
            await self._exchange.cancel(txid)
        for adoption in found.adopt:
            self._take_over(adoption)
        if found.unsettled:
            self.problem = "; ".join(f"{item.symbol}: {item.words}" for item in found.unsettled)
            logger.warning("Not settled yet: %s", self.problem)
        else:
            self._settle()

    async def _min_sizes(self, symbols: set[str]) -> dict[str, Decimal]:
        """Return the least sizes once the connector has learned them."""
        traded = symbols & self._exchange.symbols
        while not all(self._exchange.min_size(symbol) for symbol in traded):
            self.problem = "the exchange's trading rules are not known yet"
            await asyncio.sleep(RULES_S)
        return {symbol: self._exchange.min_size(symbol) for symbol in traded}

    def _report(self, differences: Sequence[Difference]) -> None:
        for found in differences:
            if found not in self._reported:
                self._reported.add(found)
                log = logger.error if found.kind.needs_person else logger.warning
                log("%s: %s", found.symbol, found.words)

    def _take_over(self, adoption: Adoption) -> None:
        position = adoption.position
        logger.warning("%s: %s of before is guarded again.", position.symbol, adoption.held)
        self._adopt(adoption)
        self._book.adopted(position.position_id)

    def _settle(self) -> None:
        self.settled, self.problem = True, ""
