"""Streams of the server that are opened again after every interruption."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import click

from signal_server.core.errors import ServerError

if TYPE_CHECKING:
    import grpc

DEADLINE_S = 5.0
LONGEST_PAUSE_S = 10.0
MISSED_HEARTBEATS = 3


async def messages(
    target: str, open_call: "Callable[[grpc.aio.Channel], Any]", heartbeat_s: float
) -> AsyncGenerator[Any]:
    """Give a stream's messages for ever; `open_call` opens it anew after an interruption.

    Raises `ServerError` if the first attempt fails, or for what no other attempt can change.
    """
    import grpc

    pause_s, reached = 0.5, False
    while True:
        try:
            async with grpc.aio.insecure_channel(target) as channel:
                async for message in _until_silent(open_call(channel), heartbeat_s):
                    reached, pause_s = True, 0.5
                    yield message
        except grpc.aio.AioRpcError as error:
            if not reached or error.code() in _final_codes():
                raise translated(target, error) from error
            click.secho(f"{error.details()}; connecting again", fg="yellow", err=True)
        except TimeoutError:
            click.secho(f"{target} has fallen silent; connecting again", fg="yellow", err=True)
        await asyncio.sleep(pause_s * (0.5 + random.random() / 2))  # noqa: S311
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def translated(target: str, error: Any) -> ServerError:
    """Return what a failed call means and what to do about it."""
    if error.code().name in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
        return ServerError(f"no answer from {target}; start `signal-server serve` or set --address")
    return ServerError(f"{target} answers: {error.details()}")


async def _until_silent(call: Any, heartbeat_s: float) -> AsyncIterator[Any]:
    """Give the call's messages; raise `TimeoutError` when heartbeats stay away."""
    import grpc

    silence_s = max(DEADLINE_S, MISSED_HEARTBEATS * heartbeat_s)
    while (message := await asyncio.wait_for(call.read(), silence_s)) is not grpc.aio.EOF:
        yield message


def _final_codes() -> "tuple[grpc.StatusCode, ...]":
    import grpc

    code = grpc.StatusCode
    return (code.NOT_FOUND, code.OUT_OF_RANGE, code.UNIMPLEMENTED, code.INVALID_ARGUMENT)
