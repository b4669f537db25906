"""A backfill that is killed leaves whole files, and the next one goes on where it was."""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from signal_server.core.domain import PRICE_COLUMNS
from signal_server.market import history as history_module
from signal_server.market.history import BackfillRequest, Outcome, backfill
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import HISTORY_BARS, KEY, SYMBOLS, Vendor

SYMBOL = SYMBOLS[0]
BACKFILL = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from signal_server.core.config import PolygonConfig
from signal_server.market import pieces
from signal_server.market.history import BackfillRequest, backfill
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore

config, key, root, symbol, start, end = sys.argv[1:]
pieces.PIECES[1] = timedelta(seconds=20)
period = datetime.fromisoformat(start), datetime.fromisoformat(end)
backfill(
    PolygonHistory(PolygonConfig.model_validate_json(config), key, 1),
    BarStore(Path(root), 1),
    BackfillRequest((symbol,), *period),
    lambda: period[1] + timedelta(minutes=1),
    lambda progress: print(progress.new_bars, flush=True),
)
"""


async def kill_after(bars: int, served: Vendor, store: BarStore, request: BackfillRequest) -> None:
    """Run a backfill in a process of its own, and kill it once it tells of so many new bars."""
    period = (request.start.isoformat(), request.end.isoformat())
    config = served.config().model_dump_json()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", BACKFILL, config, KEY, str(store.folder.parent), SYMBOL, *period),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(history_module.__file__).parents[2],
    )
    assert process.stdout is not None
    while int(await process.stdout.readline() or -1) < bars:
        assert not process.stdout.at_eof()
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def test_a_killed_backfill_goes_on_where_it_was(served: Vendor, store: BarStore) -> None:
    end = served.market.live_start
    request = BackfillRequest((SYMBOL,), end - timedelta(seconds=HISTORY_BARS), end)
    await kill_after(100, served, store, request)
    left = len(store.read(SYMBOL))
    assert 100 <= left < HISTORY_BARS
    served.step += 60
    history = PolygonHistory(served.config(), KEY, 1)
    (result,) = await asyncio.to_thread(
        backfill, history, store, request, served.clock, lambda _: None
    )
    assert (result.outcome, result.new_bars) == (Outcome.COMPLETE, HISTORY_BARS - left)
    truth = served.market.bars(SYMBOL, request.start, request.end)
    for name in PRICE_COLUMNS:
        assert store.read(SYMBOL)[name].tolist() == [getattr(bar, name) for bar in truth]
    assert store.revisions(SYMBOL).empty
