"""`signal-server control`, run as its users run it, against a server that runs."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.cli.control_screen import health_line, reception, sentence
from signal_server.cli.main import run
from signal_server.journal import journal as journal_module
from tests.signal_server.serving.wire_events import wire_event
from tests.signal_server.serving.world import Client, World, connected, make_world


@dataclass
class Desk:
    """A running server, a client of it, and the command line beside them."""

    world: World
    client: Client
    address: str
    config: Path
    capsys: pytest.CaptureFixture[str]

    async def control(self, *arguments: str, code: int = 0) -> str:
        command = ["--config", str(self.config), "control", *arguments, "--address", self.address]
        assert await asyncio.to_thread(run, command) == code
        captured = self.capsys.readouterr()
        return captured.err if code else captured.out

    async def listening(self, bot_id: str):  # type: ignore[no-untyped-def]
        call = self.client.trading.WatchControl(pb.WatchControlRequest(bot_id=bot_id))
        await call.read()
        return call


@pytest.fixture
async def desk(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(journal_module, "BUSY_TIMEOUT_S", 0.2)
    world = make_world(tmp_path / "signals.sqlite")
    async with world.served() as server, connected(server) as client:
        yield Desk(world, client, f"127.0.0.1:{server.port}", config, capsys)
    world.journal.close()


async def test_an_order_says_which_bots_have_it_and_when_the_others_will(desk: Desk) -> None:
    call = await desk.listening("ada")
    await desk.client.trading.ReportTrades(
        pb.ReportTradesRequest(events=[wire_event(bot_id="ben")])
    )
    out = await desk.control("pause", "--why", "the exchange is odd")
    assert "every bot: pause (act on no signal)" in out
    assert f"ordered by {getpass.getuser()} at 2026-03-01 12:00:00 UTC, order 1: the exch" in out
    assert "ada listens: it has the order now" in out
    assert "ben is away, its last report came 2026-03-01 12:00:00 UTC" in out
    while not (told := (await call.read()).control).revision:
        pass
    assert (told.mode, told.why) == (pb.CONTROL_MODE_PAUSE, "the exchange is odd")
    call.cancel()


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("pause", pb.CONTROL_MODE_PAUSE),
        ("resume", pb.CONTROL_MODE_RUN),
        ("stop-entries", pb.CONTROL_MODE_STOP_ENTRIES),
        ("flatten", pb.CONTROL_MODE_FLATTEN),
    ],
)
async def test_each_word_is_an_order_for_one_bot_by_a_name(
    desk: Desk, word: str, mode: pb.ControlMode.ValueType
) -> None:
    await desk.control(word, "--why", "test", "--bot", "ada", "--who", "grace")
    order = await desk.client.trading.GetControl(pb.GetControlRequest(bot_id="ada"))
    assert (order.mode, order.bot_id, order.who, order.why) == (mode, "ada", "grace", "test")


async def test_a_bot_that_nobody_knows_is_pointed_out(desk: Desk) -> None:
    call = await desk.listening("ada")
    out = await desk.control("flatten", "--why", "test", "--bot", "adda")
    assert "adda was never heard of; is that its bot_id? Known: ada." in out
    call.cancel()
    assert "every bot: run" in await desk.control("resume", "--why", "it was a slip")


async def test_what_holds_is_shown_for_each_bot(desk: Desk) -> None:
    call = await desk.listening("[red]ada")
    await desk.control("stop-entries", "--why", "a holiday", "--bot", "[red]ada", "--who", "grace")
    out = await desk.control("show")
    (row,) = (line for line in out.splitlines() if line.startswith("│"))
    for part in ("[red]ada", "yes", "never", "stop-entries", "grace", "a holiday"):
        assert part in row
    assert "No model predicts now." in out
    (bot,) = json.loads(await desk.control("show", "--json"))
    assert (bot["bot_id"], bot["watching"], bot["mode"]) == ("[red]ada", True, "stop-entries")
    assert "nobody was never heard of." in await desk.control("show", "--bot", "nobody")
    call.cancel()


async def test_nothing_ordered_and_nobody_known_is_said(desk: Desk) -> None:
    out = await desk.control("show")
    assert "Nothing was ordered yet: the bots trade." in out
    assert "No bot was heard of yet." in out


async def test_orders_are_watched_as_they_are_given(desk: Desk) -> None:
    watching = asyncio.create_task(desk.control("watch", "--count", "3"))
    given = 0
    async with asyncio.timeout(20):
        while not watching.done():
            given += 1
            order = pb.SetControlRequest(mode=pb.CONTROL_MODE_FLATTEN, who="ada", why=f"no {given}")
            await desk.client.trading.SetControl(order)
            await asyncio.sleep(0.05)
    lines = (await watching).splitlines()
    said = [line for line in lines if ": no " in line]
    assert len(said) == len(set(said)) >= 2
    assert "every bot: flatten (close every position, open nothing)" in lines


async def test_a_log_that_cannot_be_written_is_not_called_an_absent_server(
    desk: Desk,
) -> None:
    with desk.world.journal.transaction():
        err = await desk.control("pause", "--why", "test", code=1)
    assert "database is locked" in err
    assert "no server" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pause"], 2, "--why"),
        (["pause", "--why", "  "], 1, "why: is missing; it stands in the log"),
        (["pause", "--why", "x" * 501], 1, "why: write one line of at most 500 characters"),
        (["flatten", "--why", "x", "--who", "y" * 65], 1, "who: write one line"),
        (["flatten", "--why", "x", "--bot", "y" * 129], 1, "bot_id: has 129 characters"),
        (["watch", "--bot", "y" * 129], 1, "bot_id: has 129 characters"),
    ],
)
async def test_what_is_wrong_with_an_order_is_said(
    desk: Desk, arguments: list[str], code: int, words: str
) -> None:
    assert words in await desk.control(*arguments, code=code)


def test_without_a_server_it_says_what_to_do(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_SERVING__PORT", "1")
    assert run(["--config", str(config), "control", "pause", "--why", "test"]) == 1
    err = capsys.readouterr().err
    assert "no server answers at 127.0.0.1:1; start it with `signal-server serve`" in err
    assert "data/ml_signals_<bot_id>.control" in err


def test_how_the_model_does_is_a_line() -> None:
    health = pb.ModelHealth(model_id="direction-2h", model_version="v1")
    assert health_line(health) == "Model direction-2h v1: no outcome known yet."
    health.known_outcomes, health.accuracy = 200, 0.444
    health.drift_halt, health.drift_reason = True, "PSI of rsi_14 is 0.4"
    assert health_line(health) == (
        "Model direction-2h v1: right in 44.4% of its newest 200 known outcomes; "
        "drift halt: PSI of rsi_14 is 0.4."
    )


def test_the_first_order_of_all_says_who_will_obey() -> None:
    assert reception("", []) == "  No bot was heard of yet; each obeys as soon as it connects."
    assert sentence(pb.Control()) == "Nothing was ordered yet: the bots trade."
