"""What people order: by the local file, by the server, and which of both holds."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.control import ControlOrder, LocalSwitch
from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.ordering import Orders
from hummingbot_scripts.ml_signals.rules import ControlMode

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Line:
    """The server's last word, as the control line keeps it."""

    order: ControlOrder | None = None

    def says(self, mode: ControlMode, revision: int) -> None:
        self.order = ControlOrder(mode, "ada", "a reason", NOW, revision)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.control"


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def orders(journal: Journal, line: Line, path: Path) -> Orders:
    return _orders(journal, line, path)


def _orders(journal: Journal, line: Line, path: Path) -> Orders:
    return Orders(journal, line, LocalSwitch(path, lambda: NOW), lambda: NOW)


def _write(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_without_any_order_the_bot_runs(orders: Orders) -> None:
    assert orders.read() is None
    assert (orders.mode, orders.why) == (ControlMode.RUN, "")


@pytest.mark.parametrize("mode", ControlMode)
def test_the_file_orders_by_one_word(orders: Orders, path: Path, mode: ControlMode) -> None:
    _write(path, f" {mode.upper()}\n")
    orders.read()
    assert orders.mode is mode


@pytest.mark.parametrize("text", ["stop", "flaten", "run now", "\x00", "x" * 1000])
def test_a_word_that_is_none_stops_entries(orders: Orders, path: Path, text: str) -> None:
    _write(path, text)
    orders.read()
    assert orders.mode is ControlMode.STOP_ENTRIES
    assert "bot.control says" in orders.why


def test_bytes_that_are_no_text_stop_entries(orders: Orders, path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    orders.read()
    assert orders.mode is ControlMode.STOP_ENTRIES


def test_a_file_that_is_taken_away_orders_nothing_more(orders: Orders, path: Path) -> None:
    _write(path, "pause")
    orders.read()
    path.unlink()
    assert orders.read() is None
    assert orders.mode is ControlMode.RUN
    assert orders.resumed_at is None


def test_run_written_into_the_file_is_an_order_to_resume_once(orders: Orders, path: Path) -> None:
    orders.read()
    _write(path, "run")
    resumed = orders.read()
    assert resumed is not None
    assert (resumed.who, orders.resumed_at) == ("local file", NOW)
    assert orders.read() is None


def test_run_from_before_the_start_resumes_nothing(orders: Orders, path: Path) -> None:
    _write(path, "run")
    assert orders.read() is None
    assert orders.resumed_at is None


def test_an_emptied_file_runs_but_resumes_nothing(orders: Orders, path: Path) -> None:
    _write(path, "pause")
    orders.read()
    _write(path, "")
    assert orders.read() is None
    assert orders.mode is ControlMode.RUN


def test_the_stricter_of_server_and_file_holds(orders: Orders, line: Line, path: Path) -> None:
    line.says(ControlMode.PAUSE, 1)
    _write(path, "stop-entries")
    orders.read()
    assert (orders.mode, orders.why) == (ControlMode.PAUSE, "ada: a reason")
    _write(path, "flatten")
    orders.read()
    assert orders.mode is ControlMode.FLATTEN


def test_an_order_to_resume_is_told_once(orders: Orders, line: Line) -> None:
    line.says(ControlMode.PAUSE, 1)
    assert orders.read() is None
    line.says(ControlMode.RUN, 2)
    assert orders.read() == line.order
    assert orders.read() is None


def test_a_restart_obeys_what_the_server_said_last_until_it_speaks_again(
    orders: Orders, line: Line, path: Path, journal: Journal
) -> None:
    line.says(ControlMode.FLATTEN, 7)
    orders.read()
    silent = Line()
    again = _orders(journal, silent, path)
    again.read()
    assert again.mode is ControlMode.FLATTEN
    silent.says(ControlMode.RUN, 8)
    assert again.read() == silent.order
    assert again.mode is ControlMode.RUN


def test_a_restart_resumes_nothing_that_was_resumed_before(
    orders: Orders, line: Line, path: Path, journal: Journal
) -> None:
    line.says(ControlMode.RUN, 3)
    orders.read()
    again = _orders(journal, line, path)
    assert again.read() is None
    assert again.resumed_at is None
