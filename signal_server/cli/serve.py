"""`signal-server serve`: live bars in, signals out, trades in."""

import asyncio
import gc
import json
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session
from signal_server.core.clock import utc_now

if TYPE_CHECKING:
    from signal_server.core.config import Settings
    from signal_server.journal.evidence import Version
    from signal_server.journal.health import Metric
    from signal_server.journal.journal import Journal
    from signal_server.serving.drift import DriftMonitor, Watched
    from signal_server.serving.engine import Engine
    from signal_server.serving.hub import Hub
    from signal_server.serving.model_health import Drift, HealthWatch
    from signal_server.serving.served import ServedModel
    from signal_server.serving.server import SignalServer
    from signal_server.serving.service import Serving
    from signal_server.serving.succession import Succession
    from signal_server.serving.trading import TradingService

BOOKKEEPING_S = 15.0

logger = logging.getLogger(__name__)


@click.command(name="serve")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    help="Write a JSON object with the address here once the server answers.",
)
@pass_session
def command(session: Session, ready_file: Path | None) -> None:
    """Follow the live bars and serve signals over gRPC, until SIGTERM or Ctrl-C.

    Serves the registered model of serving.profile. Needs SIGNAL_SERVER_POLYGON_API_KEY, a trained
    model, and stored bars for its warm-up.
    """
    from signal_server.cli.followed import following

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    api_key = session.api_key()
    with _only_server(session.settings.data_dir):
        settings = following(session.settings, session.coins, utc_now)
        if ready_file is not None:
            # What an earlier run left would tell a waiting program the wrong address.
            ready_file.unlink(missing_ok=True)
        asyncio.run(_Process(settings, api_key).run(ready_file))


