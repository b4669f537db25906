"""`python -m market_sim`: serve a simulated market until SIGTERM or Ctrl-C.

Bars before the start are history, one is added every `--bar-seconds`. After `--live-bars` of them
the market is silent: no bar is made up and none is shown twice.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from market_sim.clock import utc_now
from market_sim.fault_routes import switch_on
from market_sim.faults import FaultSwitch
from market_sim.histories import LIVE_BARS, HistoryError, replayed_histories, seeded_histories
from market_sim.kraken_auth import NONCE_WINDOW
from market_sim.kraken_limits import Tier
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings
from market_sim.market import SimMarket
from market_sim.server import SimSettings, running

_FAULT = """on from the start, as {"name": "kraken_busy", "remaining": 1}; can be repeated"""


def main() -> int:
    """Serve; return 2 with one sentence on stderr if there are no bars to serve."""
    given = _parse()
    try:
        market = _market(given)
        if given.flat_files and given.bar_seconds != 60:
            raise HistoryError("flat files hold minutes; leave --flat-files or --bar-seconds out")
        if given.ready_file is not None and not given.ready_file.parent.is_dir():
            raise HistoryError(f"{given.ready_file.parent} is no folder; make it first")
    except HistoryError as error:
        print(f"market_sim: {error}", file=sys.stderr)
        return 2
    asyncio.run(_serve(market, given))
    return 0


async def _serve(market: SimMarket, given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    account = KrakenSettings(
        key=given.kraken_key,
        secret=given.kraken_secret,
        balances=dict(given.kraken_balances),
        tier=given.kraken_tier,
        nonce_window=given.kraken_nonce_window,
        seed=given.seed,
    )
    settings = SimSettings(
        polygon_key=given.polygon_key,
        calls_per_minute=given.calls_per_minute,
        kraken=account,
        polygon_faults=tuple(given.polygon_fault),
        kraken_faults=tuple(given.kraken_fault),
        flat_files=given.flat_files,
    )
    async with running(market, settings) as stand_ins:
        description = json.dumps(stand_ins.describe(), indent=1)
        print(description, flush=True)
        if given.ready_file is not None:
            await asyncio.to_thread(_write, given.ready_file, description)
        await stop.wait()


def _market(given: argparse.Namespace) -> SimMarket:
    steps = given.history_bars + given.live_bars
    if given.data:
        files = [Path(part) for part in given.data.split(",")]
        tables = replayed_histories(files, steps)
        names = ", ".join(path.name for path in files)
        description = f"replay of real bars ({names}), one bar every {given.bar_seconds} s"
    else:
        symbols = [symbol.strip() for symbol in given.symbols.split(",")]
        tables = seeded_histories(symbols, given.seed, steps)
        description = f"a seeded model of a market (seed {given.seed}), not real prices"
    # A whole second, so that bars close on whole seconds.
    now = utc_now().replace(microsecond=0) + timedelta(seconds=1)
    seconds = int(now.timestamp()) // given.bar_seconds * given.bar_seconds
    return SimMarket(
        tables,
        description=description,
        bar_seconds=given.bar_seconds,
        live_start=datetime.fromtimestamp(seconds, UTC),
        history_bars=given.history_bars,
    )


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="market_sim", description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", default="", help="Parquet files of real bars, comma-separated")
    parser.add_argument("--seed", type=_count, default=7, help="of the seeded model of a market")
    parser.add_argument("--symbols", default="BTC-USD,ETH-USD", help="of the seeded market")
    parser.add_argument("--bar-seconds", type=int, choices=(1, 60), default=60)
    parser.add_argument("--history-bars", type=_several, default=20_000)
    parser.add_argument("--live-bars", type=_several, default=LIVE_BARS, help="after the start")
    parser.add_argument("--polygon-key", default="demo-key")
    parser.add_argument("--calls-per-minute", type=_count, default=0, help="0: no limit")
    parser.add_argument("--polygon-fault", type=_fault, action="append", default=[], help=_FAULT)
    parser.add_argument("--flat-files", action="store_true", help="over S3, for minute bars")
    parser.add_argument("--kraken-key", default=TEST_KEY)
    parser.add_argument("--kraken-secret", default=TEST_SECRET)
    parser.add_argument("--kraken-balances", type=_balances, default={"ZUSD": Decimal(10_000)})
    parser.add_argument("--kraken-tier", type=_tier, help="starter, intermediate or pro: limits")
    parser.add_argument("--kraken-nonce-window", type=_count, default=NONCE_WINDOW)
    parser.add_argument("--kraken-fault", type=_fault, action="append", default=[], help=_FAULT)
    parser.add_argument("--ready-file", type=Path, help="gets the addresses as JSON when serving")
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 up")
    return int(text)


def _balances(text: str) -> dict[str, Decimal]:
    try:
        parts = (part.split("=") for part in text.split(","))
        return {asset: Decimal(amount) for asset, amount in parts}
    except (ValueError, InvalidOperation):
        raise argparse.ArgumentTypeError(f"{text} is not like ZUSD=10000,XXBT=1") from None


def _tier(text: str) -> Tier:
    try:
        return Tier[text.upper()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text} is no tier of Kraken's") from None


def _fault(text: str) -> dict[str, Any]:
    try:
        wanted: dict[str, Any] = json.loads(text)
        switch_on(FaultSwitch(), wanted)
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    return wanted


def _several(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
