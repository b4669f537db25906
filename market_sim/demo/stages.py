"""The demo's stages, in the order in which they run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from market_sim.demo import settings
from market_sim.demo.processes import (
    Child,
    Children,
    DemoError,
    inherited_environment,
    peak_memory_bytes,
    run,
    tail,
    wait_for_json,
)
from market_sim.demo.report import RunFiles, TradeLog, print_report
from market_sim.hummingbot_launch import environment as kraken_environment
from tools.hummingbot_home import build_home

KEYSTORE_PASSWORD = "demo"  # noqa: S105 - the demo's paper account holds nothing
STOP_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What to replay, for how long, and where to keep the run's files."""

    project: Path
    folder: Path
    data: tuple[Path, ...]
    seed: int
    history_bars: int
    trade_s: int


@dataclass(slots=True)
class Run:
    """A demo under way."""

    request: DemoRequest
    console: Console
    children: Children
    started_at: float = field(default_factory=time.monotonic)
    memory_bytes: dict[str, int] = field(default_factory=dict)

    def stage(self, number: int, title: str) -> None:
        """Print the stage's heading with the time since the start."""
        elapsed = time.monotonic() - self.started_at
        self.console.rule(f"[bold]{number}/6 {title}[/] · {elapsed:.0f} s", align="left")

    def server_command(self, config: Path, *arguments: str) -> list[str]:
        """Return a `signal-server` command line with this run's settings."""
        executable = str(Path(sys.executable).with_name("signal-server"))
        return [executable, "--config", str(config), *arguments]


def run_demo(request: DemoRequest, console: Console) -> int:
    """Run every stage; return the number of complete trades in the trade log.

    Raises `DemoError` if a stage fails. Whatever was started is stopped in every case.
    """
    _check_data(request)
    request.folder.mkdir(parents=True, exist_ok=True)
    environment = inherited_environment(SIGNAL_SERVER_POLYGON_API_KEY=settings.POLYGON_KEY)
    with Children(request.folder, environment) as children:
        demo = Run(request, console, children)
        addresses = _start_stand_ins(demo)
        config = settings.write_server_settings(request.project, request.folder, addresses)
        _backfill(demo, config, addresses)
        _train(demo, config)
        server_address = _serve(demo, config)
        client = _follow(demo, config, server_address)
        with Bot(demo, addresses, server_address) as bot:
            log = TradeLog(request.folder / "data" / "signals.sqlite")
            _trade(demo, bot, log)
            children.measure()
            bot.stop()
        demo.memory_bytes |= {c.name: c.peak_memory_bytes for c in children.running}
    demo.stage(6, "Report, from the trade log")
    return print_report(console, log, RunFiles(request.folder, client.log, demo.memory_bytes))


def _check_data(request: DemoRequest) -> None:
    missing = [str(path) for path in request.data if not path.is_file()]
    if missing:
        raise DemoError(f"{', '.join(missing)} does not exist; give DATA existing Parquet files")


def _start_stand_ins(demo: Run) -> settings.Addresses:
    demo.stage(1, "Start the Polygon and Kraken stand-ins")
    request = demo.request
    ready = request.folder / "market_sim.json"
    command = [sys.executable, "-m", "market_sim", "--bar-seconds", "1"]
    command += ["--history-bars", str(request.history_bars), "--ready-file", str(ready)]
    command += ["--polygon-key", settings.POLYGON_KEY]
    if request.data:
        command += ["--data", ",".join(str(path) for path in request.data)]
    else:
        command += ["--seed", str(request.seed), "--symbols", "BTC-USD,ETH-USD"]
    child = demo.children.start("market_sim", command)
    addresses = settings.Addresses.from_ready_file(wait_for_json(ready, child, 60))
    demo.console.print(f"Market: [bold]{addresses.market}[/]")
    demo.console.print(f"Polygon {addresses.polygon_rest} · Kraken {addresses.kraken_rest}")
    return addresses


def _backfill(demo: Run, config: Path, addresses: settings.Addresses) -> None:
    demo.stage(2, "Backfill history with Polygon's own client")
    start = settings.history_start(addresses, demo.request.history_bars)
    command = demo.server_command(config, "backfill", "--start", start)
    _run(demo, "backfill", [*command, "--symbols", ",".join(addresses.symbols)])


