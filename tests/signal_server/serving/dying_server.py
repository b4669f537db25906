"""A server that is killed amid its second report: `python -m … LOG committed|writing`."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from signal_server.journal import trades
from signal_server.serving import trading
from tests.signal_server.serving.world import make_world

reports = 0


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def record_and_die(*values: Any) -> None:
    """Write the first report; of the second either all or, killed in between, nothing."""
    global reports
    reports += 1
    if reports == 2 and sys.argv[2] == "writing":
        trades.refresh_days = die
    trades.record_trade_events(*values)
    if reports == 2:
        die()


async def main() -> None:
    trading.record_trade_events = record_and_die
    async with make_world(Path(sys.argv[1])).served() as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
