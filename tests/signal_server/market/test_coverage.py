"""The record of what was fetched: complete, durable, and shared by processes."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.market.coverage import SAME_FETCH, Coverage, Covered, Interval, Source

START = datetime(2026, 1, 5, tzinfo=UTC)
SPANS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 60), st.sampled_from(Source)), max_size=6
)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def span(start: int, end: int) -> Interval:
    return at(start), at(end)


def minutes(parts: list[Interval]) -> list[int]:
    """Return the minutes of the parts, which must be in order and apart."""
    return [m for begin, end in parts for m in range(600) if begin <= at(m) < end]


@pytest.fixture
def coverage(tmp_path: Path) -> Coverage:
    return Coverage.of(tmp_path, "BTC-USD")


@settings(deadline=None)
@given(done=SPANS, start=st.integers(0, 200), length=st.integers(1, 150))
def test_what_is_missing_and_what_is_covered_make_the_whole_period(
    tmp_path_factory: pytest.TempPathFactory,
    done: list[tuple[int, int, Source]],
    start: int,
    length: int,
) -> None:
    coverage = Coverage(tmp_path_factory.mktemp("coverage") / "coverage.json")
    for begin, count, source in done:
        coverage.add(span(begin, begin + count), source, START)
    period = span(start, start + length)
    missing, covered = minutes(coverage.missing(period)), minutes(coverage.covered(period))
    fetched = {m for begin, count, _ in done for m in range(begin, begin + count)}
    asked = range(start, start + length)
    assert covered == [m for m in asked if m in fetched]
    assert missing == [m for m in asked if m not in fetched]


@settings(deadline=None)
@given(done=SPANS, together=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60))))
def test_several_intervals_at_once_are_known_as_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory,
    done: list[tuple[int, int, Source]],
    together: list[tuple[int, int]],
) -> None:
    folder = tmp_path_factory.mktemp("coverage")
    one, other = Coverage(folder / "one.json"), Coverage(folder / "other.json")
    for begin, count, source in done:
        one.add(span(begin, begin + count), source, START)
        other.add(span(begin, begin + count), source, START)
    added = [span(begin, begin + count) for begin, count in together]
    one.add_all(added, Source.STREAM, START)
    for interval in added:
        other.add(interval, Source.STREAM, START)
    assert one.records() == other.records()


def test_each_source_is_told_apart(coverage: Coverage) -> None:
    coverage.add(span(0, 10), Source.REST, at(100))
    coverage.add(span(5, 20), Source.STREAM, at(20))
    assert coverage.records() == [
        Covered(*span(0, 10), Source.REST, at(100)),
        Covered(*span(5, 20), Source.STREAM, at(20)),
    ]
    assert coverage.covered(span(0, 30)) == [span(0, 20)]
    assert coverage.missing(span(0, 30), {Source.REST}) == [span(10, 30)]


def test_what_one_source_gives_piece_by_piece_is_kept_as_one(coverage: Coverage) -> None:
    for minute in range(5):
        coverage.add(span(minute, minute + 1), Source.STREAM, at(minute + 1))
    assert coverage.records() == [Covered(*span(0, 5), Source.STREAM, at(5))]


def test_a_much_later_fetch_keeps_its_own_time(coverage: Coverage) -> None:
    later = at(10) + 2 * SAME_FETCH
    coverage.add(span(0, 10), Source.REST, at(10))
    coverage.add(span(10, 20), Source.REST, later)
    assert [record.at for record in coverage.records()] == [at(10), later]


def test_a_period_that_is_removed_is_missing_again(coverage: Coverage) -> None:
    coverage.add(span(0, 30), Source.REST, START)
    coverage.add(span(40, 50), Source.IMPORT, START)
    coverage.remove(span(10, 45))
    assert coverage.covered(span(0, 60)) == [span(0, 10), span(45, 50)]


def test_an_empty_period_is_not_noted(coverage: Coverage) -> None:
    coverage.add(span(5, 5), Source.REST, START)
    assert coverage.records() == []


def test_a_record_of_the_first_format_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps([[at(0).isoformat(), at(5).isoformat()]]), encoding="utf-8")
    coverage = Coverage(path)
    coverage.add(span(5, 9), Source.FLAT_FILES, START)
    assert coverage.covered(span(0, 20)) == [span(0, 9)]
    assert coverage.records()[0] == Covered(*span(0, 5), Source.REST, None)


@pytest.mark.parametrize("text", ["{torn", "[[1, 2]]", "[[]]", "", "7", '[["2026-01-05", ""]]'])
def test_an_unreadable_record_asks_for_all_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(text, encoding="utf-8")
    coverage = Coverage(path)
    assert coverage.missing(span(0, 5)) == [span(0, 5)]
    coverage.add(span(0, 5), Source.REST, START)
    assert coverage.missing(span(0, 5)) == []


ADD_EVERY_OTHER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal_server.market.coverage import Coverage, Source

start = datetime.fromisoformat(sys.argv[2])
for minute in range(int(sys.argv[3]), 60, 2):
    at = start + timedelta(minutes=minute)
    Coverage(Path(sys.argv[1])).add((at, at + timedelta(minutes=1)), Source.REST, start)
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    command = [sys.executable, "-c", ADD_EVERY_OTHER, str(path), START.isoformat()]
    workers = [subprocess.Popen([*command, first]) for first in ("0", "1")]  # noqa: S603
    assert [worker.wait() for worker in workers] == [0, 0]
    assert Coverage(path).covered(span(0, 60)) == [span(0, 60)]


def test_what_tells_of_a_time_to_come_is_forgotten_and_the_rest_stays(coverage: Coverage) -> None:
    coverage.add(span(0, 10), Source.REST, at(10))
    coverage.add(span(20, 40), Source.REST, at(40) + SAME_FETCH * 2)
    coverage.add(span(12, 99), Source.STREAM, at(30))
    coverage.forget_later(at(50))
    assert coverage.records() == [Covered(*span(0, 10), Source.REST, at(10))]


def test_a_record_that_nests_without_end_counts_as_empty(
    coverage: Coverage, tmp_path: Path
) -> None:
    (tmp_path / "BTC-USD").mkdir()
    (tmp_path / "BTC-USD" / "coverage.json").write_text("[" * 100_000)
    assert coverage.records() == []
