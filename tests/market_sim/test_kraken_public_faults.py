"""What can happen to the market that everyone sees."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from market_sim.faults import FaultName, Where
from market_sim.kraken_server import KrakenSettings
from tests.market_sim.clients import ClientBook, StreamClient
from tests.market_sim.kraken import Session, trading


class Watcher:
    """A client's book of Bitcoin, and how often its checksum was not the one that was told."""

    def __init__(self, session: Session, depth: int = 10) -> None:
        self._session = session
        self.book = ClientBook(depth)
        self.checked: list[bool] = []
        self.others: list[Any] = []

    async def subscribe(self) -> None:
        await self._session.stream.subscribe("book", ["XBT/USD"], depth=self.book.depth)
        await self.catch_up()

    async def catch_up(self) -> list[Any]:
        """Apply everything that was sent up to now; return the updates."""
        await self._session.stream.send({"event": "ping"})
        updates = []
        while (message := await self._session.stream.read()) != {"event": "pong"}:
            if not isinstance(message, list):
                self.others.append(message)
                continue
            updates.append(message)
            told = self.book.apply(message[1:-2])
            if told is not None:
                self.checked.append(told == self.book.checksum())
        return updates

    async def see(self, share: float) -> list[Any]:
        """Let the price move and return the updates of it."""
        self._session.pass_time(0.2, share)
        return await self.catch_up()


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(KrakenSettings(refresh_hz=0.001, two_sided=0)) as session:
        yield session


@pytest.fixture
async def watcher(session: Session) -> Watcher:
    watcher = Watcher(session)
    await watcher.subscribe()
    return watcher


async def test_so_many_checksums_are_wrong(session: Session, watcher: Watcher) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_WRONG_CHECKSUM, remaining=3)
    for step in range(1, 5):
        await watcher.see(step * 1e-3)
    assert watcher.checked == [False] * 3 + [True] * 5


async def test_after_a_lost_update_the_checksums_do_not_fit_until_the_book_is_asked_for_again(
    session: Session, watcher: Watcher
) -> None:
    only = Where(symbol="BTC-USD")
    session.kraken.faults.on(FaultName.KRAKEN_LOST_BOOK_UPDATE, remaining=1, only=only)
    for step in range(1, 4):
        await watcher.see(step * 1e-4)
    assert False in watcher.checked
    subscription = {"name": "book", "depth": 10}
    ask = {"event": "unsubscribe", "pair": ["XBT/USD"], "subscription": subscription}
    await session.stream.send(ask)
    await watcher.catch_up()
    again = Watcher(session)
    await again.subscribe()
    await again.see(5e-4)
    assert all(again.checked)
    assert not again.book.crossed


async def test_an_update_of_both_sides_has_five_elements(session: Session) -> None:
    async with trading(KrakenSettings(refresh_hz=0.001, two_sided=0.5)) as session:
        watcher = Watcher(session)
        await watcher.subscribe()
        updates = [update for step in range(1, 40) for update in await watcher.see(step * 1e-4)]
    both = [update for update in updates if len(update) == 5]
    assert 10 < len(both) < 30
    for _, asks, bids, channel, pair in both:
        assert (list(asks), list(bids)) == (["a"], ["b", "c"])
        assert (channel, pair) == ("book-10", "XBT/USD")
    assert all(watcher.checked)


async def test_both_sides_come_in_one_update_sometimes_without_being_asked_for() -> None:
    async with trading(KrakenSettings(refresh_hz=0.001)) as session:
        watcher = Watcher(session)
        await watcher.subscribe()
        lengths = [len(u) for step in range(1, 120) for u in await watcher.see(step * 1e-4)]
    assert 0 < lengths.count(5) < 12


async def test_a_frozen_book_beats_while_the_ticker_moves(
    session: Session, watcher: Watcher
) -> None:
    await session.stream.subscribe("trade", ["XBT/USD"])
    session.kraken.faults.on(FaultName.KRAKEN_FROZEN_BOOK, for_s=60)
    updates = [update for step in range(40) for update in await watcher.see(-0.001 * step)]
    assert updates == []
    ticker = (await session.rest.ask("Ticker", pair="XBTUSD"))["result"]["XXBTZUSD"]
    assert float(ticker["b"][0]) < 60_000 * 0.97
    session.kraken._stream.beat()
    assert await session.stream.read(heartbeats=True) == {"event": "heartbeat"}
    late = Watcher(session, depth=25)
    await late.subscribe()
    assert late.book.middle == watcher.book.middle
    session.pass_time(60)
    await watcher.catch_up()
    assert watcher.book.middle < 60_000 * 0.97
    assert not watcher.book.crossed


async def test_a_crossed_book_is_crossed_until_it_is_not(
    session: Session, watcher: Watcher
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_CROSSED_BOOK, for_s=1)
    await watcher.see(0)
    assert watcher.book.crossed
    session.clock.forward(1)
    await watcher.see(0)
    assert not watcher.book.crossed
    assert all(watcher.checked)


@pytest.mark.usefixtures("watcher")
async def test_heartbeats_stop(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_NO_HEARTBEAT, remaining=1)
    session.kraken._stream.beat()
    await session.stream.send({"event": "ping"})
    messages = [await session.stream.read(heartbeats=True)]
    while messages[-1] != {"event": "pong"}:
        messages.append(await session.stream.read(heartbeats=True))
    assert messages == [{"event": "pong"}]
    session.kraken._stream.beat()
    assert await session.stream.read(heartbeats=True) == {"event": "heartbeat"}


async def test_public_connections_are_cut_and_refused_and_private_ones_are_not(
    session: Session, watcher: Watcher
) -> None:
    async with StreamClient(session.private_url) as private:
        await private.read()
        session.kraken.faults.on(FaultName.KRAKEN_PUBLIC_DROP, remaining=1)
        session.kraken.faults.on(FaultName.KRAKEN_PUBLIC_DOWN, for_s=30)
        session.pass_time(1)
        with pytest.raises(TypeError):
            await watcher.catch_up()
        with pytest.raises(WSServerHandshakeError):
            async with StreamClient(session.public_url):
                pass
        await private.send({"event": "ping"})
        assert await private.read() == {"event": "pong"}
    session.pass_time(30)
    async with StreamClient(session.public_url) as again:
        assert (await again.read())["status"] == "online"


async def test_a_flash_crash_triggers_what_waits_and_is_over(
    session: Session, watcher: Watcher
) -> None:
    session.kraken.faults.on(
        FaultName.KRAKEN_FLASH_CRASH, amount=-0.2, for_s=5, only=Where(symbol="BTC-USD")
    )
    session.pass_time(0.2)
    await watcher.catch_up()
    assert watcher.book.middle == pytest.approx(48_000, rel=1e-3)
    session.pass_time(5)
    await watcher.catch_up()
    assert watcher.book.middle == pytest.approx(60_000, rel=1e-3)


async def test_the_streams_say_when_kraken_closes_and_opens(
    session: Session, watcher: Watcher
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_MAINTENANCE, for_s=30)
    assert await watcher.see(-0.1) == []
    session.clock.forward(30)
    assert await watcher.see(-0.1)
    assert [message["status"] for message in watcher.others] == ["maintenance", "online"]
