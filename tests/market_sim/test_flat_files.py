"""The stand-in for the flat files, with the client that a user would write."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from market_sim.faults import FaultName, FaultSwitch
from market_sim.flat_file_days import days_of, flat_file, published_days
from market_sim.flat_files import BUCKET, TEST_KEYS, FlatFileStandIn, key_of
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.s3_auth import S3Keys

DAY = date(2025, 1, 31)


def bars(day: date = DAY, minutes: int = 200) -> pd.DataFrame:
    close = np.random.default_rng(1).lognormal(3, 1, minutes)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(day, periods=minutes, freq="min", tz="UTC"),
            **{"open": close, "high": close + 1, "low": close / 2, "close": close},
            "volume": 1.5,
            "transactions": 7.0,
        }
    )


def client_of(stand_in: FlatFileStandIn, keys: S3Keys = TEST_KEYS, timeout_s: float = 30.0) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=stand_in.url,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            read_timeout=timeout_s,
            retries={"total_max_attempts": 1},
        ),
    )


@pytest.fixture
async def stand_in() -> AsyncIterator[FlatFileStandIn]:
    serving = FlatFileStandIn(FaultSwitch())
    await serving.start()
    await serving.publish_bars({"BTC-USD": bars(), "ETH-USD": bars()})
    try:
        yield serving
    finally:
        await serving.stop()


async def content_of(
    stand_in: FlatFileStandIn, keys: S3Keys = TEST_KEYS, timeout_s: float = 30.0
) -> bytes:
    client = client_of(stand_in, keys, timeout_s)

    def get() -> bytes:
        body: bytes = client.get_object(Bucket=BUCKET, Key=key_of(DAY))["Body"].read()
        return body

    return await asyncio.to_thread(get)


async def test_a_days_file_has_the_vendors_columns(stand_in: FlatFileStandIn) -> None:
    frame = pd.read_csv(io.BytesIO(gzip.decompress(await content_of(stand_in))))
    assert ",".join(frame.columns) == (
        "ticker,volume,open,close,high,low,window_start,transactions"
    )
    assert sorted(set(frame["ticker"])) == ["X:BTC-USD", "X:ETH-USD"]
    starts = pd.to_datetime(frame["window_start"][:200], unit="ns", utc=True)
    assert starts.tolist() == bars()["timestamp"].tolist()
    np.testing.assert_array_equal(frame["close"][:200], bars()["close"])


async def test_days_are_listed_by_prefix(stand_in: FlatFileStandIn) -> None:
    await stand_in.publish(date(2024, 5, 1), flat_file({"BTC-USD": bars(date(2024, 5, 1))}))
    client = client_of(stand_in)
    found = await asyncio.to_thread(
        client.list_objects_v2, Bucket=BUCKET, Prefix="global_crypto/minute_aggs_v1/2025/"
    )
    assert [entry["Key"] for entry in found["Contents"]] == [key_of(DAY)]
    assert stand_in.published_days == (date(2024, 5, 1), DAY)
    await stand_in.take_down(DAY)
    with pytest.raises(ClientError, match="NoSuchKey"):
        await content_of(stand_in)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (S3Keys("other", TEST_KEYS.secret), "InvalidAccessKeyId"),
        (S3Keys(TEST_KEYS.access, "other"), "SignatureDoesNotMatch"),
    ],
)
async def test_wrong_keys_are_refused(stand_in: FlatFileStandIn, keys: S3Keys, code: str) -> None:
    with pytest.raises(ClientError, match=code):
        await content_of(stand_in, keys)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (FaultName.FLAT_FILES_DENIED, "AccessDenied"),
        (FaultName.FLAT_FILES_MISSING, "NoSuchKey"),
        (FaultName.FLAT_FILES_SERVER_ERROR, "SlowDown"),
        (FaultName.FLAT_FILES_RESET, "broken|Incomplete|bytes"),
        (FaultName.FLAT_FILES_STALL, "timeout"),
    ],
)
async def test_a_fault_strikes_a_download_once(
    stand_in: FlatFileStandIn, fault: FaultName, told: str
) -> None:
    whole = await content_of(stand_in)
    stand_in.faults.on(fault, remaining=1)
    timeout_s = 0.5 if fault is FaultName.FLAT_FILES_STALL else 30.0
    with pytest.raises((BotoCoreError, ClientError), match=told):
        await content_of(stand_in, timeout_s=timeout_s)
    assert await content_of(stand_in) == whole
    assert stand_in.faults.happened == {fault: 1}


async def test_a_file_can_be_cut_published_anew_and_dripped(stand_in: FlatFileStandIn) -> None:
    whole = await content_of(stand_in)
    stand_in.faults.on(FaultName.FLAT_FILES_REPUBLISHED, remaining=1)
    again = await content_of(stand_in)
    assert again != whole
    assert gzip.decompress(again) == gzip.decompress(whole)
    stand_in.faults.on(FaultName.FLAT_FILES_CUT_FILE, remaining=1)
    with pytest.raises(EOFError):
        gzip.decompress(await content_of(stand_in))
    stand_in.faults.on(FaultName.FLAT_FILES_SLOW_DRIP, remaining=1)
    download = asyncio.create_task(content_of(stand_in))
    sent = stand_in.sent_bytes
    while stand_in.sent_bytes < sent + 2:  # noqa: ASYNC110 (what is awaited is behind a socket)
        await asyncio.sleep(0.005)
    assert not download.done()
    await stand_in.stop()
    with pytest.raises((BotoCoreError, ClientError)):
        await download


def test_a_market_publishes_the_days_that_are_out() -> None:
    market = SimMarket(
        seeded_histories(["BTC-USD"], 7, 5000),
        description="a seeded model of a market",
        bar_seconds=60,
        live_start=datetime(2025, 3, 4, 12, tzinfo=UTC),
        history_bars=5000,
    )
    morning = datetime(2025, 3, 4, 12, tzinfo=UTC)
    days = published_days(market, morning)
    assert list(days) == [date(2025, 3, 1) + timedelta(days=n) for n in range(2)]
    evening = published_days(market, morning.replace(hour=17))
    assert list(evening)[-1] == date(2025, 3, 3)
    assert len(evening[date(2025, 3, 2)]["BTC-USD"]) == 1440


def test_bars_are_parted_by_utc_days() -> None:
    both = pd.concat([bars(minutes=1440), bars(DAY + timedelta(days=1), 2)], ignore_index=True)
    parts = days_of({"BTC-USD": both})
    assert [len(part["BTC-USD"]) for part in parts.values()] == [1440, 2]
