"""Flat files are taken where they are sooner, and the reason is said."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.flat_files.choice import RestWork, choose, refusal_of
from signal_server.market.flat_files.plan import DayTask
from signal_server.market.flat_files.published import Published


def tasks(days: int, *, again: bool = False) -> list[DayTask]:
    first = date(2024, 1, 1)
    files = [Published(first + timedelta(days=n), "key", "a", 12_000_000) for n in range(days)]
    return [DayTask(file, ("BTC-USD",), again) for file in files]


@pytest.mark.parametrize(
    ("symbols", "months", "calls_per_minute", "flat"),
    [
        (100, 6, 5, True),
        (100, 24, 30, True),
        (1, 24, 0, False),
        (3, 24, 5, False),
        (20, 24, 5, True),
    ],
)
def test_many_coins_and_slow_plans_make_flat_files_sooner(
    symbols: int, months: int, calls_per_minute: int, flat: bool
) -> None:
    work = RestWork(symbols * months, symbols, calls_per_minute)
    choice = choose(work, tasks(30 * months))
    assert choice.flat_files is flat
    assert f"{30 * months:,} files" in choice.reason
    assert f"{symbols * months:,} REST calls" in choice.reason


def test_files_that_were_published_anew_are_always_read() -> None:
    choice = choose(RestWork(0, 0, 0), tasks(1, again=True))
    assert choice.flat_files
    assert "anew" in choice.reason


@given(st.integers(0, 1000), st.integers(0, 300))
def test_nothing_to_read_is_never_chosen(calls: int, calls_per_minute: int) -> None:
    assert not choose(RestWork(calls, 0, calls_per_minute), []).flat_files


def test_seconds_and_missing_keys_leave_rest_alone() -> None:
    seconds, keyless = refusal_of(1, keys=True), refusal_of(60, keys=False)
    assert seconds is not None
    assert keyless is not None
    assert "60 s" in seconds.reason
    assert "no keys" in keyless.reason
    assert refusal_of(60, keys=True) is None
