"""Reports that are sent again, in pieces, in any order, by several bots, to servers that die."""

import asyncio
import random
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import batched
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.journal.performance import read_days
from tests.signal_server.serving.wire_events import NOON, wire_event
from tests.signal_server.serving.world import World, connected, make_world

ENTRY = {"is_exit": False, "side": "BUY", "pnl_quote": "", "exit_reason": ""}
PNL = "-0.000000000000000001"


def story(bot_id: str, positions: int) -> list[pb.TradeEvent]:
    """All events of a bot's positions, one a minute: entry open and filled, exit open and filled.

    Every bot uses the same names for its events, orders and positions.
    """
    events: list[pb.TradeEvent] = []
    for number in range(positions):
        at = Timestamp(seconds=NOON.seconds + 60 * number)
        shared = {"bot_id": bot_id, "position_id": f"p{number}", "created_at": at}
        fresh = {"status": "OPEN", "filled_at": None, "fee_quote": ""}
        done = {"status": "FILLED", "filled_at": at, "fee_quote": "0.000000000000000003"}
        states = (
            {"order_id": f"e{number}"} | ENTRY | fresh,
            {"order_id": f"e{number}"} | ENTRY | done,
            {"order_id": f"x{number}", "pnl_quote": ""} | fresh,
            {"order_id": f"x{number}", "pnl_quote": PNL} | done,
        )
        for state in states:
            sequence = len(events) + 1
            identity = {"event_id": f"event-{sequence}", "sequence": sequence}
            events.append(wire_event(**shared | state | identity))
    return events


async def report(stub: rpc.TradingServiceStub, events: Sequence[pb.TradeEvent]) -> None:
    answer = await stub.ReportTrades(pb.ReportTradesRequest(events=events))
    assert list(answer.acknowledged_event_ids) == [event.event_id for event in events]


def pieces(events: Iterable[pb.TradeEvent], dice: random.Random) -> list[tuple[pb.TradeEvent, ...]]:
    return list(batched(events, dice.choice([7, 100, 500])))


def check(world: World, stories: Sequence[Sequence[pb.TradeEvent]]) -> None:
    """The log holds each event once, each order in its last state, and the exact sums."""
    positions = sum(len(events) for events in stories) // 4
    (events,) = world.journal.query("SELECT count(*) AS n FROM trade_events")
    assert events["n"] == 4 * positions
    rows = world.journal.query("SELECT status, count(*) AS n FROM hummingbot_trades GROUP BY 1")
    assert rows == [{"status": "FILLED", "n": 2 * positions}]
    days = read_days(world.journal)
    assert sum(day["trades"] for day in days) == positions
    assert sum(Decimal(day["exact_pnl"]) for day in days) == positions * Decimal(PNL)
    fees = 2 * positions * Decimal("0.000000000000000003")
    assert sum(Decimal(day["exact_fees"]) for day in days) == fees


async def test_thousands_of_events_sent_twice_and_in_pieces_count_once(world: World) -> None:
    dice = random.Random(7)
    stories = [story("ada", 500), story("ben", 250)]
    async with world.served() as server, connected(server) as client:
        for events in stories:
            for _ in range(2):
                for piece in pieces(events, dice):
                    await report(client.trading, piece)
        check(world, stories)


@pytest.mark.parametrize("seed", range(3))
async def test_the_order_in_which_events_come_does_not_matter(world: World, seed: int) -> None:
    dice = random.Random(seed)
    stories = [story("ada", 60), story("ben", 60)]
    shuffled = [event for events in stories for event in events] * 2
    dice.shuffle(shuffled)
    async with world.served() as server, connected(server) as client:
        for piece in pieces(shuffled, dice):
            await report(client.trading, piece)
        check(world, stories)


async def test_bots_that_report_at_once_do_not_mix(world: World) -> None:
    stories = [story(f"bot-{number}", 25) for number in range(5)]
    async with world.served() as server, connected(server) as client:

        async def send(events: Sequence[pb.TradeEvent]) -> None:
            for piece in batched(events, 10):
                await report(client.trading, piece)

        await asyncio.gather(*(send(events) for events in [*stories, *stories]))
        check(world, stories)


@pytest.mark.parametrize(("when", "stored"), [("committed", 80), ("writing", 40)])
async def test_a_server_killed_before_it_answers_loses_and_doubles_nothing(
    tmp_path: Path, when: str, stored: int
) -> None:
    path = tmp_path / "signals.sqlite"
    events = story("ada", 40)
    parts = list(batched(events, 40))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.signal_server.serving.dying_server", str(path), when),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = rpc.TradingServiceStub(channel)
        await report(stub, parts[0])
        with pytest.raises(grpc.aio.AioRpcError) as lost:
            await report(stub, parts[1])
    assert lost.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await process.wait() == -9
    world = make_world(path)
    assert world.journal.query("SELECT count(*) AS n FROM trade_events") == [{"n": stored}]
    async with world.served() as server, connected(server) as client:
        for part in parts[1:]:
            await report(client.trading, part)
        check(world, [events])
    world.journal.close()


async def test_a_caller_that_hangs_up_does_not_disturb_the_next(world: World) -> None:
    events = story("ada", 100)
    async with world.served() as server, connected(server) as client:
        for part in batched(events, 40):
            call = client.trading.ReportTrades(pb.ReportTradesRequest(events=part))
            await asyncio.sleep(0)
            call.cancel()
            await report(client.trading, part)
        check(world, [events])
