from collections.abc import AsyncIterator

import grpc
import pytest

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from tests.signal_server.serving.test_replay import report, story
from tests.signal_server.serving.wire_events import wire_event
from tests.signal_server.serving.world import World, connected


@pytest.fixture
async def stub(world: World) -> AsyncIterator[rpc.TradingServiceStub]:
    async with world.served() as server, connected(server) as client:
        yield client.trading


async def test_a_trade_is_listed_as_it_was_reported(stub: rpc.TradingServiceStub) -> None:
    sent = wire_event(
        price="0.100000000000000000000000000001",
        amount="1.00000000",
        exit_reason="TRAILING_STOP",
        holding_s="61.5",
    )
    await report(stub, [sent])
    answer = await stub.ListTrades(pb.ListTradesRequest())
    assert list(answer.trades) == [sent]


async def test_slippage_against_the_signal_comes_back(stub: rpc.TradingServiceStub) -> None:
    entry = {"is_exit": False, "side": "BUY", "pnl_quote": "", "exit_reason": ""}
    sent = wire_event(**entry, signal_slippage_bps="-3.25")
    await report(stub, [sent])
    assert list((await stub.ListTrades(pb.ListTradesRequest())).trades) == [sent]


async def test_trades_are_listed_newest_first_by_bot_and_symbol(
    stub: rpc.TradingServiceStub,
) -> None:
    events = story("ada", 60)
    for event in events[:80]:
        event.symbol = "ETH-USD"
    await report(stub, events)
    await report(stub, story("ben", 2))
    of_ada = (await stub.ListTrades(pb.ListTradesRequest(bot_id="ada"))).trades
    assert len(of_ada) == 100
    assert [trade.order_id for trade in of_ada[:3]] == ["x59", "e59", "x58"]
    eth = (await stub.ListTrades(pb.ListTradesRequest(symbol="ETH-USD", limit=1000))).trades
    assert len(eth) == 40
    assert not (await stub.ListTrades(pb.ListTradesRequest(bot_id="nobody"))).trades


async def test_positions_are_told_with_exact_money(stub: rpc.TradingServiceStub) -> None:
    events = story("ada", 3)
    await report(stub, events[:-2])
    (still_open,) = (await stub.ListPositions(pb.ListPositionsRequest())).positions
    assert (still_open.position_id, still_open.closed) == ("p2", False)
    assert still_open.open_amount == "0.00100000"
    assert still_open.entry_price == "100.1"
    all_of_them = await stub.ListPositions(pb.ListPositionsRequest(include_closed=True, limit=2))
    assert [(each.position_id, each.closed) for each in all_of_them.positions] == [
        ("p2", False),
        ("p1", True),
    ]
    assert all_of_them.positions[1].fee_quote == "0.000000000000000006"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (pb.ListPositionsRequest(bot_id="x" * 129), "bot_id: has 129 characters"),
        (pb.ListPositionsRequest(bot_id="b\x00"), "bot_id: holds characters"),
        (pb.ListPositionsRequest(limit=1001), "limit: 1001 is above 1000"),
        (pb.ListTradesRequest(bot_id="é"), "bot_id: "),
        (pb.ListTradesRequest(symbol="btc"), "symbol: 'btc' is no symbol"),
        (pb.ListTradesRequest(symbol="B" * 100_000), "symbol: "),
        (pb.ListTradesRequest(symbol="' OR 1=1 --"), "symbol: "),
        (pb.ListTradesRequest(limit=2**32 - 1), "limit: "),
    ],
)
async def test_a_request_that_cannot_be_is_refused_by_name(
    stub: rpc.TradingServiceStub, request_: object, named: str
) -> None:
    positions = isinstance(request_, pb.ListPositionsRequest)
    call = stub.ListPositions if positions else stub.ListTrades
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(request_)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith(named)
    assert len(str(refused.value.details())) < 200


async def test_a_hundred_thousand_empty_events_are_refused_by_name(
    stub: rpc.TradingServiceStub,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ReportTrades(pb.ReportTradesRequest(events=[pb.TradeEvent()] * 100_000))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "events: 100000 at once" in str(refused.value.details())


async def test_bytes_that_are_no_request_do_not_harm_the_server(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        for junk in (b"\xff" * 1000, b"\x0a\x02\x08\xff", b"\x0a\x03\x0a\x01\xff"):
            for method in ("ReportTrades", "SetControl", "ListTrades"):
                raw = client.channel.unary_unary(f"/signals.v1.TradingService/{method}")
                with pytest.raises(grpc.aio.AioRpcError):
                    await raw(junk)
        await report(client.trading, [wire_event()])
