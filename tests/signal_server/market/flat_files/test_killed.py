"""An import of flat files that is killed goes on at its day: nothing is lost or fetched twice."""

import asyncio
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from signal_server.market.flat_files import intake as intake_module
from signal_server.market.flat_files.intake import FlatFileIntake
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import FlatFileRequest
from signal_server.market.store import BarStore
from tests.signal_server.market.flat_files.conftest import Site
from tests.signal_server.market.flat_files.files import packed, rows_of

SYMBOLS = ("BTC-USD", "ETH-USD")
DAYS = [date(2025, 1, 20) + timedelta(days=n) for n in range(24)]
MINUTES = range(0, 1440, 20)
NOW = datetime(2025, 3, 1, tzinfo=UTC)
PROCESS = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from market_sim.flat_files import TEST_KEYS
from signal_server.core.config import FlatFilesConfig
from signal_server.market.flat_files import intake
from signal_server.market.flat_files.bucket import FlatFileBucket, FlatFileKeys
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import FlatFileRequest
from signal_server.market.store import BarStore

url, folder, root, symbols, first, last = sys.argv[1:]
intake.READ_AT_ONCE = intake.MOST_ROWS = 2
keys = FlatFileKeys(TEST_KEYS.access, TEST_KEYS.secret)
bucket = FlatFileBucket(FlatFilesConfig(url=url), keys, Path(folder), print)
ledger = Ledger(Path(folder) / "ledger.sqlite")
days = date.fromisoformat(first), date.fromisoformat(last)
intake.FlatFileIntake(
    bucket, BarStore(Path(root), 60), ledger, lambda: datetime(2025, 3, 1, tzinfo=UTC)
).run(
    FlatFileRequest(tuple(symbols.split(",")), *days),
    lambda done: print(done.days_done, flush=True),
)
"""


async def kill_after(days: int, site: Site, store: BarStore) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROCESS, site.stand_in.url, str(site.folder)),
        *(str(store.folder.parent), ",".join(SYMBOLS), str(DAYS[0]), str(DAYS[-1])),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(intake_module.__file__).parents[3],
    )
    assert process.stdout is not None
    while int(await process.stdout.readline() or -1) < days:
        assert not process.stdout.at_eof()
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def test_a_killed_import_goes_on_at_its_day(site: Site, store: BarStore) -> None:
    rows = {day: dict.fromkeys(SYMBOLS, rows_of(day, MINUTES)) for day in DAYS}
    for day in DAYS:
        await site.stand_in.publish(day, packed(rows[day]))
    await kill_after(4, site, store)
    await kill_after(8, site, store)
    ledger = Ledger(site.folder / "ledger.sqlite")
    read = {day for _, day in ledger.versions(DAYS[0], DAYS[-1])}
    assert len(read) >= 8
    intake = FlatFileIntake(site.bucket(), store, ledger, lambda: NOW)
    request = FlatFileRequest(SYMBOLS, DAYS[0], DAYS[-1])
    result = await asyncio.to_thread(intake.run, request, lambda _: None)
    assert set(result.days) == set(DAYS) - read
    for symbol in SYMBOLS:
        assert len(store.read(symbol)) == len(DAYS) * len(MINUTES)
        assert store.revisions(symbol).empty
    downloads = [path for path in site.stand_in.requests if path.endswith(".csv.gz")]
    # Three questions for one byte, and what was under way twice, once more.
    assert len(downloads) <= len(DAYS) + 3 + 2 * 4
