import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.errors import JournalError
from signal_server.journal import journal as journal_module
from signal_server.serving.model_health import Drift, ModelHealth
from tests.signal_server.serving.wire_events import wire_event
from tests.signal_server.serving.world import World, connected, make_world

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


async def told(call, revision: int) -> pb.Control:  # type: ignore[no-untyped-def]
    """Read a watcher's stream up to a revision."""
    async with asyncio.timeout(10):
        while (control := (await call.read()).control).revision < revision:
            pass
    return control


async def test_every_one_of_many_watchers_is_told(stub: rpc.TradingServiceStub) -> None:
    calls = [stub.WatchControl(pb.WatchControlRequest(bot_id=f"bot-{n}")) for n in range(200)]
    for call in calls:
        await call.read()
    ordered = await stub.SetControl(pb.SetControlRequest(**PAUSE))
    controls = await asyncio.gather(*(told(call, ordered.revision) for call in calls))
    assert list(controls) == [ordered] * 200
    for call in calls:
        call.cancel()


async def test_a_watcher_that_never_reads_keeps_nobody_waiting(
    world: World, stub: rpc.TradingServiceStub
) -> None:
    stuck = stub.WatchControl(pb.WatchControlRequest(bot_id="stuck"))
    quick = stub.WatchControl(pb.WatchControlRequest(bot_id="quick"))
    why = "x" * 500
    for _ in range(300):
        ordered = await stub.SetControl(pb.SetControlRequest(**PAUSE | {"why": why}))
    assert (await told(quick, ordered.revision)).revision == ordered.revision
    assert (await told(stuck, ordered.revision)).revision == ordered.revision
    assert world.journal.query("SELECT count(*) AS n FROM control_orders") == [{"n": 300}]


async def test_a_watcher_without_a_name_hears_of_every_bot(stub: rpc.TradingServiceStub) -> None:
    call = stub.WatchControl(pb.WatchControlRequest())
    await call.read()
    ordered = await stub.SetControl(pb.SetControlRequest(**PAUSE | {"bot_id": "ada"}))
    assert (await told(call, ordered.revision)).bot_id == "ada"
    newest = await stub.GetControl(pb.GetControlRequest())
    assert newest == ordered
    call.cancel()


async def test_orders_and_their_revisions_survive_the_server(tmp_path: Path) -> None:
    path = tmp_path / "signals.sqlite"
    revisions = []
    for bot_id in ("", "ada", ""):
        world = make_world(path)
        async with world.served() as server, connected(server) as client:
            before = await client.trading.GetControl(pb.GetControlRequest(bot_id="ada"))
            assert before.revision == (revisions[-1] if revisions else 0)
            order = pb.SetControlRequest(**PAUSE | {"bot_id": bot_id})
            revisions.append((await client.trading.SetControl(order)).revision)
        world.journal.execute("DELETE FROM control_orders WHERE revision < ?", (revisions[-1],))
        world.journal.close()
    assert revisions == sorted(set(revisions))


async def test_an_order_is_told_even_if_its_giver_hangs_up(stub: rpc.TradingServiceStub) -> None:
    call = stub.WatchControl(pb.WatchControlRequest(bot_id="ada"))
    await call.read()
    for _ in range(20):
        giving = stub.SetControl(pb.SetControlRequest(**PAUSE))
        await asyncio.sleep(0.002)
        giving.cancel()
    last = await stub.SetControl(pb.SetControlRequest(**PAUSE | {"mode": pb.CONTROL_MODE_FLATTEN}))
    assert (await told(call, last.revision)).mode == pb.CONTROL_MODE_FLATTEN
    assert (await stub.GetControl(pb.GetControlRequest())).revision == last.revision
    call.cancel()


async def test_what_cannot_be_stored_is_not_ordered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BUSY_TIMEOUT_S", 0.01)
    async with world.served() as server, connected(server) as client:
        with world.journal.transaction(), pytest.raises(grpc.aio.AioRpcError) as failed:
            await client.trading.SetControl(pb.SetControlRequest(**PAUSE))
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "database is locked" in str(failed.value.details())
        assert (await client.trading.GetControl(pb.GetControlRequest())).revision == 0
        assert (await client.trading.SetControl(pb.SetControlRequest(**PAUSE))).revision == 1


async def test_watchers_are_told_why_the_server_leaves(world: World) -> None:
    async with world.served() as server:
        client = connected(server)
        call = (await client.__aenter__()).trading.WatchControl(pb.WatchControlRequest())
        await call.read()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await told(call, 1)
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert ended.value.details() == "the server is stopping"
    await client.__aexit__(None, None, None)


async def test_how_the_model_does_is_told_and_asked_once_for_all(world: World) -> None:
    asked = []
    said = ModelHealth("direction-2h", "v1", 200, 0.44, Drift(halt=True, reason="PSI 0.4"))

    def health() -> ModelHealth:
        asked.append(1)
        return said

    world.health = health
    async with world.served() as server, connected(server) as client:
        calls = [client.trading.WatchControl(pb.WatchControlRequest()) for _ in range(10)]
        for call in calls:
            heard = (await call.read()).health
            assert (heard.known_outcomes, heard.accuracy) == (200, 0.44)
            assert (heard.drift_halt, heard.drift_reason) == (True, "PSI 0.4")
        assert len(asked) == 1
        world.clock.advance(1)
        said = replace(said, accuracy=0.5)
        while (await asyncio.wait_for(calls[0].read(), 10)).health.accuracy != 0.5:
            pass
        for call in calls:
            call.cancel()


async def test_orders_reach_the_bots_while_the_models_outcomes_cannot_be_read(
    world: World,
) -> None:
    def health() -> ModelHealth:
        raise JournalError("the log cannot be read")

    world.health = health
    async with world.served() as server, connected(server) as client:
        ordered = await client.trading.SetControl(pb.SetControlRequest(**PAUSE))
        call = client.trading.WatchControl(pb.WatchControlRequest(bot_id="ada"))
        first = await call.read()
        assert first.control == ordered
        assert not first.HasField("health")
        call.cancel()


async def test_bots_that_watch_report_or_were_ordered_are_known(
    stub: rpc.TradingServiceStub,
) -> None:
    call = stub.WatchControl(pb.WatchControlRequest(bot_id="watches"))
    nameless = stub.WatchControl(pb.WatchControlRequest())
    await call.read()
    await nameless.read()
    await stub.ReportTrades(pb.ReportTradesRequest(events=[wire_event(bot_id="reports")]))
    await stub.SetControl(pb.SetControlRequest(**PAUSE | {"bot_id": "ordered"}))
    bots = (await stub.ListBots(pb.ListBotsRequest())).bots
    assert [(bot.bot_id, bot.watching, bot.HasField("last_report_at")) for bot in bots] == [
        ("ordered", False, False),
        ("reports", False, True),
        ("watches", True, False),
    ]
    assert [bot.control.revision for bot in bots] == [1, 0, 0]
    call.cancel()
    nameless.cancel()
