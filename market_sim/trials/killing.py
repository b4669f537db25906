"""One round of kills: coins live through entry and exit while the bot is killed again and again."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from market_sim.faults import FaultName, Where
from market_sim.kraken_orders import Order, OrderStep, OrderType
from market_sim.trials.audit import (
    balance_errors,
    disagreements,
    everything,
    unfinished,
    unsafe,
)
from market_sim.trials.books import Books
from market_sim.trials.evidence import SaidPosition
from market_sim.trials.phases import STOP, Phase, phase_of
from market_sim.trials.script import Ends, Fill, Kill, Script, Way
from market_sim.trials.site import Site, until
from signal_server.core.clock import utc_now
from signal_server.core.domain import Direction

ENTRY_S, EXIT_S, SETTLE_S = 60.0, 90.0, 60.0
SIGNAL_VALID_S = 60.0
_NEAR = {Ends.FALLS: -0.014, Ends.RISES: 0.014, Ends.FALLS_WHILE_DEAD: -0.014, Ends.STAYS: 0.0}
_FAR = {Ends.FALLS: -0.022, Ends.RISES: 0.03, Ends.FALLS_WHILE_DEAD: -0.05, Ends.STAYS: 0.0}
_AT_LATEST_S = 15.0
_LATE_S = 6.0
"""A time exit may be so late when the bot runs."""


@dataclass(frozen=True, slots=True)
class Point:
    """One position at one kill; `problems` are those of its coin at the round's end."""

    round: int
    kill: int
    symbol: str
    phase: Phase
    problems: tuple[str, ...] = ()


