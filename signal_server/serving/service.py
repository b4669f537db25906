"""The signal service: each handler converts, calls, converts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import grpc

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.clock import Clock
from signal_server.core.domain import Signal
from signal_server.core.errors import SignalServerError
from signal_server.journal.journal import Journal
from signal_server.journal.predictions import newest_id, signals_after, valid_signals
from signal_server.serving.calls import Context, peer_host
from signal_server.serving.hub import (
    Hub,
    Subscription,
    SubscriptionEndedError,
    TooManyStreamsError,
)
from signal_server.serving.wire import signal_to_wire, to_timestamp

MAX_REPLAYED = 10_000
MAX_SYMBOLS = 1000


@dataclass(frozen=True, slots=True)
class Serving:
    """What the signal service answers from.

    `refusals` holds, by symbol, why the newest bar led to no signal, and is empty of it if it did.
    `models` lists the registered models.
    """

    symbols: Collection[str]
    hub: Hub
    journal: Journal
    refusals: Mapping[str, object]
    models: Callable[[], Sequence[pb.Model]]
    heartbeat_s: float
    clock: Clock
    bar_seconds: int = 0


class SignalService(rpc.SignalServiceServicer):
    """Signals, one at a time or as a stream, and the models they may come from."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def GetSignal(self, request: pb.GetSignalRequest, context: Context) -> pb.Signal:  # noqa: N802
        """Return the newest signal of a symbol while it is valid."""
        await self._check_followed([request.symbol], context)
        signal = self._serving.hub.latest(request.symbol)
        if signal is None or signal.valid_until <= self._serving.clock():
            why = self._serving.refusals.get(request.symbol) or "no new bar has arrived"
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION, f"no fresh signal of {request.symbol}: {why}"
            )
        return signal_to_wire(signal, self._serving.bar_seconds)

    async def StreamSignals(  # noqa: N802
        self, request: pb.StreamSignalsRequest, context: Context
    ) -> AsyncIterator[pb.StreamSignalsResponse]:
        """Send what the client missed, then every signal as it is issued, with heartbeats.

        Resumed with `after_id`: all signals with a greater id, the newest ten thousand at most.
        Without: the newest signal of each symbol that is still valid. Then a heartbeat at once,
        which tells the client that it is up to date.
        """
        symbols = list(request.symbols) or list(self._serving.symbols)
        await self._check_followed(symbols, context)
        await self._check_resumable(request.after_id, context)
        try:
            with self._serving.hub.subscribe(symbols, peer_host(context)) as subscription:
                async for response in self._responses(subscription, request.after_id):
                    yield response
        except TooManyStreamsError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except SubscriptionEndedError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    async def ListModels(  # noqa: N802
        self,
        request: pb.ListModelsRequest,  # noqa: ARG002 (the contract's argument)
        context: Context,
    ) -> pb.ListModelsResponse:
        """Return all registered models; the one that predicts is marked."""
        try:
            return pb.ListModelsResponse(models=await asyncio.to_thread(self._serving.models))
        except SignalServerError as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))

    async def _responses(
        self, subscription: Subscription, after_id: int
    ) -> AsyncIterator[pb.StreamSignalsResponse]:
        sent_id = after_id
        for signal in self._missed(subscription.symbols, after_id):
            yield self._response(signal)
            sent_id = signal.id
        yield self._response(None)
        while True:
            news = await subscription.next(self._serving.heartbeat_s)
            # A signal may be in the log and in the queue when the subscription began between.
            if news is None or news.id > sent_id:
                yield self._response(news)

    def _missed(self, symbols: Collection[str], after_id: int) -> Iterable[Signal]:
        journal = self._serving.journal
        if after_id:
            return signals_after(journal, after_id, MAX_REPLAYED, symbols)
        valid = valid_signals(journal, self._serving.clock())
        return [signal for signal in valid if signal.symbol in symbols]

    def _response(self, signal: Signal | None) -> pb.StreamSignalsResponse:
        return pb.StreamSignalsResponse(
            server_time=to_timestamp(self._serving.clock()),
            signal=None if signal is None else signal_to_wire(signal, self._serving.bar_seconds),
        )

    async def _check_followed(self, symbols: Sequence[str], context: Context) -> None:
        unknown = [
            symbol for symbol in symbols[:MAX_SYMBOLS] if symbol not in self._serving.symbols
        ]
        if unknown or len(symbols) > MAX_SYMBOLS:
            followed = ", ".join(self._serving.symbols)
            await context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"{ascii(unknown[0][:20]) if unknown else len(symbols)} is not followed; "
                f"this server follows {followed}",
            )

    async def _check_resumable(self, after_id: int, context: Context) -> None:
        newest = newest_id(self._serving.journal) if after_id else 0
        if after_id > newest:
            await context.abort(
                grpc.StatusCode.OUT_OF_RANGE,
                f"after_id {after_id} was never given, the newest id is {newest}; use after_id 0",
            )
