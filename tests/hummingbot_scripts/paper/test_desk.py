"""The paper account answers in the words that the live connector reads."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hummingbot_scripts.ml_signals.kraken.account import remote_order, remote_trade
from hummingbot_scripts.ml_signals.kraken.inquiry import Inquiry
from hummingbot_scripts.ml_signals.paper.account import PaperAccount
from hummingbot_scripts.ml_signals.paper.desk import Latency, PaperDesk
from hummingbot_scripts.ml_signals.paper.matching import Market
from hummingbot_scripts.ml_signals.paper.orders import RefusedError
from hummingbot_scripts.ml_signals.paper.stream import beginning, messages_of
from hummingbot_scripts.ml_signals.trades import OrderSide
from tests.hummingbot_scripts.paper.markets import NOW, PAIR, PAIRS, SYMBOL, account_in, book

NAMES = {name: pair.symbol for pair in PAIRS.values() for name in pair.names()}
MARKET_BUY = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01"}
LIMIT_BUY = MARKET_BUY | {"ordertype": "limit", "price": "59000.0", "userref": "77"}
STOP = MARKET_BUY | {"type": "sell", "ordertype": "stop-loss", "price": "50000.0"}


@dataclass
class Bench:
    """A desk with its account, a clock that the test moves, and what the stream was told."""

    account: PaperAccount
    market: Market = field(default_factory=book)
    now: datetime = NOW
    told: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = PaperDesk(
            self.account,
            PAIRS,
            lambda _symbol: self.market,
            lambda: self.now,
            lambda change, pair: self.told.extend(messages_of(change, pair)),
        )
        self.desk.latency = Latency(0, 0, 0)

    async def ask(self, method: str, given: Any = None) -> Any:
        return await self.desk.answer(method, given or {})

    async def add(self, given: dict[str, str]) -> str:
        return str((await self.ask("AddOrder", given))["txid"][0])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(account_in(tmp_path, USD="10000", BTC="1"))


async def test_the_live_connectors_reader_finds_everything_exactly(bench: Bench) -> None:
    filled = await bench.add(MARKET_BUY)
    resting = await bench.add(LIMIT_BUY)
    stop = await bench.add(STOP)
    bench.now += timedelta(minutes=1)
    inquiry = Inquiry(bench.ask, NAMES.get)
    await inquiry.look()
    await inquiry.ended_orders(NOW - timedelta(1))
    await inquiry.history(NOW - timedelta(1))
    snapshot = inquiry.account
    by_id = {order.txid: order for order in snapshot.orders}
    assert set(by_id) == {filled, resting, stop}
    [trade] = snapshot.trades
    mine = bench.account.trades[trade.trade_id]
    assert (trade.txid, trade.symbol, trade.side) == (filled, SYMBOL, OrderSide.BUY)
    assert (trade.price, trade.amount) == (mine.price, mine.size)
    assert (trade.cost, trade.fee_quote, trade.at) == (mine.cost, mine.fee, mine.at)
    assert snapshot.balances == bench.account.balances
    assert by_id[filled].trade_ids == (trade.trade_id,)
    assert (by_id[filled].status, by_id[filled].filled) == ("closed", Decimal("0.01"))
    assert (by_id[resting].userref, by_id[resting].live) == (77, True)
    assert by_id[stop].trigger == Decimal(50_000)


async def test_the_stream_tells_of_an_order_whole_then_of_its_fills_and_end(bench: Bench) -> None:
    txid = await bench.add(MARKET_BUY | {"userref": "5"})
    channels = [channel for channel, _ in bench.told]
    assert channels == ["openOrders", "openOrders", "ownTrades", "openOrders", "openOrders"]
    orders = [content[0][txid] for channel, content in bench.told if channel == "openOrders"]
    assert [order.get("status") for order in orders] == ["pending", "open", None, "closed"]
    assert {order["userref"] for order in orders} == {5}
    assert orders[0]["descr"]["pair"] == "XBT/USD"
    [(trade_id, trade)] = bench.told[2][1][0].items()
    assert remote_trade(trade_id, trade, NAMES.get).amount == Decimal("0.01")
    assert trade["userref"] == 5


async def test_a_new_subscriber_is_told_of_past_trades_and_live_orders(bench: Bench) -> None:
    await bench.add(MARKET_BUY)
    resting = await bench.add(LIMIT_BUY)
    (_, trades), (_, orders) = beginning(bench.account, PAIRS.__getitem__)
    assert len(trades) == 1
    assert [next(iter(order)) for order in orders] == [resting]


async def test_orders_are_looked_up_by_reference_and_by_id(bench: Bench) -> None:
    txid = await bench.add(LIMIT_BUY)
    await bench.add(STOP)
    assert list((await bench.ask("OpenOrders", {"userref": "77"}))["open"]) == [txid]
    await bench.ask("CancelOrder", {"txid": txid})
    assert not (await bench.ask("OpenOrders", {"userref": "77"}))["open"]
    closed = await bench.ask("ClosedOrders", {"userref": "77"})
    assert list(closed["closed"]) == [txid]
    answer = (await bench.ask("QueryOrders", {"txid": txid, "trades": "true"}))[txid]
    assert remote_order(txid, answer, NAMES.get).status == "canceled"
    assert answer["trades"] == []


async def test_history_comes_in_pages_of_fifty_the_latest_first(bench: Bench) -> None:
    for _ in range(53):
        bench.now += timedelta(seconds=1)
        bench.market = book()
        await bench.add(MARKET_BUY | {"volume": "0.0001"})
    first = await bench.ask("TradesHistory")
    second = await bench.ask("TradesHistory", {"ofs": "50"})
    assert (len(first["trades"]), len(second["trades"]), first["count"]) == (50, 3, 53)
    assert next(iter(first["trades"])) == list(bench.account.trades)[-1]
    since = {"start": str(bench.now.timestamp() - 1.5)}
    assert (await bench.ask("TradesHistory", since))["count"] == 2


@pytest.mark.parametrize(
    ("method", "given", "error"),
    [
        ("AddOrder", MARKET_BUY | {"pair": "NOUSD"}, "EQuery:Unknown asset pair"),
        ("AddOrder", MARKET_BUY | {"volume": "much"}, "EGeneral:Invalid arguments:volume"),
        ("AddOrder", MARKET_BUY | {"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
        ("AddOrder", MARKET_BUY | {"ordertype": "limit"}, "EGeneral:Invalid arguments:price"),
        ("AddOrder", MARKET_BUY | {"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype"),
        ("AddOrder", MARKET_BUY | {"userref": "x"}, "EGeneral:Invalid arguments:userref"),
        (
            "AddOrder",
            MARKET_BUY | {"deadline": (NOW - timedelta(seconds=1)).isoformat()},
            "EService:Deadline elapsed",
        ),
        ("CancelOrder", {"txid": "O-NONE"}, "EOrder:Unknown order"),
        ("QueryOrders", {"txid": "O-NONE"}, "EOrder:Unknown order"),
        ("QueryTrades", {"txid": "T-NONE"}, "EOrder:Invalid order"),
        ("QueryOrders", {"txid": ",".join("A" * 51)}, "EGeneral:Invalid arguments:txid"),
        ("Withdraw", {}, "EGeneral:Unknown method"),
    ],
)
async def test_a_request_that_kraken_would_refuse_is_refused(
    bench: Bench, method: str, given: dict[str, str], error: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        await bench.ask(method, given)
    assert str(refusal.value) == error
    assert not bench.account.orders


async def test_following_matches_what_rests_and_tells_of_it(bench: Bench) -> None:
    txid = await bench.add(LIMIT_BUY)
    bench.told.clear()
    await bench.desk.follow()
    assert not bench.told
    bench.market = book(58_000)
    await bench.desk.follow()
    assert [channel for channel, _ in bench.told] == ["ownTrades", "openOrders", "openOrders"]
    assert not bench.account.orders[txid].live


async def test_balances_carry_krakens_names(bench: Bench) -> None:
    assert await bench.ask("Balance") == {"ZUSD": "10000", "XXBT": "1"}
    assert (PAIR.base, PAIR.quote) == ("BTC", "USD")