class Round:
    """Plays a script on a fresh site."""

    def __init__(self, site: Site, script: Script, number: int) -> None:
        self._site, self._script, self._number = site, script, number
        self._points: list[Point] = []
        self._problems: dict[str, list[str]] = {}
        self._plans: dict[str, object] = {}
        self._kills = 0
        self.starts_s: list[float] = []
        self._restarted_at = utc_now()

    async def run(self) -> list[Point]:
        """Play it; return the points with what is wrong."""
        self._site.exchange.listeners.watchers.append(self._fate)
        self._site.kraken.faults.on(FaultName.KRAKEN_PARTIAL_FILL, remaining=0)
        await self._site.start_bot()
        await self._until_ready()
        await self._enter()
        await self._hold()
        await self._leave()
        await self._finish()
        everywhere = tuple(self._problems.get("", ()))
        return [
            replace(p, problems=(*self._problems.get(p.symbol, ()), *everywhere))
            for p in self._points
        ]

    # The stages

    async def _until_ready(self) -> None:
        """Wait until the bot can trade: one coin that is not of the script shows it."""
        probe = self._site.plan.symbols[-1]
        self._signal(probe)
        if not await until(lambda: self._held(probe) > 0, ENTRY_S):
            raise TimeoutError(f"the bot did not begin to trade:\n{self._site.bot.log()}")
        self._site.publisher.publish(
            probe, Direction.DOWN, self._site.prices.now(probe), SIGNAL_VALID_S
        )
        await until(lambda: not self._held(probe), ENTRY_S)
        await asyncio.sleep(1)

    async def _enter(self) -> None:
        kill = asyncio.create_task(self._killed(self._script.at_entry))
        for symbol in self._script.courses:
            self._signal(symbol)
        await kill
        if self._script.again_s is not None:
            await self._site.launch_bot()
            await asyncio.sleep(self._script.again_s)
            await self._die()
        await self._restart()

    async def _hold(self) -> None:
        """Bring every coin near its barrier, kill, and see that no barrier has moved."""
        await until(lambda: len(self._open_coins()) == len(self._script.courses), 8)
        for symbol in self._missing():
            self._signal(symbol)
        await asyncio.sleep(self._script.while_open.after_s)
        for symbol, course in self._script.courses.items():
            self._site.prices.move(symbol, _NEAR[course.ends])
        await asyncio.sleep(0.5)
        await self._die()
        for symbol, course in self._script.courses.items():
            if course.ends is Ends.FALLS_WHILE_DEAD:
                self._site.prices.move(symbol, _FAR[course.ends])
        await asyncio.sleep(0.5)
        await self._restart()
        await until(self._guarded, SETTLE_S)
        await asyncio.sleep(2.5)
        self._check_barriers()

    async def _leave(self) -> None:
        for symbol in self._missing():  # its entry was refused, or never sent: once more
            self._site.prices.move(symbol, 0)
            self._signal(symbol)
        self._site.kraken.faults.on(FaultName.KRAKEN_PARTIAL_FILL, remaining=0)
        kill = asyncio.create_task(self._killed(self._script.at_exit))
        for symbol, course in self._script.courses.items():
            if course.ends is not Ends.STAYS:
                self._site.prices.move(symbol, _FAR[course.ends])
        await kill
        await self._restart()

    async def _finish(self) -> None:
        self._site.kraken.faults.all_off()
        for symbol, course in self._script.courses.items():
            if course.ends is not Ends.STAYS:
                self._site.prices.move(symbol, 1.5 * _FAR[course.ends])
        limit = EXIT_S + self._script.time_limit_s

        def agreed() -> bool:
            case = self._site.case()
            return not unfinished(case) and not disagreements(case)

        await until(agreed, limit, every_s=0.5)
        self._judge()

    # Killing

    async def _killed(self, kill: Kill) -> None:
        """Kill when enough orders have come to a step; at the latest after 15 s."""
        if kill.lost:
            only = Where(method="AddOrder", side=kill.side.value)
            self._site.kraken.faults.on(FaultName.KRAKEN_CUT, probability=kill.lost, only=only)
        seen: set[str] = set()
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def watch(order: Order, step: OrderStep) -> None:
            known = (order.wanted.side, order.wanted.order_type, step)
            if known == (kill.side, kill.order_type, kill.step):
                seen.add(order.id)
                if len(seen) >= kill.count and not done.is_set():
                    if kill.after_s:
                        loop.call_later(kill.after_s, done.set)
                    else:
                        self._site.bot.kill()
                        done.set()

        self._site.exchange.listeners.watchers.append(watch)
        with suppress(TimeoutError):
            async with asyncio.timeout(_AT_LATEST_S):
                await done.wait()
        self._site.exchange.listeners.watchers.remove(watch)
        await self._die()
        self._site.kraken.faults.off(FaultName.KRAKEN_CUT)

    async def _die(self) -> None:
        await self._site.kill_bot()
        books, said = self._site.books(), self._site.evidence()
        self._kills += 1
        for symbol in self._script.courses:
            phase = phase_of(symbol, books, said)
            if phase is not None:
                self._points.append(Point(self._number, self._kills, symbol, phase))
        for position in said.positions:
            if not position.done:
                self._plans[position.position_id] = (position.opened_at, position.plan)

    async def _restart(self) -> None:
        if self._kills % 2:  # what waited at the exchange may fill before the bot is back
            self._site.kraken.faults.off(FaultName.KRAKEN_PARTIAL_FILL)
        await self._site.start_bot()
        self.starts_s.append(round(self._site.started_s, 1))
        self._restarted_at = utc_now()
        self._note("", unsafe(self._site.case()))
        self._check_plans()

    def _fate(self, order: Order, step: OrderStep) -> None:
        course = self._script.courses.get(order.pair.symbol)
        if course is None or step is not OrderStep.ACCEPTED:
            return
        if order.wanted.order_type is OrderType.STOP_LOSS:
            return
        fill: Fill = course.entry if order.buy else course.exit
        if fill.way is Way.SLOWLY:
            order.fate.fills_from = utc_now() + timedelta(seconds=fill.amount)
        elif fill.way is Way.IN_PART:
            order.fate.share = Decimal(str(fill.amount))

    # Judging

    def _check_plans(self) -> None:
        for position in self._site.evidence().positions:
            known = self._plans.get(position.position_id)
            if known is not None and known != (position.opened_at, position.plan):
                self._note(position.symbol, ["entry or barriers changed in the journal"])

    def _check_barriers(self) -> None:
        """Near a barrier nothing is sold; a protective stop rests with the coins that are held."""
        books, said = self._site.books(), self._site.evidence()
        in_time = {p.symbol for p in said.positions if utc_now() < self._deadline(p)}
        for symbol, course in self._script.courses.items():
            near = course.ends in {Ends.FALLS, Ends.RISES} and symbol in in_time
            sales = [o for o in books.orders_of(symbol, buy=False) if o.kind != STOP]
            if near and sales:
                self._note(symbol, [f"sold at {_NEAR[course.ends]:+.1%}, before its barrier"])
            if near and self._script.protective and books.held(symbol):
                self._check_protective(symbol, books)

    def _check_protective(self, symbol: str, books: Books) -> None:
        stops = [o for o in books.orders_of(symbol, buy=False) if o.kind == STOP and o.live]
        if [stop.size for stop in stops] != [books.held(symbol)]:
            sizes = [str(stop.size) for stop in stops]
            self._note(symbol, [f"{books.held(symbol)} held, protective stops of {sizes}"])

    def _judge(self) -> None:
        case = self._site.case()
        self._note("", balance_errors(case))
        for symbol, course in self._script.courses.items():
            self._note(symbol, everything(case.of(symbol)))
            self._judge_reason(symbol, course.ends)

    def _judge_reason(self, symbol: str, ends: Ends) -> None:
        for position in self._site.evidence().of(symbol):
            sales = [t for t in self._site.books().trades if t.symbol == symbol and not t.buy]
            deadline = self._deadline(position)
            if not sales or position.pnl is None:
                continue
            if position.reason not in {ends.reason, "TIME_LIMIT"}:
                self._note(symbol, [f"left for {position.reason}, not {ends.reason}"])
            if position.reason == "TIME_LIMIT":
                last = max(t.at for t in sales)
                first = min(t.at for t in sales)
                due = max(deadline, self._restarted_at + timedelta(seconds=15))
                if first < deadline or last > due + timedelta(seconds=_LATE_S + 10):
                    self._note(symbol, [f"time exit at {last}, deadline {deadline}"])

    def _deadline(self, position: SaidPosition) -> datetime:
        return position.opened_at + timedelta(seconds=self._script.time_limit_s)

    def _note(self, symbol: str, problems: list[str]) -> None:
        mine = self._problems.setdefault(symbol, [])
        mine += [problem for problem in problems if problem not in mine]

    # What can be asked

    def _held(self, symbol: str) -> Decimal:
        return self._site.books().held(symbol)

    def _open_coins(self) -> set[str]:
        return {p.symbol for p in self._site.evidence().positions if not p.done}

    def _missing(self) -> list[str]:
        """Return the coins that have not been bought and for which nothing is under way."""
        books, held = self._site.books(), self._open_coins()
        bought = {order.symbol for order in books.orders if order.buy and order.filled}
        return [s for s in self._script.courses if s not in held and s not in bought]

    def _guarded(self) -> bool:
        """Tell whether the recovery has settled every order that was under way."""
        said = self._site.evidence()
        orders = [o for o in said.orders if o.role == "ENTRY"]
        return all(order.status in {"FILLED", "CANCELED", "FAILED"} for order in orders)

    def _signal(self, symbol: str) -> None:
        price = self._site.prices.now(symbol)
        self._site.publisher.publish(symbol, Direction.UP, price, SIGNAL_VALID_S)
