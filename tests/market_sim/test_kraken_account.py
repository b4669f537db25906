"""The account over real sockets: signed calls in, answers and private messages out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from market_sim.faults import FaultName
from market_sim.kraken_server import KrakenSettings, KrakenStandIn
from tests.market_sim.clients import SignedClient, StreamClient
from tests.market_sim.markets import SetClock, SteadyPrices

BUY = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}
LOW = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "50000"}


@dataclass(frozen=True, slots=True)
class Session:
    kraken: KrakenStandIn
    prices: SteadyPrices
    clock: SetClock
    rest: SignedClient
    stream: StreamClient

    async def listen(self, channel: str) -> list[Any]:
        """Subscribe; return the channel's first message: what there is already."""
        token = (await self.rest.result("GetWebSocketsToken"))["token"]
        [status] = await self.stream.subscribe(channel, [], token=token)
        assert status["status"] == "subscribed"
        content, name, sequence = await self.stream.read()
        assert (name, sequence) == (channel, {"sequence": 1})
        return list(content)

    async def hear(self, channel: str, sequence: int) -> dict[str, Any]:
        """Return the content of the next message, which must be of this channel."""
        [content], name, number = await self.stream.read()
        assert (name, number) == (channel, {"sequence": sequence})
        return dict(content)

    def move(self, share: float) -> None:
        self.clock.forward(0.2)
        self.prices.move("BTC-USD", share)
        self.kraken.refresh()


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    prices, clock = SteadyPrices(), SetClock()
    kraken = KrakenStandIn(prices, KrakenSettings(refresh_hz=0.001), clock)
    addresses = await kraken.start()
    async with (
        SignedClient(addresses.rest_url) as rest,
        StreamClient(addresses.ws_url) as stream,
    ):
        assert (await stream.read())["event"] == "systemStatus"
        yield Session(kraken, prices, clock, rest, stream)
    await kraken.stop()


async def test_a_market_order_is_told_step_by_step(session: Session) -> None:
    assert await session.listen("openOrders") == []
    answer = await session.rest.result("AddOrder", **BUY, userref="77")
    [txid] = answer["txid"]
    assert answer["descr"] == {"order": "buy 0.01000000 XBTUSD @ market"}
    new = (await session.hear("openOrders", 2))[txid]
    assert (new["status"], new["vol"], new["vol_exec"]) == ("pending", "0.01000000", "0.00000000")
    assert new["descr"]["pair"] == "XBT/USD"
    assert await session.hear("openOrders", 3) == {txid: {"status": "open", "userref": 77}}
    fill = (await session.hear("openOrders", 4))[txid]
    assert fill == {
        "vol_exec": "0.01000000",
        "cost": "600.03000",
        "fee": "1.56007",
        "avg_price": "60003.00000",
        "userref": 77,
    }
    closed = (await session.hear("openOrders", 5))[txid]
    assert closed == {**fill, "status": "closed", "lastupdated": "1767614400.000000"}


async def test_own_trades_begin_with_the_past_and_go_on(session: Session) -> None:
    await session.listen("openOrders")
    [first] = (await session.rest.result("AddOrder", **BUY))["txid"]
    for sequence in range(2, 6):
        await session.hear("openOrders", sequence)
    [past] = await session.listen("ownTrades")
    [trade] = past.values()
    assert (trade["ordertxid"], trade["pair"], trade["time"]) == (
        first,
        "XBT/USD",
        "1767614400.000000",
    )
    assert "userref" not in trade
    [second] = (await session.rest.result("AddOrder", **{**BUY, "type": "sell"}))["txid"]
    messages = [await session.stream.read() for _ in range(5)]
    [told] = [content[0] for content, name, _ in messages if name == "ownTrades"]
    assert [fill["ordertxid"] for fill in told.values()] == [second]


async def test_a_cancelled_order_says_who_wished_it(session: Session) -> None:
    [txid] = (await session.rest.result("AddOrder", **LOW, userref="5"))["txid"]
    await session.listen("openOrders")
    for sequence in (2, 3):
        await session.hear("openOrders", sequence)
    [(listed, order)] = (await session.rest.result("OpenOrders", userref="5"))["open"].items()
    assert (listed, order["status"]) == (txid, "open")
    assert order["descr"]["order"] == "buy 0.01000000 XBTUSD @ limit 50000.0"
    assert (await session.rest.result("OpenOrders", userref="6"))["open"] == {}
    assert await session.rest.result("CancelOrder", txid="5") == {"count": 1}
    ended = (await session.hear("openOrders", 4))[txid]
    assert (ended["status"], ended["cancel_reason"]) == ("canceled", "User requested")
    assert await session.rest.refusal("CancelOrder", txid=txid) == "EOrder:Unknown order"
    closed = (await session.rest.result("ClosedOrders"))["closed"][txid]
    assert (closed["status"], closed["reason"]) == ("canceled", "User requested")


async def test_a_resting_order_fills_when_the_price_comes(session: Session) -> None:
    await session.listen("openOrders")
    [txid] = (await session.rest.result("AddOrder", **{**LOW, "price": "59900.0"}))["txid"]
    for sequence in (2, 3):
        await session.hear("openOrders", sequence)
    session.move(-0.01)
    assert (await session.hear("openOrders", 4))[txid]["cost"] == "599.00000"
    assert (await session.hear("openOrders", 5))[txid]["status"] == "closed"
    [trade] = (await session.rest.result("TradesHistory"))["trades"].values()
    assert (trade["pair"], trade["maker"], trade["fee"]) == ("XXBTZUSD", True, "0.95840")
    [queried] = (await session.rest.result("QueryOrders", txid=txid)).values()
    assert (queried["status"], queried["price"]) == ("closed", "59900.0")


