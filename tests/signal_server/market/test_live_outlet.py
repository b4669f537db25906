"""A slow reader loses nothing, and memory holds so many bars and no more."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.domain import Bar
from signal_server.market.live_bar import LiveBar
from signal_server.market.live_outlet import Outlet
from signal_server.market.spans import Span, close_of, number_of

LIMIT = 5
START = 1_000
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Shelf:
    """A store of bars that were put into the outlet."""

    def __init__(self) -> None:
        self.bars: dict[tuple[str, int], Bar] = {}
        self.outlet = Outlet(60, LIMIT, self.read, lambda: AT)

    def put(self, symbol: str, *numbers: int, repaired: bool = False) -> None:
        bars = [Bar(symbol, close_of(START + n, 60), *[float(n)] * 5) for n in numbers]
        self.bars.update({(symbol, START + n): b for n, b in zip(numbers, bars, strict=True)})
        self.outlet.put(LiveBar(bar, AT, repaired) for bar in bars)

    def read(self, symbol: str, span: Span) -> list[Bar]:
        numbers = range(span[0] + 1, span[1] + 1)
        return [self.bars[symbol, n] for n in numbers if (symbol, n) in self.bars]

    async def rest(self) -> list[LiveBar]:
        """Read all that is there, batch by batch."""
        got: list[LiveBar] = []
        while True:
            try:
                async with asyncio.timeout(0.05):
                    batch = await self.outlet.get()
            except TimeoutError:
                return got
            assert len(batch) <= 2 * LIMIT
            got += batch


def numbers(lives: list[LiveBar], symbol: str = "BTC-USD") -> list[int]:
    return [
        number_of(live.bar.close_time, 60) - START for live in lives if live.bar.symbol == symbol
    ]


async def test_bars_that_fit_come_at_once_and_as_they_were() -> None:
    shelf = Shelf()
    shelf.put("BTC-USD", 1, 2, 3)
    got = await shelf.outlet.get()
    assert numbers(got) == [1, 2, 3]
    assert not any(live.repaired for live in got)


async def test_what_does_not_fit_is_read_from_the_store_in_order() -> None:
    shelf = Shelf()
    shelf.put("BTC-USD", *range(1, 30))
    assert shelf.outlet.spilled_bars == 29 - LIMIT
    assert numbers(await shelf.outlet.get()) == [1, 2, 3, 4, 5]
    shelf.put("BTC-USD", 30, 33)
    assert numbers(await shelf.rest()) == [*range(6, 31), 33]
    shelf.put("BTC-USD", 34)
    assert numbers(await shelf.rest()) == [34]


async def test_a_late_bar_that_does_not_fit_brings_no_bar_back_that_was_read() -> None:
    shelf = Shelf()
    shelf.put("BTC-USD", 1, 2, 4, 5, 6)
    shelf.put("BTC-USD", 3, repaired=True)
    shelf.put("BTC-USD", 8)
    assert numbers(await shelf.rest()) == [1, 2, 4, 5, 6, 3, 8]


async def test_one_symbol_that_waits_in_the_store_delays_no_other_for_ever() -> None:
    shelf = Shelf()
    shelf.put("BTC-USD", *range(1, 10))
    await shelf.outlet.get()
    shelf.put("ETH-USD", 1)
    got = await shelf.rest()
    assert numbers(got) == [6, 7, 8, 9]
    assert numbers(got, "ETH-USD") == [1]


class SlowShelf(Shelf):
    """A store that is written to while it is read."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._first = True

    def read(self, symbol: str, span: Span) -> list[Bar]:
        found = super().read(symbol, span)
        if self._first:
            self._first = False

            async def meanwhile() -> None:
                self.put(symbol, span[1] - START - 1, repaired=True)
                self.put(symbol, span[1] - START + 1)

            asyncio.run_coroutine_threadsafe(meanwhile(), self._loop).result()
        return found


async def test_what_comes_while_the_store_is_read_is_not_lost() -> None:
    shelf = SlowShelf(asyncio.get_running_loop())
    shelf.put("BTC-USD", 1, 2, 3, 4, 5, 6, 9)
    got = numbers(await shelf.rest())
    assert sorted(got) == [1, 2, 3, 4, 5, 6, 8, 9, 10]


moves = st.lists(
    st.one_of(st.none(), st.tuples(st.sampled_from(["BTC-USD", "ETH-USD"]), st.integers(1, 40))),
    max_size=80,
)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_each_bar_comes_out_once_however_slow_the_reader(
    steps: list[tuple[str, int] | None],
) -> None:
    async def play() -> None:
        shelf, got = Shelf(), list[LiveBar]()
        for step in steps:
            if step is None and (shelf.outlet._waiting or shelf.outlet._spilled):
                got += await shelf.outlet.get()
            elif step is not None and (step[0], START + step[1]) not in shelf.bars:
                shelf.put(*step)
            assert len(shelf.outlet._waiting) <= LIMIT
        got += await shelf.rest()
        for symbol in ("BTC-USD", "ETH-USD"):
            put = [number - START for name, number in shelf.bars if name == symbol]
            assert sorted(numbers(got, symbol)) == sorted(put)

    asyncio.run(play())
