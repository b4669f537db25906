import json
from pathlib import Path

import click
import pytest

from signal_server.cli.signals import _follow, _print, _valid
from signal_server.core.errors import ServerError
from tests.signal_server.serving.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "signals.sqlite")


async def test_valid_signals_are_printed_and_the_client_ends(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.issue("BTC-USD", "ETH-USD")
    async with world.served() as server:
        latencies_ms = await _print(_valid(f"127.0.0.1:{server.port}", ()), None, False)
    out = click.unstyle(capsys.readouterr().out)
    assert [line.split()[1] for line in out.splitlines()] == ["symbol", "BTC-USD", "ETH-USD"]
    assert "latency ms" in out
    assert latencies_ms == []


async def test_what_is_odd_about_a_bar_stands_beside_its_signal(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.issue(flags=("jump", "volume_outlier"))
    async with world.served() as server:
        await _print(_valid(f"127.0.0.1:{server.port}", ()), None, False)
    assert capsys.readouterr().out.splitlines()[-1].endswith("  jump, volume_outlier")


async def test_without_a_valid_signal_it_says_so(world: World) -> None:
    async with world.served() as server:
        with pytest.raises(ServerError, match="has no valid signal now; watch with"):
            await _print(_valid(f"127.0.0.1:{server.port}", ()), None, False)


async def test_following_goes_on_after_the_server_was_away(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    async with world.served() as server:
        await world.issue()
        address = f"127.0.0.1:{server.port}"
        stream = _follow(address, (), 5.0)
        seen.append((await anext(stream)).signal.id)
    again = make_world(world.journal.path, clock=world.clock)
    await again.issue()
    async with again.served(address):
        seen.append((await anext(stream)).signal.id)
        await stream.aclose()
    assert seen == [1, 2]
    assert "connecting again" in capsys.readouterr().err


async def test_following_a_symbol_that_is_not_served_ends_with_a_sentence(world: World) -> None:
    async with world.served() as server:
        with pytest.raises(ServerError, match="is not followed"):
            await anext(_follow(f"127.0.0.1:{server.port}", ["XRP-USD"], 5.0))


async def test_json_is_one_object_a_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.issue()
    async with world.served() as server:
        await _print(_follow(f"127.0.0.1:{server.port}", (), 5.0), 1, True)
    found = json.loads(capsys.readouterr().out)
    assert (found["id"], found["direction"], found["symbol"]) == (1, "UP", "BTC-USD")
