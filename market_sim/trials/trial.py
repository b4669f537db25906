"""One cell of the matrix: enter a coin, let the fault strike, leave, and hold the books."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from market_sim.faults import FaultName
from market_sim.trials.audit import disagreements, everything, unfinished
from market_sim.trials.books import Books
from market_sim.trials.evidence import SaidPosition
from market_sim.trials.row import Dies, Enters, Exit, Row
from market_sim.trials.site import Site, until
from signal_server.core.clock import utc_now
from signal_server.core.domain import Direction

ENTRY_S = 60.0
REFUSED_S = 12.0
AFTERWARDS_S = 60.0
SIGNAL_VALID_S = 90.0
_FALL, _RISE, _DEEP = -0.05, 0.05, -0.06


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cell; empty `problems` are a pass. Money in quote, `left` in base units."""

    row: str
    mode: str
    buys: int = 0
    sells: int = 0
    left: Decimal = Decimal(0)
    reason: str | None = None
    said_pnl: Decimal | None = None
    true_pnl: Decimal = Decimal(0)
    exit_s: float | None = None
    took_s: float = 0.0
    problems: tuple[str, ...] = ()
    log: str = field(default="", repr=False)

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        return not self.problems


class Trial:
    """Runs a row on a site with a coin that nothing has traded there yet."""

    def __init__(self, site: Site, row: Row, symbol: str) -> None:
        self._site, self._row, self._symbol = site, row, symbol
        self._crossed_at: datetime | None = None
        self._problems: list[str] = []

    async def run(self) -> Outcome:
        """Run it; what goes wrong is in the outcome."""
        began, struck = time.monotonic(), dict(self._site.kraken.faults.happened)
        try:
            await self._play()
        except (TimeoutError, OSError) as error:
            self._problems.append(str(error).splitlines()[0][:200])
        self._check_strikes(struck)
        self._site.kraken.faults.all_off()
        return self._outcome(time.monotonic() - began)

    async def _play(self) -> None:
        for blow in self._row.at_entry:
            blow.fall(self._site.kraken.faults)
        await asyncio.sleep(self._row.lead_s if self._row.at_entry else 0)
        self._signal(Direction.UP)
        await self._die_at_entry()
        if not await self._entered():
            return
        await asyncio.sleep(self._row.wait_s)
        await self._die_while_open()
        for blow in self._row.at_exit:
            blow.fall(self._site.kraken.faults)
        await asyncio.sleep(self._row.lead_s if self._row.at_exit else 0)
        await self._cross()
        await self._left()

    async def _entered(self) -> bool:
        wanted = self._row.enters
        if wanted is Enters.NEVER:
            await asyncio.sleep(REFUSED_S)
            await self._settled(AFTERWARDS_S)
            return False
        entered = await until(lambda: self._held() > 0 or self._is_over(), ENTRY_S)
        if self._held() > 0:
            return True
        if wanted is Enters.ALWAYS:
            self._problems.append(f"did not enter within {ENTRY_S:.0f} s")
        elif not entered:
            self._problems.append("neither entered nor gave up")
        await self._settled(AFTERWARDS_S)
        return False

    async def _die_at_entry(self) -> None:
        moments = {
            Dies.AT_ENTRY: lambda: bool(self._books().orders_of(self._symbol, buy=True)),
            Dies.AT_ENTRY_FILL: lambda: self._held() > 0,
        }
        moment = moments.get(self._row.dies)
        if moment is not None:
            await until(moment, ENTRY_S, every_s=0.005)
            await self._die()
            await self._site.start_bot()

    async def _die_while_open(self) -> None:
        if self._row.dies is Dies.KEPT:
            await self._site.stop_bot()
        elif self._row.dies in {Dies.OPEN, Dies.OPEN_AND_CRASH}:
            await self._die()
        else:
            return
        if self._row.dies is Dies.OPEN_AND_CRASH:
            self._move(_DEEP)
            await asyncio.sleep(1)
        await self._site.start_bot()
        if self._row.dies is not Dies.OPEN_AND_CRASH:
            await asyncio.sleep(5)

    async def _die(self) -> None:
        await self._site.kill_bot()

    async def _cross(self) -> None:
        if self._row.exit is Exit.DOWN:
            self._crossed_at = utc_now()
            self._signal(Direction.DOWN)
        elif self._row.exit is Exit.BOT_STOPS:
            self._crossed_at = utc_now()
            await self._site.stop_bot()
            await self._site.start_bot()
        elif self._row.exit is Exit.TIME:
            position = self._position()
            limit = self._row.settings["time_limit_s"]
            self._crossed_at = position.opened_at + timedelta(seconds=limit) if position else None
        elif self._crossed_at is None:
            self._crossed_at = utc_now()
            if self._row.moves:
                self._move(_RISE if self._row.exit is Exit.PROFIT else _FALL)
        if self._row.dies is Dies.AT_EXIT:
            books = self._books
            await until(lambda: bool(books().orders_of(self._symbol, buy=False)), ENTRY_S, 0.005)
            await self._die()
            await self._site.start_bot()

    async def _left(self) -> None:
        patience = self._row.within_s + AFTERWARDS_S
        if self._row.exit is Exit.TIME:
            patience += self._row.settings["time_limit_s"]
        if not await until(lambda: not self._unsold(), patience):
            self._problems.append(f"not sold within {patience:.0f} s")
        await self._settled(AFTERWARDS_S)
        exit_s = self._exit_s()
        if exit_s is not None and exit_s > self._row.within_s:
            self._problems.append(f"left after {exit_s:.1f} s, not {self._row.within_s:.0f} s")
        position = self._position()
        if position is None or position.reason != self._row.exit:
            reason = position and position.reason
            self._problems.append(f"left for {reason}, not {self._row.exit}")

    async def _settled(self, seconds: float) -> None:
        """Wait until nothing is open and both accounts agree with the books."""

        def agreed() -> bool:
            case = self._site.case()
            return not unfinished(case) and not disagreements(case)

        await until(agreed, seconds, every_s=0.3)
        self._problems += everything(self._site.case())
        if self._row.enters is Enters.NEVER and self._books().orders_of(self._symbol, buy=True):
            orders = self._books().orders_of(self._symbol, buy=True)
            if any(order.filled for order in orders):
                self._problems.append("entered, though nothing can be bought")

    # What can be asked

    def _books(self) -> Books:
        return self._site.books()

    def _held(self) -> Decimal:
        return self._books().held(self._symbol)

    def _unsold(self) -> bool:
        held = self._held()
        return held >= self._site.exchange.pairs[self._symbol].minimum_size

    def _position(self) -> SaidPosition | None:
        return next(iter(self._site.evidence().of(self._symbol)), None)

    def _is_over(self) -> bool:
        position = self._position()
        return position is not None and position.done

    def _exit_s(self) -> float | None:
        sales = [t.at for t in self._books().trades if t.symbol == self._symbol and not t.buy]
        if not sales or self._crossed_at is None:
            return None
        return (max(sales) - self._crossed_at).total_seconds()

    # What is done

    def _signal(self, direction: Direction) -> None:
        price = self._site.prices.now(self._symbol)
        self._site.publisher.publish(self._symbol, direction, price, SIGNAL_VALID_S)

    def _move(self, share: float) -> None:
        self._crossed_at = utc_now()
        self._site.prices.move(self._symbol, share)

    def _check_strikes(self, before: Mapping[FaultName, int]) -> None:
        happened = self._site.kraken.faults.happened
        for blow in self._row.blows:
            if blow.must_strike and happened.get(blow.name, 0) == before.get(blow.name, 0):
                self._problems.append(f"{blow.name} never struck")

    def _outcome(self, took_s: float) -> Outcome:
        books, position = self._books(), self._position()
        return Outcome(
            row=self._row.name,
            mode=self._site.plan.mode,
            buys=len(books.orders_of(self._symbol, buy=True)),
            sells=len(books.orders_of(self._symbol, buy=False)),
            left=books.held(self._symbol),
            reason=position.reason if position else None,
            said_pnl=position.pnl if position else None,
            true_pnl=books.earned(self._symbol),
            exit_s=self._exit_s(),
            took_s=took_s,
            problems=tuple(dict.fromkeys(self._problems)),
            log=self._site.bot.log() if self._problems else "",
        )