def _train(demo: Run, config: Path) -> None:
    demo.stage(3, "Features, labels, training, validation, backtest")
    _run(demo, "train", demo.server_command(config, "train", "--profile", settings.PROFILE))
    _run(demo, "backtest", demo.server_command(config, "backtest", "--profile", settings.PROFILE))


def _run(demo: Run, name: str, command: list[str]) -> None:
    run(name, command, demo.children.environment)


def _serve(demo: Run, config: Path) -> str:
    demo.stage(4, "Start the signal server")
    ready = demo.request.folder / "signal_server.json"
    child = demo.children.start(
        "signal-server", demo.server_command(config, "serve", "--ready-file", str(ready))
    )
    address = str(wait_for_json(ready, child, 90)["address"])
    demo.console.print(f"Signals at {address} (gRPC, with health checking and reflection)")
    return address


def _follow(demo: Run, config: Path, address: str) -> Child:
    """Start a second client, which measures how long signals take."""
    arguments = ("signals", "--follow", "--json", "--address", address)
    return demo.children.start("client", demo.server_command(config, *arguments))


@dataclass(slots=True)
class Bot:
    """Real Hummingbot in a home of its own, driven by its command line."""

    demo: Run
    addresses: settings.Addresses
    server_address: str
    pid: int = 0

    @property
    def home(self) -> Path:
        """The folder that Hummingbot runs in."""
        return self.demo.request.folder / "hummingbot"

    def __enter__(self) -> "Bot":
        self.demo.stage(5, "Start Hummingbot, paper trading on Kraken")
        request = self.demo.request
        configs = request.folder / "bot"
        configs.mkdir(exist_ok=True)
        build_home(self.home, project_root=request.project, script_configs=configs)
        config = settings.write_bot_config(
            request.project, configs, self.addresses, self.server_address
        )
        self.demo.console.print(settings.describe_rules(), highlight=False)
        self._command("start", config)
        self.pid = int((self.home / "data/bot/bot.pid").read_text(encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid and psutil.pid_exists(self.pid):
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop Hummingbot as its user would."""
        self.demo.memory_bytes["hummingbot"] = peak_memory_bytes(self.pid)
        self._command("stop", "--timeout", str(STOP_TIMEOUT_S))
        self.pid = 0

    def status(self) -> str:
        """Return what `hbot status` prints."""
        return self._command("status", quiet=True)

    def check(self) -> None:
        """Raise `DemoError` if Hummingbot has died."""
        if not psutil.pid_exists(self.pid):
            raise DemoError(f"Hummingbot ended by itself; its log:\n{tail(self._log())}")

    def _log(self) -> Path:
        return self.home / "logs" / "logs_conf_ml_signal_demo.log"

    def _command(self, *arguments: str, quiet: bool = False) -> str:
        if not quiet:
            self.demo.console.print(f"$ hbot {' '.join(arguments)}", style="bold")
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "hummingbot.cli.main", *arguments],
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"hbot {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _environment(self) -> Mapping[str, str]:
        stand_in = kraken_environment(self.addresses.kraken_rest, self.addresses.kraken_ws)
        return inherited_environment(HBOT_PASSWORD=KEYSTORE_PASSWORD, **stand_in)


def _trade(demo: Run, bot: Bot, log: TradeLog) -> None:
    """Watch until the time is over and at least one trade is complete, or for twice as long."""
    checks: list[Callable[[], None]] = [bot.check, *(c.check for c in demo.children.running)]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns, console=demo.console) as progress:
        task = progress.add_task("", total=demo.request.trade_s)
        while not _over(started, demo.request.trade_s, log):
            for check in checks:
                check()
            progress.update(task, completed=time.monotonic() - started, description=log.headline())
            time.sleep(1)
    demo.console.print(bot.status(), highlight=False, markup=False)


def _over(started: float, trade_s: int, log: TradeLog) -> bool:
    elapsed = time.monotonic() - started
    return elapsed >= 2 * trade_s or (elapsed >= trade_s and log.complete_trades() > 0)
