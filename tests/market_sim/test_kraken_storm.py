"""Random faults: repeatable, of every kind, and never more than the exchange itself survives."""

import asyncio
from decimal import Decimal

from aiohttp import ClientError

from market_sim.faults import FaultName
from market_sim.kraken_server import KrakenSettings
from market_sim.kraken_storm import KINDS, storm
from tests.market_sim.kraken import BUY, SELL, trading

NOT_TO_BE_LIVED_THROUGH = {
    FaultName.KRAKEN_LOCKOUT,
    FaultName.KRAKEN_INSUFFICIENT_FUNDS,
    FaultName.KRAKEN_POST_ONLY,
}


def test_a_storm_is_that_of_its_seed() -> None:
    assert storm(1, 600) == storm(1, 600)
    assert storm(1, 600) != storm(2, 600)
    assert storm(1, 600)[:5] == storm(1, 1200)[:5]


def test_every_kind_comes_before_one_comes_again() -> None:
    names = [gust.name for gust in storm(3, 2 * 15 * len(KINDS))]
    assert len(set(names[: len(KINDS)])) == len(KINDS)
    kraken = {name for name in FaultName if name.startswith("kraken_")}
    assert {kind.name for kind in KINDS} == kraken - NOT_TO_BE_LIVED_THROUGH


async def test_an_exchange_in_a_storm_keeps_its_ledger() -> None:
    start = {"ZUSD": Decimal(5_000), "XXBT": Decimal("0.1")}
    async with trading(KrakenSettings(refresh_hz=0.001, balances=start)) as session:
        gusts = session.kraken.storm(5, 1_500, every_s=5)
        calls: set[asyncio.Task[None]] = set()

        async def order(number: int) -> None:
            try:
                await session.rest.call("AddOrder", **(SELL if number % 3 else BUY))
            except (ClientError, ValueError):
                return

        for number in range(150):
            calls.add(asyncio.create_task(order(number)))
            await asyncio.sleep(0.005)
            session.pass_time(10, share=(number % 7 - 3) / 100)
            session.work()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        exchange = session.exchange
        assert len(gusts) > 200
        assert len(session.kraken.faults.happened) > 10
        assert len(exchange.trades) > 5
        expected = dict(start)
        for trade in exchange.trades:
            sign = 1 if trade.wanted.buy else -1
            expected["XXBT"] += sign * trade.size
            expected["ZUSD"] -= sign * trade.cost + trade.fee
        assert exchange.balances == expected
