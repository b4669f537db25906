"""`backfill --source` and `import FOLDER` as a user runs them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from market_sim.faults import FaultName, FaultSwitch
from market_sim.flat_files import TEST_KEYS, FlatFileStandIn
from signal_server.cli.main import run
from signal_server.market.store import BarStore
from tests.signal_server.market.flat_files.files import packed, rows_of, write_day

SYMBOLS = ("BTC-USD", "ETH-USD")
DAYS = [date(2025, 1, 30) + timedelta(days=n) for n in range(3)]
PERIOD = ("--start", "2025-01-30", "--end", "2025-02-02")


@pytest.fixture
async def files(
    config: Path,  # noqa: ARG001 (it clears the environment before)
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[FlatFileStandIn]:
    stand_in = FlatFileStandIn(FaultSwitch())
    await stand_in.start()
    for day in DAYS:
        await stand_in.publish(day, packed(dict.fromkeys(SYMBOLS, rows_of(day, range(100)))))
    monkeypatch.setenv("SIGNAL_SERVER_FLAT_FILES__URL", stand_in.url)
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON__REST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON__RETRY_FOR_S", "0")
    monkeypatch.setenv("SIGNAL_SERVER_POLYGON_API_KEY", "any")
    monkeypatch.setenv("SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY", TEST_KEYS.access)
    monkeypatch.setenv("SIGNAL_SERVER_FLAT_FILES_SECRET_KEY", TEST_KEYS.secret)
    try:
        yield stand_in
    finally:
        await stand_in.stop()


def store_of(config: Path) -> BarStore:
    return BarStore(Path(yaml.safe_load(config.read_text())["data_dir"]) / "bars", 60)


async def backfill(config: Path, *arguments: str) -> int:
    return await asyncio.to_thread(run, ["--config", str(config), "backfill", *arguments])


async def test_flat_files_fill_the_store_and_are_not_fetched_twice(
    files: FlatFileStandIn, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await backfill(config, *PERIOD, "--source", "flat-files") == 0
    told = capsys.readouterr()
    assert "600 new bars of 2 symbols" in told.out
    assert "days: 3 stored" in told.out
    assert len(store_of(config).read("ETH-USD")) == 300
    files.requests.clear()
    assert await backfill(config, *PERIOD, "--source", "flat-files") == 0
    assert len(files.requests) == 1
    assert TEST_KEYS.secret not in told.out + told.err


async def test_auto_takes_flat_files_where_they_are_sooner_and_says_so(
    files: FlatFileStandIn, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await backfill(config, *PERIOD) == 0
    told = capsys.readouterr()
    assert "source: flat files, then REST (3 files" in told.err
    assert files.sent_bytes
    assert "everything was there already" in told.out
    assert len(store_of(config).read("BTC-USD")) == 300


async def test_auto_goes_on_by_rest_where_the_plan_has_no_flat_files(
    files: FlatFileStandIn, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.faults.on(FaultName.FLAT_FILES_DENIED)
    assert await backfill(config, *PERIOD) == 1  # and nobody answers there
    told = capsys.readouterr()
    assert "the plan does not include flat files" in told.err
    assert await backfill(config, *PERIOD, "--source", "flat-files") == 1
    assert "the plan does not include flat files" in capsys.readouterr().err


async def test_auto_without_keys_is_rest(
    files: FlatFileStandIn,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY")
    await backfill(config, *PERIOD)
    assert "source: REST (no keys for flat files are set)" in capsys.readouterr().err
    assert not files.requests
    assert await backfill(config, *PERIOD, "--source", "flat-files") == 1
    assert "SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY" in capsys.readouterr().err


async def test_a_day_that_cannot_be_had_is_told_and_the_exit_code_says_so(
    files: FlatFileStandIn, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await files.publish(DAYS[1], b"\x1f\x8b no gzip")
    assert await backfill(config, *PERIOD, "--source", "flat-files") == 3
    told = capsys.readouterr()
    assert "1 damaged" in told.out
    assert "2025-01-31" in told.out
    assert "1 of 3 days could not be had" in told.err


async def test_a_day_that_is_not_over_is_left_to_rest(
    files: FlatFileStandIn, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = datetime.now(UTC).date()
    start = ("--start", today.isoformat(), "--source", "flat-files")
    assert await backfill(config, *start) == 0
    assert "whole days alone" in capsys.readouterr().out
    assert not files.requests


def test_a_folder_of_flat_files_is_imported(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for day in DAYS:
        write_day(folder, day, dict.fromkeys(SYMBOLS, rows_of(day, range(100))))
    assert run(["--config", str(config), "import", str(folder)]) == 0
    assert "600 new bars of 2 symbols" in capsys.readouterr().out
    assert store_of(config).symbols() == SYMBOLS


def test_rows_that_are_no_bars_are_imported_into_quarantine(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_day(
        tmp_path, DAYS[0], {"BTC-USD": [*rows_of(DAYS[0]), *rows_of(DAYS[0], [5], -1.0)]}
    )
    assert run(["--config", str(config), "import", str(path)]) == 0
    assert "1 rows are no bars" in capsys.readouterr().out
    assert store_of(config).quarantined("BTC-USD")["source"].tolist() == ["import"]
