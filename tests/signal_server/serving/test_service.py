import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.domain import Signal
from signal_server.core.errors import ServerError
from signal_server.journal.orders import Wanted, newest_positions
from signal_server.journal.predictions import Prediction, record_prediction
from signal_server.serving.hub import Hub
from signal_server.serving.server import SIGNAL_SERVICE
from signal_server.serving.wire import from_timestamp
from tests.signal_server.serving.wire_events import wire_event
from tests.signal_server.serving.world import (
    HandClock,
    Live,
    World,
    bar,
    connected,
    make_world,
    read,
)


async def refused(call) -> tuple[grpc.StatusCode, str]:  # type: ignore[no-untyped-def]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details() or ""


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0)


async def drain(call) -> None:  # type: ignore[no-untyped-def]
    while await read(call) is not grpc.aio.EOF:
        pass


async def test_a_subscriber_hears_at_once_and_then_every_signal(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        stream = client.stream()
        greeting = await read(stream)
        assert not greeting.HasField("signal")
        await world.issue("BTC-USD", "ETH-USD")
        first, second = await read(stream), await read(stream)
        assert [first.signal.symbol, second.signal.symbol] == ["BTC-USD", "ETH-USD"]
        assert (first.signal.id, second.signal.id) == (1, 2)
        assert first.signal.direction == pb.DIRECTION_UP
        assert first.signal.confidence == 0.6
        assert first.signal.HasField("bar_received_at")


async def test_a_signal_is_in_the_log_before_it_is_sent(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        stream = client.stream()
        await read(stream)
        await world.issue()
        sent = (await read(stream)).signal
        rows = world.journal.query("SELECT id, symbol FROM ml_predictions")
        assert rows == [{"id": sent.id, "symbol": sent.symbol}]


async def test_a_subscriber_gets_only_its_symbols(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        stream = client.stream(["ETH-USD"])
        await read(stream)
        await world.issue("BTC-USD", "ETH-USD")
        assert (await read(stream)).signal.symbol == "ETH-USD"


async def test_silence_is_filled_with_heartbeats(world: World) -> None:
    world.heartbeat_s = 0.01
    async with world.served() as server, connected(server) as client:
        stream = client.stream()
        beats = [await read(stream) for _ in range(3)]
        assert not any(beat.HasField("signal") for beat in beats)
        assert all(beat.HasField("server_time") for beat in beats)


async def test_a_new_subscriber_is_given_the_signals_that_are_still_valid(world: World) -> None:
    await world.issue("BTC-USD")
    await world.issue("ETH-USD")
    async with world.served() as server, connected(server) as client:
        stream = client.stream()
        assert [(await read(stream)).signal.id for _ in range(2)] == [1, 2]
        world.clock.advance(60)
        assert (await read(client.stream())).signal.id == 2


async def test_a_resuming_subscriber_misses_nothing_and_gets_nothing_twice(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        for _ in range(5):
            await world.issue()
        stream = client.stream(after_id=2)
        assert [(await read(stream)).signal.id for _ in range(3)] == [3, 4, 5]
        assert not (await read(stream)).HasField("signal")
        await world.issue()
        assert (await read(stream)).signal.id == 6


async def test_a_long_absence_is_made_up_while_signals_go_on(world: World) -> None:
    sample = await _sample(world)

    def record(number: int) -> Signal:
        later = replace(sample, bar_close=sample.bar_close + timedelta(seconds=number))
        return record_prediction(world.journal, Prediction(later, {}, 0.0)) or sample

    for number in range(1, 1500):
        record(number)
    async with world.served() as server, connected(server) as client:
        stream = client.stream(["BTC-USD"], after_id=1)
        ids = [(await read(stream)).signal.id]
        world.hub.publish(record(1500))
        while ids[-1] < 1501:
            message = await read(stream)
            ids += [message.signal.id] if message.HasField("signal") else []
        assert ids == list(range(2, 1502))


async def test_every_message_carries_the_servers_clock(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        stream = client.stream()
        await read(stream)
        world.clock.advance(0.25)
        await world.issue()
        message = await read(stream)
        assert from_timestamp(message.server_time) == world.clock.now


async def test_an_id_that_was_never_given_cannot_be_resumed_from(world: World) -> None:
    await world.issue()
    async with world.served() as server, connected(server) as client:
        code, details = await refused(client.stream(after_id=9).read())
        assert code is grpc.StatusCode.OUT_OF_RANGE
        assert "newest id is 1" in details


async def test_ids_go_on_after_a_restart_and_a_bar_is_not_signalled_twice(tmp_path: Path) -> None:
    path = tmp_path / "signals.sqlite"
    before = make_world(path)
    await before.issue()
    before.journal.close()
    after = make_world(path, clock=HandClock(before.clock.now))
    await after.engine.take([Live(bar(after.clock.now), after.clock.now, repaired=True)])
    async with after.served() as server, connected(server) as client:
        stream = client.stream(after_id=1)
        await read(stream)
        await after.issue()
        assert (await read(stream)).signal.id > 1
    after.journal.close()


async def test_the_newest_signal_can_be_asked_for_until_it_expires(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        ask = pb.GetSignalRequest(symbol="BTC-USD")
        code, details = await refused(client.signals.GetSignal(ask))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "no new bar has arrived" in details
        await world.issue()
        assert (await client.signals.GetSignal(ask)).id == 1
        world.clock.advance(90)
        code, _ = await refused(client.signals.GetSignal(ask))
        assert code is grpc.StatusCode.FAILED_PRECONDITION


async def test_the_reason_for_no_signal_is_told(world: World) -> None:
    late = Live(bar(world.clock.now), world.clock.now)
    world.clock.advance(1)
    late = replace(late, bar=bar(world.clock.now))
    world.clock.advance(30)
    await world.engine.take([late])
    async with world.served() as server, connected(server) as client:
        _, details = await refused(client.signals.GetSignal(pb.GetSignalRequest(symbol="BTC-USD")))
        assert "bar arrived too late: 30.0 s" in details


@pytest.mark.parametrize("symbol", ["XRP-USD", "", "btc", "x" * 10_000])
async def test_a_symbol_that_is_not_followed_is_not_found(world: World, symbol: str) -> None:
    async with world.served() as server, connected(server) as client:
        for call in (
            client.signals.GetSignal(pb.GetSignalRequest(symbol=symbol)),
            client.stream([symbol]).read(),
        ):
            code, details = await refused(call)
            assert code is grpc.StatusCode.NOT_FOUND
            assert "follows BTC-USD, ETH-USD" in details
            assert len(details) < 200


async def test_a_peer_with_too_many_streams_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path / "signals.sqlite", Hub(max_streams_per_peer=2))
    async with world.served() as server, connected(server) as client:
        held = [client.stream(), client.stream()]
        for stream in held:
            await read(stream)
        code, _ = await refused(client.stream().read())
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        held[0].cancel()
        await until(lambda: world.hub.subscribers == 1)
        assert await read(client.stream())
    world.journal.close()


async def test_a_client_that_never_reads_is_dropped_while_another_gets_all(tmp_path: Path) -> None:
    world = make_world(tmp_path / "signals.sqlite", Hub(queue_signals=8))
    async with world.served() as server, connected(server) as quick, connected(server) as slow:
        stuck = slow.stream()
        stream = quick.stream()
        await read(stream)
        await until(lambda: world.hub.subscribers == 2)
        sample = await _sample(world)
        sent = 0
        async with asyncio.timeout(30):
            while world.hub.dropped == 0:
                sent += 1
                world.hub.publish(replace(sample, id=1 + sent, flags=("x" * 20_000,)))
                while (await read(stream)).signal.id != 1 + sent:
                    pass
        assert world.hub.subscribers == 1
        with pytest.raises(grpc.aio.AioRpcError, match="does not keep up"):
            await drain(stuck)
    world.journal.close()


async def _sample(world: World):  # type: ignore[no-untyped-def]
    await world.issue()
    return world.hub.latest("BTC-USD")


async def test_trades_are_stored_once_however_often_they_are_sent(world: World) -> None:
    entry = wire_event(
        is_exit=False, side="BUY", pnl_quote="", exit_reason="", event_id="e0", order_id="o0"
    )
    request = pb.ReportTradesRequest(events=[entry, wire_event(sequence=2)])
    async with world.served() as server, connected(server) as client:
        for _ in range(3):
            answer = await client.trading.ReportTrades(request)
            assert list(answer.acknowledged_event_ids) == ["e0", "e1"]
    (position,) = newest_positions(world.journal, Wanted())
    assert position.closed
    assert position.pnl == Decimal("-2.38")


async def test_a_bad_event_is_refused_by_name_and_nothing_of_its_batch_is_kept(
    world: World,
) -> None:
    request = pb.ReportTradesRequest(events=[wire_event(), wire_event(price="NaN")])
    async with world.served() as server, connected(server) as client:
        code, details = await refused(client.trading.ReportTrades(request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert details == "events[1].price: 'NaN' is not a plain decimal like 123.45"
    assert world.journal.query("SELECT * FROM trade_events") == []


async def test_a_request_that_is_too_large_is_refused(world: World) -> None:
    request = pb.ReportTradesRequest(events=[wire_event(event_id="x" * (1 << 20))])
    async with world.served() as server, connected(server) as client:
        code, _ = await refused(client.trading.ReportTrades(request))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_empty_report_is_acknowledged_as_empty(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        answer = await client.trading.ReportTrades(pb.ReportTradesRequest())
        assert list(answer.acknowledged_event_ids) == []


async def test_models_are_listed(world: World) -> None:
    world.models.append(pb.Model(id="direction-2h", version="v1", serving=True))
    async with world.served() as server, connected(server) as client:
        answer = await client.signals.ListModels(pb.ListModelsRequest())
        assert [(model.id, model.serving) for model in answer.models] == [("direction-2h", True)]


async def test_health_and_reflection_answer(world: World) -> None:
    async with world.served() as server, connected(server) as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        for serving, status in ((False, "NOT_SERVING"), (True, "SERVING")):
            await server.set_serving(serving)
            answer = await health.Check(health_pb2.HealthCheckRequest(service=SIGNAL_SERVICE))
            assert health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == status
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == 1
        reflect = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        call = reflect.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = {service.name for service in (await read(call)).list_services_response.service}
        assert {"signals.v1.SignalService", "signals.v1.TradingService"} <= names


async def test_a_port_in_use_is_a_sentence(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServerError, match="cannot be bound: another program"):
            async with world.served(address):
                pass


async def test_two_servers_never_share_a_port(world: World) -> None:
    async with world.served() as server:
        with pytest.raises(ServerError):
            async with world.served(f"127.0.0.1:{server.port}"):
                pass


async def test_open_streams_end_with_a_reason_when_the_server_stops(world: World) -> None:
    async with connected_after_stop(world) as stream:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await drain(stream)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert error.value.details() == "the server is stopping"


class connected_after_stop:  # noqa: N801
    """A stream of a server that has been stopped while it was open."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def __aenter__(self):  # type: ignore[no-untyped-def]
        async with self.world.served() as server:
            self.client = connected(server)
            stream = (await self.client.__aenter__()).stream()
            await read(stream)
        return stream

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(None, None, None)
