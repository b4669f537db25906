"""The product's own server and trade log, with signals that a trial writes by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from signal_server.core.clock import utc_now
from signal_server.core.domain import Direction, Signal
from signal_server.journal.journal import Journal
from signal_server.journal.predictions import Prediction, record_prediction
from signal_server.serving.hub import Hub
from signal_server.serving.server import running
from signal_server.serving.service import Serving, SignalService
from signal_server.serving.trading import Desk, TradingService


@dataclass(frozen=True, slots=True)
class Publisher:
    """A serving signal server; the bot finds it at `address`."""

    address: str
    hub: Hub
    journal: Journal

    def publish(self, symbol: str, direction: Direction, price: float, valid_s: float) -> Signal:
        """Log a signal and hand it to all subscribers, as the live engine does."""
        now = utc_now()
        other = Direction.DOWN if direction is Direction.UP else Direction.UP
        signal = Signal(
            id=0,
            model_id="scripted",
            model_version="1",
            symbol=symbol,
            bar_close=now,
            issued_at=now,
            valid_until=now + timedelta(seconds=valid_s),
            horizon_s=60,
            probabilities={direction: 0.9, other: 0.1},
            direction=direction,
            confidence=0.9,
            reference_price=price,
            volatility=0.001,
            schema_hash="scripted",
        )
        logged = record_prediction(self.journal, Prediction(signal, {}, 0.0))
        if logged is None:
            raise ValueError(f"two signals of {symbol} at one instant")
        self.hub.publish(logged)
        return logged


@asynccontextmanager
async def publishing(path: Path, symbols: tuple[str, ...]) -> AsyncIterator[Publisher]:
    """Serve a new trade log at `path` on a free port."""
    hub = Hub()
    # The trading service writes from another thread, so each has a connection of its own.
    with Journal.open(path) as journal, Journal.open(path) as trades:
        serving = Serving(
            symbols=symbols,
            hub=hub,
            journal=journal,
            refusals={},
            models=lambda: [],
            heartbeat_s=1.0,
            clock=utc_now,
        )
        services = (SignalService(serving), TradingService(Desk(trades, utc_now, heartbeat_s=1.0)))
        async with running(
            "127.0.0.1:0", *services, before_stop=lambda: hub.close("the trial is over")
        ) as server:
            yield Publisher(f"127.0.0.1:{server.port}", hub, journal)
