"""The vendor's flat files over S3: lists days, and downloads them so that nothing is lost.

A download that breaks off goes on at its byte, in this process or the next. It ends only as the
whole file of one version: its length is checked here, its checksum when the gzip is read.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from signal_server.core.config import FlatFilesConfig
from signal_server.core.errors import FlatFileError, MarketDataError, VendorAuthError
from signal_server.market.flat_files.attempts import Attempts, Notice
from signal_server.market.flat_files.bucket_errors import (
    CHANGED,
    KEY_HINT,
    code_of,
    is_transient,
    reason_of,
    translated,
)
from signal_server.market.flat_files.published import Fetched, Published, day_of

_CHUNK_BYTES = 1 << 16
_AT_ONCE_S = 0.001
_VERSIONS = 5
"""How often a file may be published anew while it is downloaded."""
_CALL_ERRORS = (BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class FlatFileKeys:
    """The account's S3 keys."""

    access: str
    secret: str

    def __repr__(self) -> str:
        return "FlatFileKeys(***)"


class FlatFileBucket:
    """The vendor's bucket. Every method may raise `MarketDataError`; blocking, safe in threads."""

    def __init__(
        self, config: FlatFilesConfig, keys: FlatFileKeys, folder: Path, notice: Notice
    ) -> None:
        """Keep what is being downloaded in `folder`; tell of troubles by `notice`."""
        if not keys.access or not keys.secret:
            raise VendorAuthError(f"there are no keys for flat files; {KEY_HINT}")
        self._config = config
        self._folder = folder
        self._notice = notice
        self._stop = threading.Event()
        self._bodies: set[Any] = set()
        self._client = _client(config, keys)

    def published(self, first: date, last: date) -> dict[date, Published]:
        """Return the files of the days from `first` to `last`: one call a year, or for a month."""
        found: dict[date, Published] = {}
        for prefix in _prefixes(self._config.prefix, first, last):
            listed = self._patiently(partial(self._listed, prefix), f"{prefix}/")
            found |= {entry.day: entry for entry in listed if first <= entry.day <= last}
        return dict(sorted(found.items()))

    def check_entitled(self, published: Published) -> None:
        """Ask for one byte; raise `NotEntitledError` or `VendorAuthError` if it is refused."""
        ask = partial(self._get, published.key, Range="bytes=0-0")
        self._patiently(ask, published.key)["Body"].close()

    def fetch(self, published: Published) -> Fetched:
        """Return the whole file of the newest version, downloaded if it is not here yet."""
        for _ in range(_VERSIONS):
            path = self._path(published)
            if path.exists() or self._download(published, path):
                return Fetched(path, published)
            self._drop(published.day)
            self._notice(f"{published.key} was published anew; it is fetched from its beginning")
            published = self._again(published)
        raise FlatFileError(f"{published.key} changes all the time; try again later")

    def release(self, fetched: Fetched, *, damaged: bool = False) -> None:  # noqa: ARG002
        """Delete the file: its bars are stored, or it must be fetched again."""
        self._drop(fetched.published.day)

    def close(self) -> None:
        """End downloads and waits that are under way."""
        self._stop.set()
        for body in tuple(self._bodies):
            _hurry(body)

    def _download(self, published: Published, path: Path) -> bool:
        """Download to `path`; return False if there is another version by now."""
        if not published.size_bytes:
            raise FlatFileError(f"{published.key} is empty; it may be published anew later")
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = path.with_suffix(".partial")
        attempts = self._attempts()
        while (held := _size(begun)) < published.size_bytes:
            attempts.check_stopped()
            try:
                self._go_on(published, begun, held)
            except _CALL_ERRORS as error:
                if isinstance(error, ClientError) and code_of(error) in {CHANGED, "InvalidRange"}:
                    return False
                if not is_transient(error):
                    raise translated(error, published.key, self._config.url) from error
                if _size(begun) > held:
                    attempts.progressed()
                attempts.wait(f"{published.key} broke off ({reason_of(error)})")
        if held > published.size_bytes:
            return False
        begun.replace(path)
        return True

    def _go_on(self, published: Published, begun: Path, held: int) -> None:
        answer = self._get(published.key, Range=f"bytes={held}-", IfMatch=f'"{published.version}"')
        deadline_s = self._config.timeout_s + (
            (published.size_bytes - held) / self._config.slowest_bytes_s
        )
        whole = answer["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.OK
        mode = "wb" if whole else "ab"
        with self._read_within(deadline_s, answer["Body"]) as body, begun.open(mode) as file:
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                _write(file, chunk)

    @contextmanager
    def _read_within(self, seconds: float, body: Any) -> Iterator[Any]:
        """End reading after so long: a server that drips never times out by itself."""
        timer = threading.Timer(seconds, _hurry, (body,))
        timer.daemon = True
        timer.start()
        self._bodies.add(body)
        if self._stop.is_set():
            _hurry(body)
        try:
            with closing(body):
                yield body
        finally:
            timer.cancel()
            self._bodies.discard(body)

    def _again(self, published: Published) -> Published:
        found = self.published(published.day, published.day)
        if published.day not in found:
            raise FlatFileError(f"{published.key} is not there any more; try again later")
        return found[published.day]

    def _get(self, key: str, **options: str) -> Any:
        return self._client.get_object(Bucket=self._config.bucket, Key=key, **options)

    def _listed(self, prefix: str) -> list[Published]:
        paginator = self._client.get_paginator("list_objects_v2")
        pages = paginator.paginate(Bucket=self._config.bucket, Prefix=f"{prefix}/")
        entries = [entry for page in pages for entry in page.get("Contents", ())]
        return [found for entry in entries if (found := _published(entry)) is not None]

    def _patiently[T](self, call: Callable[[], T], what: str) -> T:
        attempts = self._attempts()
        while True:
            try:
                return call()
            except _CALL_ERRORS as error:
                if not is_transient(error):
                    raise translated(error, what, self._config.url) from error
                attempts.wait(f"{what} did not answer ({reason_of(error)})")

    def _attempts(self) -> Attempts:
        return Attempts(self._config.patience_s, self._stop, self._notice)

    def _path(self, published: Published) -> Path:
        version = "".join(c for c in published.version if c.isalnum() or c == "-")
        name = f"{published.day}.{version}.csv.gz"
        return self._folder / f"{published.day.year}" / name

    def _drop(self, day: date) -> None:
        for path in (self._folder / f"{day.year}").glob(f"{day}.*"):
            path.unlink(missing_ok=True)


def _client(config: FlatFilesConfig, keys: FlatFileKeys) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=config.url,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=config.timeout_s,
            read_timeout=config.timeout_s,
            # Attempts are counted here alone: a download goes on where it broke off.
            retries={"total_max_attempts": 1},
            max_pool_connections=config.downloads + 2,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _prefixes(root: str, first: date, last: date) -> list[str]:
    """Return the folders to list: that of the month if it is one, else those of the years."""
    if (first.year, first.month) == (last.year, last.month):
        return [f"{root}/{first:%Y/%m}"]
    return [f"{root}/{year}" for year in range(first.year, last.year + 1)]


def _published(entry: dict[str, Any]) -> Published | None:
    day = day_of(str(entry["Key"]))
    if day is None:
        return None
    version = str(entry["ETag"]).strip('"')
    return Published(day, str(entry["Key"]), version, int(entry["Size"]))


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise MarketDataError(
            f"{file.name} could not be written: {error.strerror or error}; make room or change "
            "data_dir, and run the command again: it goes on where it was"
        ) from error


def _hurry(body: Any) -> None:
    try:
        body.set_socket_timeout(_AT_ONCE_S)
    except (AttributeError, OSError, ValueError):
        # The answer has ended meanwhile: there is no socket any more.
        return


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
