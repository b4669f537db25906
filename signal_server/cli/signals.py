"""`signal-server signals`: a client that prints what the server says."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.arguments import SymbolList
from signal_server.cli.session import Session, pass_session
from signal_server.cli.stream import DEADLINE_S, messages, translated
from signal_server.core.clock import utc_now
from signal_server.core.errors import ServerError

if TYPE_CHECKING:
    import grpc

    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

_HEADER = (
    f"{'id':>6}  {'symbol':<10} {'bar close (UTC)':<20} {'says':<5} {'confidence':>10} "
    f"{'price':>14} {'age s':>7} {'latency ms':>11}  flags"
)


@dataclass(frozen=True, slots=True)
class Received:
    """A signal and when it came. `latency_ms` counts from its bar's arrival at the server.

    It is None for a signal that the server had to take from its log.
    """

    signal: "pb.Signal"
    at: datetime

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds from the bar's arrival at the server to the signal's arrival here."""
        if not self.signal.HasField("bar_received_at"):
            return None
        return (self.at - _moment(self.signal.bar_received_at)).total_seconds() * 1000.0

    @property
    def age_s(self) -> float:
        """Seconds since the bar closed."""
        return (self.at - _moment(self.signal.bar_close)).total_seconds()


@click.command(name="signals")
@click.option("--follow", is_flag=True, help="Stay connected and print every new signal.")
@click.option("--count", type=click.IntRange(min=1), help="With --follow: end after so many.")
@click.option("--symbols", type=SymbolList(), help="Only these; all that are served by default.")
@click.option("--address", help="host:port of the server; from the settings by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_session
def command(
    session: Session,
    follow: bool,
    count: int | None,
    symbols: tuple[str, ...] | None,
    address: str | None,
    as_json: bool,
) -> None:
    """Print the valid signals, or follow the stream with --follow.

    The latency column is the time from a bar's arrival at the server to the signal's arrival
    here; it means something only where both have the same clock.
    """
    serving = session.settings.serving
    target = address or f"{serving.host}:{serving.port}"
    limit = count if follow else None
    stream = (
        _follow(target, symbols or (), serving.heartbeat_s)
        if follow
        else _valid(target, symbols or ())
    )
    latencies_ms = asyncio.run(_print(stream, limit, as_json))
    if latencies_ms and not as_json:
        click.echo(
            f"latency from bar to here: median {median(latencies_ms):.1f} ms, "
            f"worst {max(latencies_ms):.1f} ms, {len(latencies_ms)} signals"
        )


async def _print(stream: AsyncIterator[Received], limit: int | None, as_json: bool) -> list[float]:
    """Print signals until the stream ends or is interrupted; return the latencies seen."""
    latencies_ms: list[float] = []
    number = 0
    try:
        async for received in stream:
            if number == 0 and not as_json:
                click.echo(_HEADER)
            click.echo(json.dumps(_jsonable(received)) if as_json else _line(received))
            if received.latency_ms is not None:
                latencies_ms.append(received.latency_ms)
            number += 1
            if number == limit:
                break
    except asyncio.CancelledError:
        # Ctrl-C is how one stops following; the summary still comes.
        return latencies_ms
    return latencies_ms


async def _valid(target: str, symbols: Sequence[str]) -> AsyncIterator[Received]:
    """Give the signals that are valid now; raise `ServerError` if there are none."""
    import grpc

    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    found = False
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            call = _stub(channel).StreamSignals(
                pb.StreamSignalsRequest(symbols=symbols), timeout=DEADLINE_S
            )
            async for response in call:
                if not response.HasField("signal"):
                    break
                found = True
                yield Received(response.signal, utc_now())
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED or not found:
            raise translated(target, error) from error
    if not found:
        raise ServerError(f"{target} has no valid signal now; watch with `signals --follow`")


async def _follow(
    target: str, symbols: Sequence[str], heartbeat_s: float
) -> AsyncIterator[Received]:
    """Give every signal, for ever; after an interruption go on where it was."""
    from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb

    after_id = 0

    def resume(channel: "grpc.aio.Channel") -> Any:
        return _stub(channel).StreamSignals(
            pb.StreamSignalsRequest(symbols=symbols, after_id=after_id)
        )

    stream = messages(target, resume, heartbeat_s)
    async with aclosing(stream):
        async for response in stream:
            if response.HasField("signal"):
                after_id = max(after_id, response.signal.id)
                yield Received(response.signal, utc_now())


def _stub(channel: "grpc.aio.Channel") -> Any:
    from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc

    return rpc.SignalServiceStub(channel)


def _moment(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment


def _says(signal: "pb.Signal") -> str:
    from signal_server.serving.wire import direction_from_wire

    return direction_from_wire(signal.direction).value


def _line(received: Received) -> str:
    signal = received.signal
    latency = "" if received.latency_ms is None else f"{received.latency_ms:.1f}"
    return (
        f"{signal.id:>6}  {signal.symbol:<10} {_moment(signal.bar_close):%Y-%m-%d %H:%M:%S}  "
        f"{_says(signal):<5} {signal.confidence:>10.3f} {signal.reference_price:>14,.6g} "
        f"{received.age_s:>7.1f} {latency:>11}  {', '.join(signal.flags)}"
    ).rstrip()


def _jsonable(received: Received) -> dict[str, Any]:
    signal = received.signal
    return {
        "id": signal.id,
        "symbol": signal.symbol,
        "bar_close": _moment(signal.bar_close).isoformat(),
        "issued_at": _moment(signal.issued_at).isoformat(),
        "valid_until": _moment(signal.valid_until).isoformat(),
        "direction": _says(signal),
        "confidence": signal.confidence,
        "reference_price": signal.reference_price,
        "model": f"{signal.model_id} {signal.model_version}",
        "flags": list(signal.flags),
        "age_s": received.age_s,
        "latency_ms": received.latency_ms,
    }
