"""The same store on a local folder, in memory, and in a bucket of an S3 server."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pandas as pd
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from signal_server.core.errors import MarketDataError
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import SYMBOL, bar, frame


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty place."""
    if request.param == "file":
        return (tmp_path / "bars").as_uri()
    name = f"bars-{uuid4().hex}"
    if request.param == "memory":
        return f"memory://{name}/below"
    address = request.getfixturevalue("endpoint")
    patch = request.getfixturevalue("monkeypatch")
    for key, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(key, value)
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=name)
    return f"s3://{name}/below"


def test_everything_works_there(root: str, tmp_path: Path) -> None:
    with BarStore(root, 60, live_root=tmp_path / "live") as store:
        assert store.write(SYMBOL, frame(range(30))) == 30
        store.write(SYMBOL, frame(range(5, 6), 11.0))
        store.quarantine(SYMBOL, frame(range(1)).assign(reason="spike", source="rest"))
        store.append(bar(30))
        store.compact(SYMBOL)
        assert (len(store.read(SYMBOL)), store.symbols()) == (31, (SYMBOL,))
        assert store.revisions(SYMBOL)["close"].tolist() == [11.0]
        assert len(store.quarantined(SYMBOL)) == 1
        assert store.span(SYMBOL) == (store.first_close(SYMBOL), store.last_close(SYMBOL), 31)
        assert store.verify(SYMBOL) == []
    reader = BarStore(root, 60)
    pd.testing.assert_frame_equal(reader.read(SYMBOL), store.read(SYMBOL))
    assert reader.export([SYMBOL], None, None, tmp_path / "all.parquet") == 31


def test_damage_there_is_named_and_moved_aside(root: str, tmp_path: Path) -> None:
    with BarStore(root, 60, live_root=tmp_path / "live") as store:
        store.write(SYMBOL, frame(range(30)))
        store._months._files.replace(
            f"{SYMBOL}/2025-02.parquet", b"PAR1 but no more than that PAR1"
        )
        (damaged,) = store.verify(SYMBOL)
        assert damaged.path.endswith("60s/BTC-USD/2025-02.parquet")
        assert "/damaged/2025-02.parquet." in store.discard(damaged)
        assert len(store.read(SYMBOL)) == 10


def test_writing_to_a_url_needs_a_local_folder() -> None:
    store = BarStore("memory://nowhere", 60)
    assert store.read(SYMBOL).empty
    for write in (lambda: store.write(SYMBOL, frame(range(1))), lambda: store.append(bar(0))):
        with pytest.raises(MarketDataError, match="needs a local folder"):
            write()


@pytest.mark.parametrize("url", ["nothing://here", "s3://", "memory"])
def test_a_place_that_is_none_is_refused_or_a_folder(url: str, tmp_path: Path) -> None:
    if "://" not in url:
        assert BarStore(str(tmp_path / url), 60).folder == tmp_path / url / "60s"
        return
    with pytest.raises(MarketDataError):
        BarStore(url, 60).read(SYMBOL)


def test_polars_reads_the_bucket_too(endpoint: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(
        Bucket="polars"
    )
    BarStore("s3://polars/bars", 60, live_root=tmp_path).write(SYMBOL, frame(range(30)))
    options = {
        "aws_endpoint_url": endpoint,
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    found = pl.scan_parquet("s3://polars/bars/60s/BTC-USD/*.parquet", storage_options=options)
    assert found.collect().height == 30
