"""What urllib3 says of a host that cannot be reached, without its objects."""

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from signal_server.market.unreachable import why_unreachable

POOL = HTTPConnectionPool("127.0.0.1", 80)
REFUSED = NewConnectionError(HTTPConnection("127.0.0.1"), "[Errno 111] Connection refused")
SLOW = ReadTimeoutError(POOL, "/", "Read timed out. (read timeout=3)")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "[Errno 111] Connection refused"),
        (SLOW, "Read timed out. (read timeout=3)"),
        (MaxRetryError(POOL, "/", REFUSED), "[Errno 111] Connection refused"),
        (MaxRetryError(POOL, "/", SLOW), "Read timed out. (read timeout=3)"),
        (ProtocolError("x" * 200), "x" * 160),
        (OSError("no route to host"), "no route to host"),
    ],
)
def test_the_reason_is_told_without_connection_or_pool(
    error: HTTPError | OSError, reason: str
) -> None:
    assert why_unreachable(error) == reason
