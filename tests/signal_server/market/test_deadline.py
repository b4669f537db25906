"""An answer is whole by its deadline or it is an error, over plain sockets and over TLS."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signal_server.market.deadline import set_deadlines

TIMEOUT_S = 0.3
BODY = b"x" * 200_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)

Serve = Callable[[socket.socket], None]


def whole(connection: socket.socket) -> None:
    for _ in range(3):
        if connection.recv(65536):
            connection.sendall(HEAD + b"\r\n" + BODY)


def dripping_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD + b"\r\n")
    _drip(connection)


def dripping_head(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD + b"X-Slow: ")
    _drip(connection)


def silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(65536)


def _drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")
        time.sleep(TIMEOUT_S / 10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this computer with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["http", "https"])
def ask(
    request: pytest.FixtureRequest, certificate: Path
) -> Iterator[Callable[[Serve, int], list[bytes]]]:
    """Ask a server that does something a number of times; return the bodies."""
    listener = socket.create_server(("127.0.0.1", 0))
    pool = urllib3.PoolManager(ca_certs=str(certificate), cert_reqs="CERT_REQUIRED", maxsize=1)
    set_deadlines(pool)

    def accept(serve: Serve) -> None:
        connection, _ = listener.accept()
        if request.param == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            try:
                serve(connection)
            except OSError:
                # The client has left.
                return

    def ask_for(serve: Serve, times: int) -> list[bytes]:
        thread = threading.Thread(target=accept, args=(serve,), daemon=True)
        thread.start()
        url = f"{request.param}://127.0.0.1:{listener.getsockname()[1]}/"
        timeout = urllib3.Timeout(connect=5, read=TIMEOUT_S)
        return [pool.request("GET", url, timeout=timeout, retries=False).data for _ in range(times)]

    yield ask_for
    pool.clear()
    listener.close()


def test_an_answer_in_time_is_whole_and_its_connection_is_used_again(
    ask: Callable[[Serve, int], list[bytes]],
) -> None:
    assert ask(whole, 3) == [BODY] * 3


@pytest.mark.parametrize("serve", [silent, dripping_head, dripping_body])
def test_an_answer_that_never_becomes_whole_ends_by_its_deadline(
    ask: Callable[[Serve, int], list[bytes]], serve: Serve
) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError, match="imed out"):
        ask(serve, 1)
