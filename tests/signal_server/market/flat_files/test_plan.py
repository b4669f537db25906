"""Only days that are missing or were published anew are read."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.flat_files.day import day_interval
from signal_server.market.flat_files.plan import (
    DayState,
    FlatFileRequest,
    days_in,
    last_due,
    state_without_file,
    tasks_of,
)
from signal_server.market.flat_files.published import Published, day_of

FIRST = date(2025, 1, 1)
REQUEST = FlatFileRequest(("BTC-USD", "ETH-USD"), FIRST, FIRST + timedelta(days=3))


def published(*days: date, version: str = "a") -> dict[date, Published]:
    return {day: Published(day, f"{day}.csv.gz", version, 9) for day in days}


def test_each_symbol_gets_the_days_that_it_lacks() -> None:
    days = REQUEST.days
    missing = {"BTC-USD": [day_interval(days[1])], "ETH-USD": [REQUEST.interval]}
    tasks = tasks_of(REQUEST, published(*days), missing, {})
    assert [task.published.day for task in tasks] == days
    assert [task.symbols for task in tasks] == [("ETH-USD",), REQUEST.symbols, *[("ETH-USD",)] * 2]
    assert not any(task.again for task in tasks)


def test_a_day_without_a_file_is_no_task() -> None:
    missing = {symbol: [REQUEST.interval] for symbol in REQUEST.symbols or ()}
    tasks = tasks_of(REQUEST, published(REQUEST.days[2]), missing, {})
    assert [task.published.day for task in tasks] == [REQUEST.days[2]]


def test_a_file_of_another_version_is_read_again_for_those_who_read_it() -> None:
    day = REQUEST.days[0]
    missing: dict[str, list[tuple[datetime, datetime]]] = {"BTC-USD": [], "ETH-USD": []}
    (task,) = tasks_of(REQUEST, published(day, version="b"), missing, {("BTC-USD", day): "a"})
    assert task.symbols == ("BTC-USD",)
    assert task.again
    assert not tasks_of(REQUEST, published(day), missing, {("BTC-USD", day): "a"})
    in_parts = published(day, version="b-2")
    assert not tasks_of(REQUEST, in_parts, missing, {("BTC-USD", day): "a"})
    assert tasks_of(REQUEST, in_parts, missing, {("BTC-USD", day): "a-2"})


@given(st.integers(0, 5_000_000), st.integers(1, 200_000))
def test_the_days_of_an_interval_are_those_that_its_closes_lie_in(
    start_s: int, seconds: int
) -> None:
    begin = datetime(2024, 1, 30, tzinfo=UTC) + timedelta(seconds=start_s)
    end = begin + timedelta(seconds=seconds)
    days = list(days_in([(begin, end)]))
    assert day_interval(days[0])[0] <= begin
    assert day_interval(days[-1])[0] < end <= day_interval(days[-1])[1]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]


def test_a_file_that_is_not_due_is_not_missing() -> None:
    now = datetime(2025, 1, 10, 9, tzinfo=UTC)
    assert last_due(now) == date(2025, 1, 9)
    assert state_without_file(date(2025, 1, 9), now, FIRST) is DayState.UNPUBLISHED
    assert state_without_file(date(2025, 1, 8), now, FIRST) is DayState.MISSING
    assert state_without_file(date(2024, 12, 31), now, FIRST) is DayState.BEFORE
    assert state_without_file(date(2024, 12, 31), now, None) is DayState.MISSING


def test_only_a_file_named_by_its_day_is_one() -> None:
    assert day_of("global_crypto/minute_aggs_v1/2025/01/2025-01-31.csv.gz") == date(2025, 1, 31)
    for name in ("2025-01-31.csv", "2025-02-31.csv.gz", "readme.csv.gz", "2025/01/"):
        assert day_of(name) is None
