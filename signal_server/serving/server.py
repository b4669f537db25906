"""The gRPC server: bound, serving, and stopped gently."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.errors import ServerError
from signal_server.serving.service import SignalService
from signal_server.serving.trading import TradingService

logger = logging.getLogger(__name__)

STOP_GRACE_S = 2.0
MAX_REQUEST_BYTES = 1 << 20
MAX_CALLS = 2000
SIGNAL_SERVICE = pb.DESCRIPTOR.services_by_name["SignalService"].full_name
TRADING_SERVICE = pb.DESCRIPTOR.services_by_name["TradingService"].full_name

_OPTIONS = (
    # Without this a second server binds the same port and takes half of the clients.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class SignalServer:
    """A bound server; `health` tells clients whether signals are to be had."""

    def __init__(self, port: int, health_servicer: health.aio.HealthServicer) -> None:
        self.port = port
        self._health = health_servicer

    async def set_serving(self, serving: bool) -> None:
        """Tell the standard health service about the signal service."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(SIGNAL_SERVICE, status.SERVING if serving else status.NOT_SERVING)


@asynccontextmanager
async def running(
    address: str, signals: SignalService, trading: TradingService, before_stop: Callable[[], None]
) -> AsyncIterator[SignalServer]:
    """Serve on `host:port` (port 0: any free one) for the time of the context.

    `before_stop` is called first at the end: it has to end the open streams. Raises `ServerError`
    if the address cannot be bound.
    """
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MAX_CALLS)
    rpc.add_SignalServiceServicer_to_server(signals, server)
    rpc.add_TradingServiceServicer_to_server(trading, server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (SIGNAL_SERVICE, TRADING_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = _bind(server, address)
    await server.start()
    for name in ("", TRADING_SERVICE):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield SignalServer(port, health_servicer)
    finally:
        await health_servicer.enter_graceful_shutdown()
        before_stop()
        trading.close("the server is stopping")
        await asyncio.shield(server.stop(STOP_GRACE_S))
        await asyncio.shield(trading.finish())


def _bind(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise ServerError(
            f"{address} cannot be bound: another program listens there, or the host is not this "
            "computer's; set serving.port or serving.host"
        ) from error
