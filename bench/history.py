"""A backfill from a vendor that answers at once, against only fetching and parsing its pages."""

import gzip
import json
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import urllib3

from bench.bars import minute_bars
from bench.result import Result
from signal_server.core.config import PolygonConfig
from signal_server.market.history import THREADS, BackfillRequest, backfill
from signal_server.market.pieces import pieces_of
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore

SYMBOLS = 20
BARS = 260_000
MINUTE = timedelta(minutes=1)


def measure() -> list[Result]:
    """Return how many bars a second come from REST into the store."""
    bars, data = minute_bars(BARS)
    pages = {page[1]: _packed(bars, *page) for page in pieces_of(_period(bars), 60)}
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(pages, theirs), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}"
        fetched, count = _backfill_s(url, bars), SYMBOLS * len(bars)
        bare = _bare_s(url, list(pages))
    finally:
        server.terminate()
        server.join()
    return [
        Result(
            "rest_backfill",
            round(count / fetched),
            "bars/s",
            round(count / bare),
            "the same pages fetched and parsed, no more",
            f"{SYMBOLS} symbols of {data}, gzip, loopback",
        )
    ]


def serve(pages: dict[datetime, bytes], port: Connection) -> None:
    """Answer each request with the page that ends where it ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            wanted = int(path.rsplit("/", 1)[1]) if "/minute/" in path else None
            body = by_start.get(wanted, nothing)
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    nothing = gzip.compress(b'{"status": "OK"}')
    by_start: dict[int | None, bytes] = {
        round((end - MINUTE).timestamp() * 1000): body for end, body in pages.items()
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_address[1])
    server.serve_forever()


def _backfill_s(url: str, bars: pd.DataFrame) -> float:
    start, end = _period(bars)
    symbols = tuple(f"COIN{number}-USD" for number in range(SYMBOLS))
    config = PolygonConfig(
        rest_url=url, feed="", secure=False, calls_per_minute=0, timeout_s=60, retry_for_s=0
    )
    request = BackfillRequest(symbols, start, end)
    with TemporaryDirectory() as folder:
        store, history = BarStore(Path(folder), 60), PolygonHistory(config, "key", 60)
        began = time.perf_counter()
        results = backfill(history, store, request, lambda: end + MINUTE, lambda _: None)
        took = time.perf_counter() - began
    if sum(result.new_bars for result in results) != SYMBOLS * len(bars):
        raise RuntimeError(f"bars are missing: {results}")
    return took


def _bare_s(url: str, ends: list[datetime]) -> float:
    pool = urllib3.PoolManager(maxsize=THREADS)
    starts = [round((end - MINUTE).timestamp() * 1000) for end in ends] * SYMBOLS

    def parse(start: int) -> int:
        return len(json.loads(pool.request("GET", f"{url}/minute/0/{start}").data)["results"])

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        sum(threads.map(parse, starts))
    return time.perf_counter() - began


def _period(bars: pd.DataFrame) -> tuple[datetime, datetime]:
    return (bars.index[0] - MINUTE).to_pydatetime(), bars.index[-1].to_pydatetime()


def _packed(bars: pd.DataFrame, start: datetime, end: datetime) -> bytes:
    part = bars[(bars.index > start) & (bars.index <= end)]
    rows = [
        {"v": v, "vw": c, "o": o, "c": c, "h": h, "l": low, "t": t, "n": int(n)}
        for t, o, h, low, c, v, n in zip(
            ((part.index - MINUTE).asi8 // 1000).tolist(),
            *(part[name].tolist() for name in ("open", "high", "low", "close", "volume")),
            part["transactions"].tolist(),
            strict=True,
        )
    ]
    body = {"queryCount": len(rows), "resultsCount": len(rows), "results": rows, "status": "OK"}
    return gzip.compress(json.dumps(body).encode(), 1)


if __name__ == "__main__":
    for result in measure():
        print(result)
