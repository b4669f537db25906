"""Downloads end as whole files, go on where they broke off, or say what is wrong."""

import asyncio
import gzip
import random
from datetime import date
from pathlib import Path

import pytest

from market_sim.faults import FaultName
from signal_server.core.config import FlatFilesConfig
from signal_server.core.errors import (
    ConfigError,
    FlatFileError,
    MarketDataError,
    NotEntitledError,
    StoppedError,
    VendorAuthError,
)
from signal_server.market.flat_files.bucket import FlatFileBucket, FlatFileKeys
from signal_server.market.flat_files.published import Fetched, Published
from tests.signal_server.market.flat_files.conftest import KEYS, Site
from tests.signal_server.market.flat_files.files import DAY, packed, rows_of

# Many times what is read at once, so that it matters where a download goes on.
CONTENT = gzip.compress(random.Random(1).randbytes(400_000), mtime=0)


async def listed(bucket: FlatFileBucket, first: date = DAY, last: date = DAY) -> list[Published]:
    return list((await asyncio.to_thread(bucket.published, first, last)).values())


async def fetched(site: Site, bucket: FlatFileBucket) -> Fetched:
    await site.stand_in.publish(DAY, CONTENT)
    (published,) = await listed(bucket)
    return await asyncio.to_thread(bucket.fetch, published)


async def test_days_are_listed_with_their_versions_by_one_call_a_year(site: Site) -> None:
    days = [date(2024, 12, 30), date(2024, 12, 31), date(2025, 1, 1), date(2025, 2, 1)]
    for day in days:
        await site.stand_in.publish(day, packed({"BTC-USD": rows_of(day)}))
    found = await listed(site.bucket(), days[1], days[3])
    assert [entry.day for entry in found] == days[1:]
    assert found[0].key == "global_crypto/minute_aggs_v1/2024/12/2024-12-31.csv.gz"
    assert len({entry.version for entry in found}) == 3
    assert len(site.stand_in.requests) == 2


async def test_a_file_is_downloaded_whole_and_once(site: Site) -> None:
    bucket = site.bucket()
    found = await fetched(site, bucket)
    assert found.path.read_bytes() == CONTENT
    calls = len(site.stand_in.requests)
    assert bucket.fetch(found.published) == found
    assert len(site.stand_in.requests) == calls
    bucket.release(found)
    assert not any(path.is_file() for path in site.folder.rglob("*"))


@pytest.mark.parametrize(
    "fault",
    [FaultName.FLAT_FILES_RESET, FaultName.FLAT_FILES_STALL, FaultName.FLAT_FILES_SERVER_ERROR],
)
async def test_a_download_that_breaks_off_goes_on_at_its_byte(site: Site, fault: FaultName) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket(timeout_s=0.5 if fault is FaultName.FLAT_FILES_STALL else 10.0)
    (published,) = await listed(bucket)
    site.faults.on(fault, remaining=2)
    found = await asyncio.to_thread(bucket.fetch, published)
    assert found.path.read_bytes() == CONTENT
    assert site.faults.happened[fault] == 2
    assert len(site.said) == 2
    assert "broke off" in site.said[0]
    assert site.stand_in.sent_bytes < len(CONTENT) * 1.4


async def test_a_server_that_drips_is_asked_again(site: Site) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket(slowest_bytes_s=1_000_000.0, timeout_s=0.5)
    (published,) = await listed(bucket)
    site.faults.on(FaultName.FLAT_FILES_SLOW_DRIP, remaining=1)
    found = await asyncio.to_thread(bucket.fetch, published)
    assert found.path.read_bytes() == CONTENT
    assert site.said


async def test_a_new_process_goes_on_with_what_the_killed_one_left(site: Site) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket(patience_s=0.0)
    (published,) = await listed(bucket)
    site.faults.on(FaultName.FLAT_FILES_RESET, remaining=1)
    with pytest.raises(MarketDataError, match="goes on where it was"):
        await asyncio.to_thread(bucket.fetch, published)
    sent = site.stand_in.sent_bytes
    found = await asyncio.to_thread(site.bucket().fetch, published)
    assert found.path.read_bytes() == CONTENT
    assert site.stand_in.sent_bytes - sent <= len(CONTENT) * 0.7


async def test_a_file_that_is_published_anew_meanwhile_is_fetched_from_its_beginning(
    site: Site,
) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket()
    (published,) = await listed(bucket)
    site.faults.on(FaultName.FLAT_FILES_RESET, remaining=1)
    site.faults.on(FaultName.FLAT_FILES_REPUBLISHED, remaining=1)
    found = await asyncio.to_thread(bucket.fetch, published)
    assert found.published.version != published.version
    (newest,) = await listed(bucket)
    assert found.published == newest
    assert found.path.stat().st_size == newest.size_bytes