async def test_balances_show_every_digit_of_the_ledger(session: Session) -> None:
    await session.listen("openOrders")
    await session.rest.result("AddOrder", **BUY)
    for sequence in range(2, 6):
        await session.hear("openOrders", sequence)
    balances = await session.rest.result("Balance")
    assert {asset: Decimal(text) for asset, text in balances.items()} == {
        "ZUSD": Decimal("10000") - Decimal("600.03") - Decimal("1.56007"),
        "XXBT": Decimal("0.01"),
    }
    assert Decimal((await session.rest.result("TradeBalance"))["eb"]) < 10_000


async def test_fees_are_told_in_percent(session: Session) -> None:
    volume = await session.rest.result("TradeVolume", pair="XBTUSD")
    assert volume["fees"]["XXBTZUSD"]["fee"] == "0.2600"
    assert volume["fees_maker"]["XXBTZUSD"]["fee"] == "0.1600"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"volume": "much"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "NaN"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
        ({"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype"),
        ({"ordertype": "limit"}, "EGeneral:Invalid arguments:price"),
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"pair": "NOPEUSD"}, "EQuery:Unknown asset pair"),
        ({"volume": "1"}, "EOrder:Insufficient funds"),
    ],
)
async def test_a_bad_order_is_refused(session: Session, change: dict[str, str], error: str) -> None:
    assert await session.rest.refusal("AddOrder", **{**BUY, **change}) == error
    assert session.kraken.exchange.orders == {}


async def test_a_wrong_nonce_token_or_method_is_refused(session: Session) -> None:
    assert await session.rest.result("Balance") == {"ZUSD": "10000.0000000000"}
    answer = await session.rest.call("Balance", nonce=1)
    assert answer == {"error": ["EAPI:Invalid nonce"]}
    assert await session.rest.refusal("Withdraw") == "EGeneral:Unknown method"
    [status] = await session.stream.subscribe("ownTrades", [], token="invented")
    assert (status["status"], status["errorMessage"]) == ("error", "ESession:Invalid session")


async def test_an_unknown_pair_or_depth_or_word_is_refused_on_the_stream(session: Session) -> None:
    [unknown] = await session.stream.subscribe("book", ["NOPE/USD"], depth=10)
    assert unknown["errorMessage"] == "Currency pair not supported NOPE/USD"
    [depth] = await session.stream.subscribe("book", ["XBT/USD"], depth=11)
    assert depth["errorMessage"] == "Subscription depth not supported"
    for nonsense in ({"event": "dance"}, {"nothing": 1}):
        await session.stream.send(nonsense)
        assert (await session.stream.read())["event"] == "error"
    await session.stream.send({"event": "ping", "reqid": 42})
    assert await session.stream.read() == {"event": "pong", "reqid": 42}


async def test_an_unsubscribed_channel_is_silent(session: Session) -> None:
    await session.stream.subscribe("book", ["XBT/USD"], depth=10)
    await session.stream.read()
    subscription = {"name": "book", "depth": 10}
    message = {"event": "unsubscribe", "pair": ["XBT/USD"], "subscription": subscription}
    await session.stream.send(message)
    assert (await session.stream.read())["status"] == "unsubscribed"
    session.move(0.01)
    await session.stream.send({"event": "ping"})
    assert await session.stream.read() == {"event": "pong"}


async def test_an_accepted_order_can_answer_520_and_a_busy_exchange_takes_none(
    session: Session,
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_BUSY, remaining=1)
    assert await session.rest.refusal("AddOrder", **BUY) == "EService:Busy"
    assert not session.kraken.exchange.orders
    session.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_520, remaining=1)
    assert await session.rest.call("AddOrder", **BUY) == 520
    assert len(session.kraken.exchange.orders) == 1


async def test_public_questions_agree_with_the_book(session: Session) -> None:
    ticker = (await session.rest.ask("Ticker", pair="XBTUSD"))["result"]["XXBTZUSD"]
    depth = (await session.rest.ask("Depth", pair="XBTUSD", count="5"))["result"]["XXBTZUSD"]
    assert (ticker["a"][0], ticker["b"][0]) == ("60003.00000", "59997.00000")
    assert depth["asks"][0][0] == ticker["a"][0]
    assert [len(depth[side]) for side in ("asks", "bids")] == [5, 5]
    assert (await session.rest.ask("Time"))["result"]["unixtime"] == 1_767_614_400
    assets = (await session.rest.ask("Assets"))["result"]
    assert {name: asset["altname"] for name, asset in assets.items()} == {
        "XXBT": "XBT",
        "XETH": "ETH",
        "SOL": "SOL",
        "PEPE": "PEPE",
        "ZUSD": "USD",
    }
    pairs = (await session.rest.ask("AssetPairs"))["result"]
    assert {key: pair["wsname"] for key, pair in pairs.items()} == {
        "XXBTZUSD": "XBT/USD",
        "XETHZUSD": "ETH/USD",
        "SOLUSD": "SOL/USD",
        "PEPEUSD": "PEPE/USD",
    }
    assert pairs["XXBTZUSD"]["ordermin"] == "0.0001"
    assert pairs["PEPEUSD"]["tick_size"] == "0.0000000001"
    unknown = await session.rest.ask("Ticker", pair="NOPE")
    assert unknown == {"error": ["EQuery:Unknown asset pair"]}
