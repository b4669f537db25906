"""Flat files come into the store whole, once, and go on after whatever went wrong."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from market_sim.faults import FaultName, Where
from signal_server.core.errors import FlatFileError, MarketDataError, NotEntitledError
from signal_server.market.coverage import Coverage, Source
from signal_server.market.flat_files import intake as intake_module
from signal_server.market.flat_files.folder import FlatFileFolder
from signal_server.market.flat_files.intake import FlatFileIntake, IntakeProgress, IntakeResult
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import DayState, FlatFileRequest
from signal_server.market.flat_files.published import FlatFileSource
from signal_server.market.store import BarStore
from tests.signal_server.market.flat_files.conftest import Site
from tests.signal_server.market.flat_files.files import packed, rows_of, write_day

SYMBOLS = ("BTC-USD", "ETH-USD")
FIRST = date(2025, 1, 29)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]
MINUTES = range(0, 1440, 7)
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
REQUEST = FlatFileRequest(SYMBOLS, DAYS[0], DAYS[-1])
BARS = len(MINUTES) * len(DAYS)


def intake_of(source: FlatFileSource, store: BarStore, now: datetime = NOW) -> FlatFileIntake:
    ledger = Ledger(store.folder.parent.parent / "flat_files" / "ledger.sqlite")
    return FlatFileIntake(source, store, ledger, lambda: now)


async def run(
    site: Site, store: BarStore, request: FlatFileRequest = REQUEST, now: datetime = NOW
) -> IntakeResult:
    return await asyncio.to_thread(
        intake_of(site.bucket(), store, now).run, request, lambda _: None
    )


async def publish(site: Site, days: Iterable[date] = DAYS, close: float = 11.0) -> None:
    for day in days:
        rows = rows_of(day, MINUTES, close)
        await site.stand_in.publish(day, packed(dict.fromkeys((*SYMBOLS, "ZZZ-USD"), rows)))


def closes_of(days: Iterable[date]) -> list[pd.Timestamp]:
    midnights = [pd.Timestamp(day, tz="UTC") for day in days]
    return [m + pd.Timedelta(minutes=minute + 1) for m in midnights for minute in MINUTES]


def downloads(site: Site) -> list[str]:
    return [path for path in site.stand_in.requests if path.endswith(".csv.gz")]


async def test_all_days_of_the_wanted_symbols_are_stored(site: Site, store: BarStore) -> None:
    await publish(site)
    reports: list[IntakeProgress] = []
    result = await asyncio.to_thread(intake_of(site.bucket(), store).run, REQUEST, reports.append)
    assert store.symbols() == SYMBOLS
    for symbol in SYMBOLS:
        frame = store.read(symbol)
        assert frame.index.tolist() == closes_of(DAYS)
        assert set(frame["close"]) == {11.0}
        assert result.symbols[symbol].new_bars == BARS
        coverage = Coverage.of(store.folder, symbol)
        assert coverage.missing(REQUEST.interval) == []
        assert {record.source for record in coverage.records()} == {Source.FLAT_FILES}
    assert result.days == dict.fromkeys(DAYS, DayState.STORED)
    assert reports[-1] == IntakeProgress(len(DAYS), len(DAYS), 2 * BARS)
    assert not list(site.folder.rglob("*.csv.gz"))


async def test_a_second_run_lists_and_downloads_nothing(site: Site, store: BarStore) -> None:
    await publish(site)
    await run(site, store)
    site.stand_in.requests.clear()
    result = await run(site, store)
    assert len(site.stand_in.requests) == 1
    assert result.symbols["BTC-USD"].new_bars == 0


async def test_a_symbol_that_is_added_later_gets_its_own_days(site: Site, store: BarStore) -> None:
    await publish(site)
    await run(site, store, FlatFileRequest(("BTC-USD",), DAYS[0], DAYS[2]))
    result = await run(site, store)
    assert store.read("ETH-USD").index.tolist() == closes_of(DAYS)
    assert store.read("BTC-USD").index.tolist() == closes_of(DAYS)
    assert result.symbols["BTC-USD"].new_bars == len(MINUTES) * 2


async def test_a_republished_day_is_read_again_and_its_changes_are_revisions(
    site: Site, store: BarStore
) -> None:
    await publish(site)
    await run(site, store)
    await publish(site, DAYS[1:2], close=11.5)
    later = NOW + timedelta(days=1)
    result = await run(site, store, now=later)
    assert result.days[DAYS[1]] is DayState.REPUBLISHED
    assert set(store.read("BTC-USD")["close"]) == {11.0}
    revisions = store.revisions("BTC-USD")
    assert revisions.index.tolist() == closes_of(DAYS[1:2])
    assert set(revisions["close"]) == {11.5}
    known_later = store.read("BTC-USD", *REQUEST.interval, as_of=later)
    assert known_later["close"].value_counts().to_dict() == {
        11.0: BARS - len(MINUTES),
        11.5: len(MINUTES),
    }
    assert await run(site, store) is not None
    assert len(downloads(site)) == len(DAYS) + 2 + 1  # two questions for one byte, one file anew


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (FaultName.FLAT_FILES_CUT_FILE, DayState.DAMAGED),
        (FaultName.FLAT_FILES_MISSING, DayState.DAMAGED),
        (FaultName.FLAT_FILES_DENIED, DayState.FORBIDDEN),
    ],
)
async def test_a_day_that_cannot_be_had_is_told_and_the_others_go_on(
    site: Site, store: BarStore, fault: FaultName, state: DayState
) -> None:
    await publish(site)
    site.faults.on(fault, only=Where(method=str(DAYS[2])))
    result = await run(site, store)
    assert result.days[DAYS[2]] is state
    assert str(DAYS[2]) in result.reasons[DAYS[2]]
    others = [day for day in DAYS if day != DAYS[2]]
    assert store.read("BTC-USD").index.tolist() == closes_of(others)
    await publish(site)
    site.faults.all_off()
    await run(site, store)
    assert store.read("BTC-USD").index.tolist() == closes_of(DAYS)
    assert store.revisions("BTC-USD").empty


async def test_a_file_that_was_damaged_on_this_disk_is_fetched_again(
    site: Site, store: BarStore
) -> None:
    await publish(site)
    bucket = site.bucket()
    published = await asyncio.to_thread(bucket.published, DAYS[0], DAYS[0])
    found = await asyncio.to_thread(bucket.fetch, published[DAYS[0]])
    found.path.write_bytes(found.path.read_bytes()[:-9])
    result = await run(site, store)
    assert set(result.days.values()) == {DayState.STORED}


async def test_days_without_a_file_are_missing_or_not_published_yet(
    site: Site, store: BarStore
) -> None:
    await publish(site, [day for day in DAYS[:-1] if day != DAYS[1]])
    now = datetime(2025, 2, 3, 9, tzinfo=UTC)
    result = await run(site, store, now=now)
    assert result.days[DAYS[1]] is DayState.MISSING
    assert result.days[DAYS[-1]] is DayState.UNPUBLISHED
    coverage = Coverage.of(store.folder, "BTC-USD")
    assert len(coverage.missing(REQUEST.interval)) == 2


async def test_a_plan_without_flat_files_is_told_before_anything_is_done(
    site: Site, store: BarStore
) -> None:
    await publish(site)
    site.faults.on(FaultName.FLAT_FILES_DENIED)
    with pytest.raises(NotEntitledError, match="plan"):
        await run(site, store)
    assert len(downloads(site)) == 1


async def test_faults_of_all_kinds_lose_nothing(site: Site, store: BarStore) -> None:
    await publish(site)
    for name in (
        FaultName.FLAT_FILES_RESET,
        FaultName.FLAT_FILES_SERVER_ERROR,
        FaultName.FLAT_FILES_REPUBLISHED,
    ):
        site.faults.on(name, probability=0.3, remaining=6)
    result = await run(site, store)
    assert set(result.days.values()) == {DayState.STORED}
    assert sum(site.faults.happened.values()) > 5
    for symbol in SYMBOLS:
        assert store.read(symbol).index.tolist() == closes_of(DAYS)
        assert store.revisions(symbol).empty


def test_a_folder_is_read_like_the_vendor(tmp_path: Path, store: BarStore) -> None:
    folder = tmp_path / "files"
    for day in DAYS:
        (folder / f"{day:%Y/%m}").mkdir(parents=True, exist_ok=True)
        symbols = dict.fromkeys(SYMBOLS, rows_of(day, MINUTES))
        write_day(folder / f"{day:%Y/%m}", day, symbols)
    request = FlatFileRequest(None, DAYS[0], DAYS[-1])
    result = intake_of(FlatFileFolder(folder), store).run(request, lambda _: None)
    assert store.symbols() == SYMBOLS
    assert store.read("ETH-USD").index.tolist() == closes_of(DAYS)
    assert result.symbols["ETH-USD"].new_bars == BARS
    assert len(list(folder.rglob("*.csv.gz"))) == len(DAYS)


async def test_what_was_imported_from_a_folder_is_not_downloaded(
    site: Site, store: BarStore, tmp_path: Path
) -> None:
    await publish(site)
    for day in DAYS[:3]:
        rows = rows_of(day, MINUTES)
        write_day(tmp_path, day, dict.fromkeys((*SYMBOLS, "ZZZ-USD"), rows))
    await asyncio.to_thread(intake_of(FlatFileFolder(tmp_path), store).run, REQUEST, lambda _: None)
    result = await run(site, store)
    assert result.days == dict.fromkeys(DAYS[3:], DayState.STORED)


def test_a_folder_without_flat_files_and_one_with_a_day_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match="holds no flat file"):
        FlatFileFolder(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_day(tmp_path / name, FIRST, {})
    with pytest.raises(MarketDataError, match="same day"):
        FlatFileFolder(tmp_path)


def test_memory_for_rows_is_bounded_by_storing_a_month_in_parts(
    tmp_path: Path, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MOST_ROWS", len(MINUTES))
    monkeypatch.setattr(intake_module, "READ_AT_ONCE", 1)
    for day in DAYS:
        write_day(tmp_path, day, {"BTC-USD": rows_of(day, MINUTES)})
    request = FlatFileRequest(("BTC-USD",), DAYS[0], DAYS[-1])
    intake_of(FlatFileFolder(tmp_path), store).run(request, lambda _: None)
    assert store.read("BTC-USD").index.tolist() == closes_of(DAYS)


def test_rows_that_are_no_bars_are_put_aside_with_their_reason(
    tmp_path: Path, store: BarStore
) -> None:
    day = DAYS[0]
    good = rows_of(day, range(20))
    start = good[0][0]
    minute = 60_000_000_000
    bad = [
        (start + 20 * minute, 10.0, 12.0, 9.0, -11.0, 1.5, 7.0),
        (start + 21 * minute + 1_000_000, 10.0, 12.0, 9.0, 11.0, 1.5, 7.0),
        (start - minute, 10.0, 12.0, 9.0, 11.0, 1.5, 7.0),
    ]
    write_day(tmp_path, day, {"BTC-USD": [*good, *bad]})
    request = FlatFileRequest(("BTC-USD",), day, day)
    result = intake_of(FlatFileFolder(tmp_path), store).run(request, lambda _: None)
    assert (result.symbols["BTC-USD"].new_bars, result.symbols["BTC-USD"].refused_bars) == (20, 3)
    held_back = store.quarantined("BTC-USD")
    assert sorted(held_back["reason"]) == ["misaligned", "negative", "wrong_day"]
    assert set(held_back["source"]) == {"flat_files"}


def test_a_row_that_is_told_twice_is_a_revision_if_it_differs(
    tmp_path: Path, store: BarStore
) -> None:
    rows = rows_of(FIRST, range(10))
    write_day(tmp_path, FIRST, {"BTC-USD": [*rows, *rows, *rows_of(FIRST, [3], close=11.5)]})
    request = FlatFileRequest(("BTC-USD",), FIRST, FIRST)
    intake_of(FlatFileFolder(tmp_path), store).run(request, lambda _: None)
    assert set(store.read("BTC-USD")["close"]) == {11.0}
    assert store.revisions("BTC-USD")["close"].tolist() == [11.5]


def test_two_readers_at_once_are_refused(tmp_path: Path, store: BarStore) -> None:
    write_day(tmp_path, FIRST, {"BTC-USD": rows_of(FIRST)})
    request = FlatFileRequest(None, FIRST, FIRST)
    intake = intake_of(FlatFileFolder(tmp_path), store)

    def meanwhile(_: IntakeProgress) -> None:
        with pytest.raises(MarketDataError, match="another process is reading"):
            intake_of(FlatFileFolder(tmp_path), store).run(request, lambda _: None)

    intake.run(request, meanwhile)


def test_a_folder_of_damaged_files_stores_nothing_and_says_why(
    tmp_path: Path, store: BarStore
) -> None:
    write_day(tmp_path, FIRST, {"BTC-USD": rows_of(FIRST)}).write_bytes(b"\x1f\x8b")
    request = FlatFileRequest(None, FIRST, FIRST)
    result = intake_of(FlatFileFolder(tmp_path), store).run(request, lambda _: None)
    assert result.days == {FIRST: DayState.DAMAGED}
    assert issubclass(FlatFileError, MarketDataError)
    assert "no whole flat file" in "".join(result.reasons.values())
    assert store.symbols() == ()
