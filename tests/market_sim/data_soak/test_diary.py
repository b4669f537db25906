"""A diary is whole up to its last line, whatever ended its writer."""

from datetime import timedelta
from pathlib import Path

from market_sim.clock import FastClock
from market_sim.data_soak.consumer import ConsumerWish
from market_sim.data_soak.diary import Delivered, Diary, DiaryReader, delivered
from signal_server.core.domain import Bar
from signal_server.market.live import LiveBar
from tests.market_sim.markets import START, SetClock


def live(number: int) -> LiveBar:
    close = START + timedelta(seconds=number)
    return LiveBar(Bar("BTC-USD", close, 1.1, 1.4, 1.0, 0.1 + 0.2, 7.0), close, repaired=False)


def read(reader: DiaryReader) -> list[Delivered]:
    return [bar for what, rows in reader.entries() if what == "bars" for bar in delivered(rows)]


def test_what_was_delivered_is_read_as_it_was(tmp_path: Path) -> None:
    clock = SetClock()
    diary, reader = Diary(tmp_path / "diary", clock), DiaryReader(tmp_path / "diary")
    clock.forward(2.5)
    diary.bars([live(1), live(2)])
    first, second = read(reader)
    assert first.numbers == (1.1, 1.4, 1.0, 0.1 + 0.2, 7.0)
    assert (first.symbol, second.close_ms) == ("BTC-USD", int(START.timestamp() + 2) * 1000)
    assert (first.waited_ms, second.waited_ms) == (1500.0, 500.0)
    diary.bars([live(3)])
    assert [bar.close_ms for bar in read(reader)] == [second.close_ms + 1000]


def test_a_line_that_is_not_ended_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "diary"
    reader = DiaryReader(path)
    assert list(reader.entries()) == []
    path.write_bytes(b'{"filled": 3}\n{"pause_s": ')
    assert list(reader.entries()) == [("filled", 3)]
    path.write_bytes(b'{"filled": 3}\n{"pause_s": 1.5}\n')
    assert list(reader.entries()) == [("pause_s", 1.5)]


def test_a_wish_goes_through_a_file(tmp_path: Path) -> None:
    moment = START.isoformat()
    wish = ConsumerWish(
        "127.0.0.1:1", "key", ("BTC-USD",), "bars", "diary", 1, moment, moment, moment, moment,
        5.0, 0.1, 3, hasty=True,
    )  # fmt: skip
    wish.write(tmp_path / "wish.json")
    assert ConsumerWish.read(tmp_path / "wish.json") == wish
    assert wish.clock == FastClock(START, START, 5.0)
    assert wish.config.rest_url == "http://127.0.0.1:1"