class _Process:
    """The parts of one server process."""

    def __init__(self, settings: "Settings", api_key: str) -> None:
        from signal_server.cli.served_models import open_champion
        from signal_server.market.store import BarStore
        from signal_server.training.registry import ModelRegistry

        self._settings = settings
        self._api_key = api_key
        self._registry: ModelRegistry = ModelRegistry(settings.models_dir)
        self._model: ServedModel = open_champion(self._registry, settings)
        self._store: BarStore = open_store(settings)

    async def run(self, ready_file: Path | None) -> None:
        """Serve until told to stop."""
        from signal_server.journal.journal import Journal
        from signal_server.journal.predictions import valid_signals
        from signal_server.serving.hub import Hub
        from signal_server.serving.server import running
        from signal_server.serving.service import SignalService
        from signal_server.serving.supervisor import stop_on_signals

        stop = asyncio.Event()
        stop_on_signals(stop)
        serving = self._settings.serving
        with ExitStack() as opened:
            path = self._settings.trade_log
            reads, predictions, trades, lists = (
                opened.enter_context(Journal.open(path)) for _ in range(4)
            )
            hub = Hub(valid_signals(reads, utc_now()))
            engine = self._engine(predictions, hub)
            signals = SignalService(self._serving(engine, hub, reads))
            succession, drift = self._succession(engine), self._drift(engine)
            health = self._health(
                engine, reads, lambda model: succession.told_with(drift.say(model))
            )
            async with running(
                f"{serving.host}:{serving.port}",
                signals,
                self._trading(trades, lists, health),
                lambda: hub.close("the server is stopping"),
            ) as server:
                self._announce(server, ready_file)
                watches = {
                    "the drift monitor": drift.run(),
                    "the succession of models": succession.run(),
                }
                await self._work(engine, server, watches, stop)

    def _engine(self, journal: "Journal", hub: "Hub") -> "Engine":
        from signal_server.cli.serving_parts import stored_bars
        from signal_server.serving.engine import Engine
        from signal_server.serving.lineup import Lineup, Stage
        from signal_server.serving.predictor import Freshness

        settings, serving = self._settings, self._settings.serving
        stage = Stage(
            symbols=settings.symbols,
            stored=partial(stored_bars, self._store),
            freshness=Freshness(serving.max_bar_delay_s, serving.signal_valid_s),
            leader_wait_s=serving.leader_wait_s,
            clock=utc_now,
        )
        return Engine(Lineup(self._model, stage), journal, hub, utc_now)

    def _serving(self, engine: "Engine", hub: "Hub", journal: "Journal") -> "Serving":
        from signal_server.cli.serving_parts import list_models
        from signal_server.serving.service import Serving

        return Serving(
            symbols=self._settings.symbols,
            hub=hub,
            journal=journal,
            refusals=engine.activity.refusals,
            models=lambda: list_models(self._registry, engine.champion.identities),
            heartbeat_s=self._settings.serving.heartbeat_s,
            clock=utc_now,
            bar_seconds=self._settings.bar_seconds,
        )

    def _trading(
        self, trades: "Journal", lists: "Journal", health: "HealthWatch"
    ) -> "TradingService":
        from signal_server.serving.trading import Desk, TradingService

        heartbeat_s = self._settings.serving.heartbeat_s
        return TradingService(Desk(trades, utc_now, health, heartbeat_s, lists))

    def _health(
        self, engine: "Engine", journal: "Journal", say: "Callable[[Version], Drift]"
    ) -> "HealthWatch":
        from signal_server.serving.model_health import HealthWatch

        return HealthWatch(
            journal,
            lambda: engine.champion,
            self._settings.serving.accuracy_outcomes,
            lambda: say(engine.champion.identity),
        )

    def _drift(self, engine: "Engine") -> "DriftMonitor":
        from signal_server.cli.serving_parts import watched
        from signal_server.serving.drift import DriftMonitor

        settings = self._settings

        def watched_by(model: "ServedModel") -> "Watched":
            own = tuple(one.identity for one in model.own.values())
            return watched(self._registry, model.identity, settings.bar_seconds, own)

        return DriftMonitor(
            settings.trade_log,
            lambda: watched_by(engine.champion),
            settings.serving.drift,
            utc_now,
        )

    def _succession(self, engine: "Engine") -> "Succession":
        from signal_server.cli.served_models import open_version, posts
        from signal_server.serving.succession import Succession

        return Succession(
            engine,
            lambda: posts(self._registry, self._settings),
            lambda version: open_version(self._registry, self._settings, version),
        )

    async def _work(
        self,
        engine: "Engine",
        server: "SignalServer",
        watches: "dict[str, Coroutine[Any, Any, None]]",
        stop: asyncio.Event,
    ) -> None:
        from signal_server.journal.pruning import Pruning
        from signal_server.market.live import LiveBars
        from signal_server.serving.engine import Bookkeeping
        from signal_server.serving.freshness import FreshnessWatch
        from signal_server.serving.supervisor import supervise

        settings = self._settings
        live = LiveBars(
            config=settings.polygon,
            api_key=self._api_key,
            symbols=settings.symbols,
            store=self._store,
            clock=utc_now,
        )
        limit_s = settings.bar_seconds + settings.serving.max_bar_delay_s
        books = Bookkeeping(
            settings.trade_log,
            self._store,
            lambda: [*engine.metrics(), _connections(live.connections)],
            BOOKKEEPING_S,
            Pruning(timedelta(days=settings.journal.keep_days), settings.bar_seconds),
        )
        watch = FreshnessWatch(engine.activity, limit_s, server.set_serving, utc_now)
        tasks = {
            "the live loop": engine.run(live.batches()),
            "bookkeeping": books.run(),
            "the freshness watch": watch.run(),
            **watches,
        }
        # What is here now stays: to look through it again and again would hold up live bars.
        gc.freeze()
        await supervise(tasks, stop)
        await books.once()

    def _announce(self, server: "SignalServer", ready_file: Path | None) -> None:
        settings, model = self._settings, self._model
        address = f"{settings.serving.host}:{server.port}"
        logger.info(
            "serving %s %s of %s at %s",
            model.id,
            model.version,
            ", ".join(settings.symbols),
            address,
        )
        if ready_file is not None:
            _write_atomically(
                ready_file,
                {"address": address, "model": model.id, "version": model.version},
            )


def _connections(number: int) -> "Metric":
    from signal_server.journal.health import Metric

    return Metric("stream_connections", float(number), "count", utc_now())


@contextmanager
def _only_server(data_dir: Path) -> Iterator[None]:
    """Hold the data folder; raise `ServerError` if another server does."""
    from filelock import FileLock, Timeout

    from signal_server.core.errors import ServerError

    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(data_dir / "serve.lock", timeout=0):
            yield
    except Timeout:
        raise ServerError(
            f"another server works in {data_dir}; stop it, or set SIGNAL_SERVER_DATA_DIR"
        ) from None


def _write_atomically(path: Path, content: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(path)
