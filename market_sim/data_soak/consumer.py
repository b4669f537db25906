"""One life of a consumer: history by REST, then live bars for ever, all written down.

`python -m market_sim.data_soak.consumer WISH.json`. It ends by SIGTERM, by kill -9, or with 3 if
its key is refused.
"""

import asyncio
import json
import logging
import signal
import sys
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from market_sim.clock import FastClock
from market_sim.data_soak.diary import Diary
from signal_server.core.config import PolygonConfig
from signal_server.core.errors import VendorAuthError
from signal_server.market.history import BackfillRequest, Outcome, backfill
from signal_server.market.live import LiveBars
from signal_server.market.live_patience import LivePatience
from signal_server.market.patience import Patience
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore

logger = logging.getLogger(__name__)

KEY_REFUSED = 3
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
PATIENT = Patience(600.0, longest_s=2.0)
HASTY = LivePatience(
    connect_s=4.0, idle_slack_s=1.0, longest_backoff_s=2.0, longest_retry_s=2.0, doubt_s=3.0
)
_PAUSE_S = (0.5, 4.0)


@dataclass(frozen=True, slots=True)
class ConsumerWish:
    """What a consumer is to do. Times are ISO 8601, UTC.

    History is fetched from `history_start` to `live_start`; the clock is a `FastClock`. A share of
    the batches, `slow_share`, is followed by a pause, as if what comes after were slow. A `hasty`
    one gives up on a silent connection and asks for what is doubtful sooner.
    """

    address: str
    key: str
    symbols: tuple[str, ...]
    folder: str
    diary: str
    bar_seconds: int
    history_start: str
    live_start: str
    clock_shown: str
    clock_at: str
    clock_speed: float
    slow_share: float
    seed: int
    hasty: bool

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "ConsumerWish":
        """Read what `write` wrote."""
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"symbols": tuple(values["symbols"])})

    @property
    def clock(self) -> FastClock:
        """The market's clock."""
        shown, at = (datetime.fromisoformat(x) for x in (self.clock_shown, self.clock_at))
        return FastClock(shown, at, self.clock_speed)

    @property
    def config(self) -> PolygonConfig:
        """Where the stand-in is."""
        return PolygonConfig(
            rest_url=f"http://{self.address}",
            feed=self.address,
            secure=False,
            calls_per_minute=0,
            timeout_s=3.0,
            retry_for_s=600,
        )


async def consume(wish: ConsumerWish) -> None:
    """Live until cancelled."""
    diary = Diary(Path(wish.diary), wish.clock)
    diary.note("began", wish.clock().isoformat())
    store = BarStore(Path(wish.folder), wish.bar_seconds)
    diary.note("filled", await asyncio.to_thread(_fill, wish, store))
    random = Random(wish.seed)  # noqa: S311 - chance in a simulation
    lives = LiveBars(
        wish.config,
        wish.key,
        wish.symbols,
        store,
        clock=wish.clock,
        patience=HASTY if wish.hasty else LivePatience(),
    )
    async with aclosing(lives.batches()) as batches:
        async for batch in batches:
            diary.bars(batch)
            if random.random() < wish.slow_share:
                pause_s = random.uniform(*_PAUSE_S)
                diary.note("pause_s", pause_s)
                await asyncio.sleep(pause_s)


def _fill(wish: ConsumerWish, store: BarStore) -> dict[str, int]:
    """Fetch the history that is missing, as often as it takes; return how far it goes, in ms."""
    span = (datetime.fromisoformat(x) for x in (wish.history_start, wish.live_start))
    request = BackfillRequest(wish.symbols, *span)
    while True:
        history = PolygonHistory(wish.config, wish.key, wish.bar_seconds, patience=PATIENT)
        results = backfill(history, store, request, wish.clock, lambda _: None)
        failed = [result for result in results if result.outcome is not Outcome.COMPLETE]
        if not failed:
            return {symbol: _history_end(wish, store, symbol) for symbol in wish.symbols}
        logger.warning("%d symbols lack history: %s", len(failed), failed[0])
        time.sleep(0.5)


def _history_end(wish: ConsumerWish, store: BarStore, symbol: str) -> int:
    end = min(datetime.fromisoformat(wish.live_start), store.last_close(symbol) or LONG_AGO)
    return round(end.timestamp() * 1000)


async def _live(wish: ConsumerWish) -> None:
    task = asyncio.create_task(consume(wish))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=False)


def main() -> int:
    """Live; return 0 after SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    wish = ConsumerWish.read(Path(sys.argv[1]))
    try:
        asyncio.run(_live(wish))
    except asyncio.CancelledError:
        return 0
    except VendorAuthError as error:
        print(error, file=sys.stderr)
        return KEY_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
