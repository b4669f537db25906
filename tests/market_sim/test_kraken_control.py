"""What tests in other processes may ask of the stand-in, and how it goes down and comes back."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession

from market_sim.faults import FaultName
from market_sim.kraken_control import KrakenControl
from market_sim.kraken_server import KrakenSettings
from market_sim.kraken_truth import doubled_userrefs, earned, orders_of, oversold, positions
from tests.market_sim.clients import StreamClient
from tests.market_sim.kraken import BUY, LOW, SELL, Session, trading


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(KrakenSettings(refresh_hz=50)) as session:
        yield session


@pytest.fixture
async def control(session: Session) -> AsyncIterator[str]:
    control = KrakenControl(session.kraken)
    yield await control.start("127.0.0.1")
    await control.stop()


async def ask(verb: str, url: str, **content: Any) -> Any:
    async with (
        ClientSession() as client,
        client.request(verb, url, json=content or None) as answer,
    ):
        return answer.status, await answer.json()


async def answers(session: Session) -> bool:
    try:
        return bool(await session.rest.call("Balance"))
    except ClientConnectionError:
        return False


async def test_the_truth_names_what_should_never_happen(session: Session, control: str) -> None:
    first = await session.place(**BUY, userref="5")
    second = await session.place(**BUY, userref="5")
    await session.place(**BUY, userref="6")
    exchange = session.exchange
    assert [order.id for order in orders_of(exchange, 5)] == [first, second]
    assert doubled_userrefs(exchange).keys() == {5}
    assert positions(exchange)["BTC-USD"] == 3 * exchange.trades[0].size
    assert oversold(exchange) == {}
    assert earned(exchange) == exchange.balances["ZUSD"] - 10_000
    status, truth = await ask("GET", f"{control}/truth")
    assert (status, truth["doubled_userrefs"]) == (200, {"5": [first, second]})
    assert truth["positions"] == {"BTC-USD": "0.03000000"}
    assert truth["orders"].keys() == exchange.orders.keys()


async def test_selling_what_was_never_bought_is_found() -> None:
    async with trading(
        KrakenSettings(balances={"XXBT": Decimal(1), "ZUSD": Decimal(9)})
    ) as session:
        await session.place(**SELL)
        await session.place(**BUY)
        assert oversold(session.exchange) == {"BTC-USD": session.exchange.trades[0].size}


async def test_faults_are_switched_from_outside(session: Session, control: str) -> None:
    wanted = {"name": "kraken_busy", "remaining": 1, "method": "Balance"}
    assert await ask("POST", f"{control}/faults", **wanted) == (200, {})
    assert await session.rest.refusal("Balance") == "EService:Busy"
    assert await ask("GET", f"{control}/faults") == (200, {"kraken_busy": 1})
    await ask("POST", f"{control}/faults", name="kraken_unavailable")
    await ask("DELETE", f"{control}/faults/kraken_unavailable")
    await session.rest.result("Balance")
    await ask("POST", f"{control}/faults", name="kraken_unavailable")
    await ask("DELETE", f"{control}/faults")
    await session.rest.result("Balance")
    status, _ = await ask("DELETE", f"{control}/faults/bad_luck")
    assert status == 404
    for wrong in ({"name": "bad_luck"}, {"name": "kraken_busy", "colour": "red"}):
        status, answer = await ask("POST", f"{control}/faults", **wrong)
        assert status == 400
        assert "error" in answer


async def test_after_an_outage_the_account_is_as_it_was(session: Session) -> None:
    bought = await session.place(**BUY)
    waiting = await session.place(**LOW)
    await session.listen("ownTrades")
    await session.kraken.stop(rudely=True)
    with pytest.raises(TypeError):
        await session.stream.read()
    with pytest.raises(ClientConnectionError):
        await session.rest.call("Balance")
    await session.kraken.start()
    assert (await session.rest.result("OpenOrders"))["open"].keys() == {waiting}
    assert (await session.rest.result("ClosedOrders"))["closed"].keys() == {bought}
    async with StreamClient(session.private_url) as again:
        assert (await again.read())["status"] == "online"


async def test_an_outage_is_over_after_a_while(session: Session, control: str) -> None:
    assert await ask("POST", f"{control}/outage", seconds=0.2) == (200, {})
    for expected in (False, True):
        while await answers(session) is not expected:
            pass
    status, _ = await ask("GET", f"{control}/truth")
    assert status == 200
    session.kraken.faults.on(FaultName.KRAKEN_BUSY)
    assert await session.rest.refusal("Balance") == "EService:Busy"