async def test_a_file_that_changes_all_the_time_is_given_up(site: Site) -> None:
    site.faults.on(FaultName.FLAT_FILES_REPUBLISHED)
    with pytest.raises(FlatFileError, match="changes all the time"):
        await fetched(site, site.bucket())


async def test_a_refused_download_is_explained_by_the_plan(site: Site) -> None:
    site.faults.on(FaultName.FLAT_FILES_DENIED)
    with pytest.raises(NotEntitledError, match=r"403.*plan.*--source rest"):
        await fetched(site, site.bucket())
    (published,) = await listed(site.bucket())
    with pytest.raises(NotEntitledError):
        await asyncio.to_thread(site.bucket().check_entitled, published)
    site.faults.all_off()
    await asyncio.to_thread(site.bucket().check_entitled, published)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (FlatFileKeys("other", KEYS.secret), "InvalidAccessKeyId"),
        (FlatFileKeys(KEYS.access, "wrong-one"), "SignatureDoesNotMatch"),
    ],
)
async def test_wrong_keys_are_explained_and_never_shown(
    site: Site, keys: FlatFileKeys, code: str
) -> None:
    with pytest.raises(VendorAuthError, match=code) as refused:
        await listed(site.bucket(keys))
    assert "SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY" in str(refused.value)
    assert keys.secret not in f"{refused.value!r} {keys!r}"


@pytest.mark.parametrize("keys", [FlatFileKeys("", "secret"), FlatFileKeys("access", "")])
def test_without_keys_nothing_is_asked(tmp_path: Path, keys: FlatFileKeys) -> None:
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_FLAT_FILES_SECRET_KEY"):
        FlatFileBucket(FlatFilesConfig(), keys, tmp_path, print)


async def test_a_day_that_is_gone_is_named(site: Site) -> None:
    site.faults.on(FaultName.FLAT_FILES_MISSING)
    with pytest.raises(FlatFileError, match=r"2025-01-01\.csv\.gz is not there"):
        await fetched(site, site.bucket())


async def test_an_empty_file_is_named(site: Site) -> None:
    await site.stand_in.publish(DAY, b"")
    bucket = site.bucket()
    (published,) = await listed(bucket)
    with pytest.raises(FlatFileError, match="is empty"):
        await asyncio.to_thread(bucket.fetch, published)


async def test_another_bucket_is_refused(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"flat_files\.bucket"):
        await listed(site.bucket(bucket="other"))


async def test_a_vendor_that_is_away_is_waited_for_and_then_named(site: Site) -> None:
    bucket = site.bucket(url="http://127.0.0.1:1", patience_s=0.05)
    with pytest.raises(MarketDataError, match="check the connection"):
        await listed(bucket)
    assert site.said


async def test_a_download_can_be_stopped(site: Site) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket()
    (published,) = await listed(bucket)
    site.faults.on(FaultName.FLAT_FILES_SERVER_ERROR)
    bucket.close()
    with pytest.raises(StoppedError):
        await asyncio.to_thread(bucket.fetch, published)


async def test_a_download_that_drips_can_be_stopped(site: Site) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket()
    (published,) = await listed(bucket)
    site.faults.on(FaultName.FLAT_FILES_SLOW_DRIP)
    download = asyncio.create_task(asyncio.to_thread(bucket.fetch, published))
    sent = site.stand_in.sent_bytes
    while site.stand_in.sent_bytes < sent + 2:  # noqa: ASYNC110 (what is awaited is behind a socket)
        await asyncio.sleep(0.005)
    bucket.close()
    with pytest.raises(StoppedError):
        await asyncio.wait_for(download, 5)


async def test_a_disk_that_is_full_is_named_and_the_download_goes_on_later(site: Site) -> None:
    await site.stand_in.publish(DAY, CONTENT)
    bucket = site.bucket()
    (published,) = await listed(bucket)
    path = (await asyncio.to_thread(bucket.fetch, published)).path
    begun = path.with_suffix(".partial")
    path.unlink()
    begun.symlink_to("/dev/full")
    with pytest.raises(MarketDataError, match=f"{begun} could not be written.*make room"):
        await asyncio.to_thread(bucket.fetch, published)
    begun.unlink()
    assert (await asyncio.to_thread(bucket.fetch, published)).path.read_bytes() == CONTENT
