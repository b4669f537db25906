import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from tests.signal_server.serving.world import World, connected

PAUSE = {"mode": pb.CONTROL_MODE_PAUSE, "who": "ada", "why": "the exchange is odd"}


@pytest.fixture
async def stub(world: World) -> AsyncIterator[rpc.TradingServiceStub]:
    async with world.served() as server, connected(server) as client:
        yield client.trading


async def test_nothing_is_ordered_at_first(stub: rpc.TradingServiceStub) -> None:
    assert (await stub.GetControl(pb.GetControlRequest(bot_id="b"))).revision == 0


async def test_an_order_for_all_holds_for_each_until_a_newer_one(
    stub: rpc.TradingServiceStub,
) -> None:
    first = await stub.SetControl(pb.SetControlRequest(**PAUSE))
    mine = await stub.GetControl(pb.GetControlRequest(bot_id="mine"))
    assert (mine.revision, mine.mode, mine.who) == (first.revision, pb.CONTROL_MODE_PAUSE, "ada")
    await stub.SetControl(
        pb.SetControlRequest(**PAUSE | {"bot_id": "mine", "mode": pb.CONTROL_MODE_RUN})
    )
    mine = await stub.GetControl(pb.GetControlRequest(bot_id="mine"))
    other = await stub.GetControl(pb.GetControlRequest(bot_id="other"))
    assert mine.mode == pb.CONTROL_MODE_RUN
    assert other.mode == pb.CONTROL_MODE_PAUSE
    assert mine.revision > other.revision


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mode": 0}, "mode"),
        ({"mode": 77}, "mode"),
        ({"who": ""}, "who"),
        ({"why": "  "}, "why"),
        ({"why": "x" * 501}, "why"),
        ({"why": "two\nlines"}, "why"),
        ({"bot_id": "x" * 129}, "bot_id"),
        ({"bot_id": "b\x00t"}, "bot_id"),
        ({"who": "x" * 65}, "who"),
    ],
)
async def test_an_order_that_lacks_something_is_refused(
    stub: rpc.TradingServiceStub, change: dict[str, object], named: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.SetControl(pb.SetControlRequest(**PAUSE | change))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith(named)


async def test_a_watcher_is_told_at_once_and_at_every_order(stub: rpc.TradingServiceStub) -> None:
    call = stub.WatchControl(pb.WatchControlRequest(bot_id="mine"))
    async with asyncio.timeout(5):
        assert (await call.read()).control.revision == 0
        await stub.SetControl(pb.SetControlRequest(**PAUSE))
        told = await call.read()
        while not told.control.revision:
            told = await call.read()
    assert told.control.mode == pb.CONTROL_MODE_PAUSE
    assert told.HasField("server_time")
    call.cancel()


async def test_a_watcher_hears_a_heartbeat(stub: rpc.TradingServiceStub) -> None:
    call = stub.WatchControl(pb.WatchControlRequest())
    async with asyncio.timeout(5):
        for _ in range(3):
            assert not (await call.read()).HasField("health")
    call.cancel()
