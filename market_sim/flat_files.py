"""A stand-in for the vendor's flat files: S3 by moto, and before it what moto does not do.

moto takes any key and never fails. The front checks signatures, and goes wrong on demand.
"""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from uuid import uuid4

import boto3
import pandas as pd
from aiohttp import ClientSession, web
from botocore.config import Config
from moto.server import ThreadedMotoServer
from yarl import URL

from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.flat_file_days import days_of, flat_file
from market_sim.s3_auth import S3Keys, refusal_of

BUCKET = "flatfiles"
PREFIX = "global_crypto/minute_aggs_v1"
TEST_KEYS = S3Keys("flat-access", "flat-secret")
_FORWARDED = ("Authorization", "Range", "If-Match")
_CHUNK_BYTES = 1 << 16
_DRIP_S = 0.02
_STALL_S = 60.0


@dataclass(slots=True)
class FlatFileStandIn:
    """Serves what is published. A fault's `only` takes the day as `method`: 2025-01-31."""

    faults: FaultSwitch
    keys: S3Keys = TEST_KEYS
    url: str = field(default="", init=False)
    requests: list[str] = field(default_factory=list, init=False)
    sent_bytes: int = field(default=0, init=False)
    _inner: str = field(default="", init=False)
    _client: Any = field(default=None, init=False)
    _runner: Any = field(default=None, init=False)
    _session: Any = field(default=None, init=False)
    _store: str = field(default_factory=lambda: f"b{uuid4().hex}", init=False)
    _texts: dict[date, bytes] = field(default_factory=dict, init=False)

    async def start(self) -> str:
        """Listen on a free loopback port; return the endpoint's address."""
        self._inner = await asyncio.to_thread(_moto_url)
        self._client = _client(self._inner)
        await asyncio.to_thread(self._client.create_bucket, Bucket=self._store)
        self._session = ClientSession(auto_decompress=False)
        application = web.Application()
        application.router.add_get("/{bucket}{key:(/.*)?}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Listen no longer."""
        await self._runner.cleanup()
        await self._session.close()
        self._client.close()

    @property
    def published_days(self) -> tuple[date, ...]:
        """The days that have a file."""
        return tuple(sorted(self._texts))

    async def publish_bars(self, bars: Mapping[str, pd.DataFrame]) -> None:
        """Publish every day of the bars by symbol; columns as `flat_file` takes them."""
        for day, parts in days_of(bars).items():
            await self.publish(day, flat_file(parts))

    async def publish(self, day: date, content: bytes) -> None:
        """Publish a day's file, or publish it anew."""
        self._texts[day] = content
        await asyncio.to_thread(
            self._client.put_object, Bucket=self._store, Key=key_of(day), Body=content
        )

    async def take_down(self, day: date) -> None:
        """Remove a day's file."""
        del self._texts[day]
        await asyncio.to_thread(self._client.delete_object, Bucket=self._store, Key=key_of(day))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        refused = refusal_of(request, self.keys)
        if refused is not None:
            return _error(403, refused)
        if request.match_info["bucket"] != BUCKET:
            return _error(404, "NoSuchBucket")
        key = request.match_info["key"].strip("/")
        where = Where(method=key.rsplit("/", 1)[-1].partition(".")[0] if key else None)
        return await self._refuse(where) or await self._answer(request, where)

    async def _refuse(self, where: Where) -> web.StreamResponse | None:
        if self.faults.strikes(FaultName.FLAT_FILES_SERVER_ERROR, where):
            return _error(503, "SlowDown")
        if where.method is None:
            return None
        if self.faults.strikes(FaultName.FLAT_FILES_DENIED, where):
            return _error(403, "AccessDenied")
        if self.faults.strikes(FaultName.FLAT_FILES_MISSING, where):
            return _error(404, "NoSuchKey")
        await self._republish(where)
        return None

    async def _republish(self, where: Where) -> None:
        """Put another version into the place of the file that is asked for."""
        day = next((day for day in self._texts if day.isoformat() == where.method), None)
        if day is None:
            return
        if self.faults.strikes(FaultName.FLAT_FILES_CUT_FILE, where):
            await self.publish(day, self._texts[day][: len(self._texts[day]) // 2])
        if self.faults.strikes(FaultName.FLAT_FILES_REPUBLISHED, where):
            text = gzip.decompress(self._texts[day])
            await self.publish(day, gzip.compress(text, 6, mtime=len(self.requests)))

    async def _answer(self, request: web.Request, where: Where) -> web.StreamResponse:
        """Pass the request on to moto and its answer back, as far as the faults let it."""
        path = request.raw_path.replace(f"/{BUCKET}", f"/{self._store}", 1)
        url = URL(f"{self._inner}{path}", encoded=True)
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        async with self._session.get(url, headers=headers) as inner:
            body = (await inner.read()).replace(self._store.encode(), BUCKET.encode())
            answer = web.StreamResponse(status=inner.status)
            for name in ("ETag", "Last-Modified", "Content-Type", "Content-Range"):
                if name in inner.headers:
                    answer.headers[name] = inner.headers[name]
            answer.content_length = len(body)
            await answer.prepare(request)
            await self._send(request, answer, body, where)
        return answer

    async def _send(
        self, request: web.Request, answer: web.StreamResponse, body: bytes, where: Where
    ) -> None:
        if where.method is None:
            await self._write(answer, body)
        elif self.faults.strikes(FaultName.FLAT_FILES_RESET, where):
            await self._write(answer, body[: len(body) // 2])
            if request.transport is not None:
                request.transport.abort()
        elif self.faults.strikes(FaultName.FLAT_FILES_STALL, where):
            await self._write(answer, body[: len(body) // 2])
            await asyncio.sleep(_STALL_S)
        elif self.faults.strikes(FaultName.FLAT_FILES_SLOW_DRIP, where):
            for at in range(len(body)):
                await self._write(answer, body[at : at + 1])
                await asyncio.sleep(_DRIP_S)
        else:
            await self._write(answer, body)

    async def _write(self, answer: web.StreamResponse, body: bytes) -> None:
        for at in range(0, len(body), _CHUNK_BYTES):
            chunk = body[at : at + _CHUNK_BYTES]
            await answer.write(chunk)
            self.sent_bytes += len(chunk)


def key_of(day: date) -> str:
    """Return the key of a day's file."""
    return f"{PREFIX}/{day:%Y/%m}/{day}.csv.gz"


@cache
def _moto_url() -> str:
    """Start moto, once a process: it is slow to stop, and each stand-in has its own bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def _client(url: str) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106 (moto takes any)
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def _error(status: int, code: str) -> web.Response:
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
