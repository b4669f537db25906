"""`signal-server backfill` as a user runs it: up to date, cheap again, and clear in failure."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
import yaml

from signal_server.cli.main import INTERRUPTED, run
from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore
from tests.signal_server.cli.vendor import KEY, polygon

SYMBOL = "BTC-USD"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with polygon((SYMBOL,), 600) as port:
        yield port


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:  # noqa: ARG001 (it clears the rest)
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", KEY)


def change(config: Path, rest_url: str, **changes: object) -> None:
    """Let the settings ask `rest_url` for one-second bars of one coin."""
    settings = yaml.safe_load(config.read_text())
    settings |= {"bar_seconds": 1, "symbols": [SYMBOL], **changes}
    settings["profiles"] = {
        "quick": {"label": {"kind": "direction", "horizon_s": 60}, "features": "six"}
    }
    settings["serving"]["profile"] = "quick"
    settings["polygon"] |= {"rest_url": rest_url, "calls_per_minute": 0}
    config.write_text(yaml.safe_dump(settings))


def store_of(config: Path) -> BarStore:
    return BarStore(Path(yaml.safe_load(config.read_text())["data_dir"]) / "bars", 1)


def backfill(config: Path, *arguments: str) -> int:
    return run(["--config", str(config), "backfill", *arguments])


def hold_a_bar(config: Path) -> datetime:
    """Put a bar of ten minutes ago into the store; return its close."""
    close = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    store_of(config).write(SYMBOL, frame_of([Bar(SYMBOL, close, 1.0, 1.0, 1.0, 1.0, 1.0)]))
    return close


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def test_without_a_start_it_brings_up_to_date_what_is_held(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(config, f"http://127.0.0.1:{port}")
    assert backfill(config, "--start", minutes_ago(5), "--end", minutes_ago(1)) == 0
    assert backfill(config) == 0
    told = capsys.readouterr().out
    assert SYMBOL in told
    assert "new bars by 1 requests" in told
    last = store_of(config).last_close(SYMBOL)
    assert last is not None
    assert datetime.now(UTC) - last < timedelta(minutes=1)


def test_again_it_asks_for_nothing(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(config, f"http://127.0.0.1:{port}")
    period = ("--start", minutes_ago(5), "--end", minutes_ago(1))
    assert backfill(config, *period) == 0
    change(config, NOWHERE)
    assert backfill(config, *period) == 0
    assert "everything was there already" in capsys.readouterr().out


def test_the_settings_can_say_where_it_begins(config: Path, port: int) -> None:
    today = datetime.now(UTC).date() + timedelta(days=1)
    change(config, f"http://127.0.0.1:{port}", backfill_start=today.isoformat())
    assert backfill(config) == 2


def test_a_coin_that_nobody_lists_is_reported_and_the_others_come(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(config, f"http://127.0.0.1:{port}")
    assert backfill(config, "--start", minutes_ago(5), "--symbols", f"NOPE-USD,{SYMBOL}") == 3
    told = capsys.readouterr()
    assert "left out: Polygon.io lists no NOPE-USD" in told.out
    assert "1 of 2 symbols" in told.err
    assert store_of(config).last_close(SYMBOL) is not None


def test_a_period_before_a_coin_is_said_to_have_no_bars(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    change(config, f"http://127.0.0.1:{port}")
    assert backfill(config, "--start", "2020-01-01", "--end", "2020-01-01T06:00") == 3
    assert "no bars in that period" in capsys.readouterr().out


def test_a_vendor_that_stays_away_is_an_error_in_the_end(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON__RETRY_FOR_S", "0")
    change(config, NOWHERE)
    hold_a_bar(config)
    assert backfill(config) == 1
    told = capsys.readouterr()
    assert "cannot be reached" in told.out
    assert "nothing was fetched" in told.out
    assert "1 of 1 symbols failed; run it again" in told.err


BACKFILL = """
import signal
from signal_server.cli.main import main

# A shell that starts tests in the background lets them ignore Ctrl-C, which is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


def test_ctrl_c_ends_it_in_words_even_while_it_waits(config: Path) -> None:
    change(config, NOWHERE)
    hold_a_bar(config)
    command = [sys.executable, "-c", BACKFILL, "--config", str(config), "backfill"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stderr is not None
        told = read_until("trying again in", process.stderr)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED
    assert "cannot be reached" in told
    assert "stopped; what came is stored, run it again to go on" in rest
    assert "Traceback" not in rest


def read_until(words: str, stream: IO[str]) -> str:
    """Return what a process says up to these words."""
    told = ""
    while words not in " ".join(told.split()):
        line = stream.readline()
        assert line, told
        told += line
    return " ".join(told.split())
