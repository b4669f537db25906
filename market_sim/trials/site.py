"""Everything that a trial needs, running: stand-in, signal server, and one real bot."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from market_sim.hummingbot_launch import environment
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_pairs import asset_of
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from market_sim.trials.audit import Case
from market_sim.trials.books import Books, exchange_books, paper_books
from market_sim.trials.bot import Bot, write_config
from market_sim.trials.evidence import Evidence, read_evidence
from market_sim.trials.prices import ScriptedPrices
from market_sim.trials.publisher import Publisher, publishing
from signal_server.core.clock import utc_now
from tools.hummingbot_home import build_home

CONFIG = "conf_trial.yml"
START_S = 120.0
QUOTE = Decimal(100_000)
FOREIGN = Decimal(7)
"""Coins of every kind that are in the account and not the bot's."""

_KEYS = {
    "kraken_api_key": TEST_KEY,
    "kraken_secret_key": TEST_SECRET,
    "kraken_api_tier": "starter",
}
_UNBOUNDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a site is to be: `mode` paper or live, its coins, and settings beside the usual."""

    mode: str
    symbols: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def live(self) -> bool:
        """Whether orders go to the stand-in."""
        return self.mode == "live"


@dataclass(slots=True)
class Site:
    """A running site; `started_s` is how long the bot's latest start took."""

    plan: Plan
    folder: Path
    prices: ScriptedPrices
    kraken: KrakenStandIn
    publisher: Publisher
    bot: Bot
    started_s: float = 0.0

    @property
    def exchange(self) -> Exchange:
        """The stand-in's engine."""
        return self.kraken.exchange

    def books(self) -> Books:
        """Return the account that the bot traded on, as it is now."""
        if self.plan.live:
            return exchange_books(self.exchange)
        return paper_books(self.bot.home.data / "paper_account_kraken.sqlite")

    def opening(self) -> dict[str, Decimal]:
        """Return what the account began with, by asset."""
        return opening_balances(self.plan.symbols)

    def evidence(self) -> Evidence:
        """Return what the bot's journal and the server's log say now."""
        journal = self.bot.home.data / f"ml_signals_{self.plan.mode}.sqlite"
        return read_evidence(journal, self.publisher.journal)

    def case(self) -> Case:
        """Return books, journal and server's log as they are now, ready to be compared."""
        dust = {symbol: pair.minimum_size for symbol, pair in self.exchange.pairs.items()}
        return Case(self.books(), self.evidence(), self.opening(), dust)

    async def start_bot(self) -> None:
        """Start the bot and wait until it listens to the signals."""
        began = time.monotonic()
        await self.launch_bot()
        ready = await until(self._ready, START_S)
        if not ready:
            raise TimeoutError(f"the bot did not start:\n{self.bot.log()}")
        self.started_s = time.monotonic() - began

    async def launch_bot(self) -> None:
        """Begin to start the bot."""
        await until(lambda: self.publisher.hub.subscribers == 0, START_S)
        await self.bot.launch(CONFIG)

    async def stop_bot(self) -> None:
        """Stop the bot as `stop` does."""
        await self.bot.stop()

    async def kill_bot(self) -> None:
        """End the bot with kill -9."""
        self.bot.kill()
        await self.bot.gone()

    def _ready(self) -> bool:
        if self.bot.pid is None:
            raise TimeoutError(f"the bot ended at its start:\n{self.bot.log()}")
        return self.publisher.hub.subscribers > 0


def opening_balances(symbols: tuple[str, ...]) -> dict[str, Decimal]:
    """Return what an account begins with, by asset as Hummingbot names it."""
    return {"USD": QUOTE} | {symbol.split("-")[0]: FOREIGN for symbol in symbols}


def settings_of(plan: Plan, server: str) -> dict[str, Any]:
    """Return the script's settings: no limits but the barriers, unless the plan says so."""
    return {
        "script_file_name": "ml_signal_strategy.py",
        "i_understand_this_trades_real_money": True,
        "bot_id": plan.mode,
        "connector": "kraken" if plan.live else "kraken_paper_trade",
        "symbols": list(plan.symbols),
        "server": server,
        "quote_size": 100,
        "stop_loss": 0.02,
        "take_profit": 0.02,
        "time_limit_s": 3600,
        "max_positions": len(plan.symbols),
        "max_exposure_quote": _UNBOUNDED,
        "max_daily_loss_share": 0.99,
        "max_daily_loss_quote": _UNBOUNDED,
        "max_losses_in_row": 100,
        "max_orders_per_minute": _UNBOUNDED,
    } | dict(plan.settings)


@asynccontextmanager
async def running_site(
    plan: Plan, folder: Path, moving: ScriptedPrices | None = None
) -> AsyncIterator[Site]:
    """Run a site in an empty `folder`; its bot is not started yet, and killed at the end.

    `moving` are prices that move by themselves.
    """
    configs = folder / "configs"
    configs.mkdir(parents=True)
    balances = opening_balances(plan.symbols)
    paper = {asset: float(amount) for asset, amount in balances.items()}
    home = build_home(folder / "home", script_configs=configs, paper_balance=paper)
    prices = moving or ScriptedPrices(plan.symbols)
    there = {asset_of(asset): amount for asset, amount in balances.items()}
    kraken = KrakenStandIn(prices, KrakenSettings(balances=there, seed=plan.seed), utc_now)
    addresses = await kraken.start()
    bot = Bot(home, environment(*astuple(addresses)))
    try:
        async with publishing(folder / "signals.sqlite", plan.symbols) as publisher:
            await write_config(configs / CONFIG, settings_of(plan, publisher.address))
            try:
                if plan.live:
                    await bot.connect("kraken", _KEYS)
                yield Site(plan, folder, prices, kraken, publisher, bot)
            finally:
                bot.kill()
                await bot.gone()
    finally:
        await kraken.stop()


async def until(condition: Callable[[], bool], seconds: float, every_s: float = 0.1) -> bool:
    """Wait until `condition` holds, so many seconds at the most; tell whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(every_s)
    return True
