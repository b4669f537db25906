"""Real bars through the stream and its faults: what comes out is what the files hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pandas as pd
import pytest

from market_sim.data_soak.bars import soak_tables
from market_sim.faults import FaultName
from market_sim.market import SimMarket
from signal_server.market.frames import bar_frame
from signal_server.market.store import BarStore
from tests.real_data import FOLDER
from tests.signal_server.market.listener import listening
from tests.signal_server.market.test_stream import STREAM_FAULTS
from tests.signal_server.market.vendor import HISTORY_BARS, Vendor, eventually, serving

LIVE_BARS = 120
FIELDS = ("open", "high", "low", "close", "volume")
MINUTE = timedelta(minutes=1)


def market(files: list[Path]) -> SimMarket:
    """Return stretches of all files, one coin each, that end an hour ago."""
    symbols = tuple(f"C{number:02}-USD" for number in range(len(files)))
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return SimMarket(
        soak_tables(files, symbols, HISTORY_BARS + LIVE_BARS, 11),
        description="stretches of real bars",
        bar_seconds=60,
        live_start=now - (LIVE_BARS + 60) * MINUTE,
        history_bars=HISTORY_BARS,
    )


def truth_of(served: Vendor, symbol: str, since: datetime) -> dict[datetime, tuple[float, ...]]:
    bars = served.market.bars(symbol, since, served.clock())
    return {bar.start + MINUTE: tuple(getattr(bar, name) for name in FIELDS) for bar in bars}


async def test_every_file_comes_out_bar_for_bar_through_faults(tmp_path: Path) -> None:
    files = sorted(FOLDER.glob("*.parquet"))
    if not files:
        pytest.skip(f"there is no real data in {FOLDER}; set MARKET_DATA_DIR")
    random, store = Random(5), BarStore(tmp_path, 60)
    async with serving(market(files)) as served:
        symbols = served.market.symbols
        since = served.clock()
        for symbol in symbols:
            store.write(symbol, _stored(served, symbol, since))
        async with listening(served, store, symbols=symbols) as listener:
            for _ in range(LIVE_BARS // 4):
                served.faults.on(random.choice(STREAM_FAULTS), remaining=random.randint(1, 3))
                await eventually(lambda: any(s.topics for s in served.stream._subscribers))
                await served.publish(3)
            for fault in FaultName:
                served.faults.off(fault)
            await eventually(lambda: any(s.topics for s in served.stream._subscribers))
            await served.publish(5)
            wanted = {symbol: truth_of(served, symbol, since) for symbol in symbols}
            await eventually(lambda: len(listener.heard) >= sum(map(len, wanted.values())))
        for symbol in symbols:
            heard = [h.bar for h in listener.heard if h.bar.symbol == symbol]
            assert len(heard) == len(wanted[symbol])
            values = {bar.close_time: tuple(getattr(bar, n) for n in FIELDS) for bar in heard}
            assert values == wanted[symbol]
            kept = store.read(symbol, since).loc[:, list(FIELDS)]
            rows = kept.itertuples(index=False, name=None)
            assert dict(zip(kept.index.to_pydatetime(), rows, strict=True)) == wanted[symbol]
        assert sum(served.faults.happened.values()) > 20


def _stored(served: Vendor, symbol: str, until: datetime) -> pd.DataFrame:
    """Return the history of a symbol as a bar frame."""
    bars = served.market.bars(symbol, until - HISTORY_BARS * MINUTE, until)
    columns = {name: [getattr(bar, name) for bar in bars] for name in FIELDS}
    return bar_frame([bar.start + MINUTE for bar in bars], columns)
