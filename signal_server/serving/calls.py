"""What the handlers of both services share: who calls, and how a bad request ends."""

from collections.abc import Callable

import grpc

from signal_server.serving.reported import InvalidFieldError

type Context = grpc.aio.ServicerContext[object, object]


def peer_host(context: Context) -> str:
    """Return the caller's address without its port."""
    return str(context.peer()).rpartition(":")[0]


async def valid[T](context: Context, read: Callable[..., T], *values: object) -> T:
    """Read a part of a request; one that is not valid ends the call with INVALID_ARGUMENT."""
    try:
        return read(*values)
    except InvalidFieldError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise
