from pathlib import Path

import pytest

from market_sim.trials.memory import MIB, Memory
from market_sim.trials.prices import coins
from market_sim.trials.soak import Soaked, Wish, soak
from market_sim.trials.soak_report import soak_report
from market_sim.trials.waves import WavingPrices
from signal_server.core.clock import utc_now


def test_prices_swing_the_same_way_for_the_same_seed() -> None:
    symbols, now = coins(5), utc_now()
    one, other, third = (WavingPrices(symbols, seed) for seed in (1, 1, 2))
    for symbol in symbols:
        price = one.price_at(symbol, now)
        assert price == other.price_at(symbol, now) == one.now(symbol)
        assert price != third.price_at(symbol, now)
        assert abs(price / one.start_of(symbol) - 1) <= 0.04


def test_memory_is_that_of_the_first_and_of_the_last_process() -> None:
    memory = Memory()
    for pid, mib in ((1, 100), (1, 150), (2, 110), (2, 120)):
        memory.note(pid, mib * MIB)
    assert (memory.start_mib, memory.end_mib, memory.peak_mib) == (100, 120, 150)


def test_what_differs_is_written_with_the_log(tmp_path: Path) -> None:
    result = Soaked(Wish(1, 2, 3), problems=["BTC: balance 1, should be 2"], log="the log")
    report = soak_report(result)
    report.write(tmp_path / "soak.json")
    assert "should be 2" in (tmp_path / "soak.json").read_text()
    assert (tmp_path / "soak.log").read_text() == "the log"
    assert "1 differences" in str(report.table().title)


@pytest.mark.e2e
async def test_a_short_soak_agrees_to_the_last_digit() -> None:
    wish = Wish(minutes=0.75, seed=5, coins=6, storm_every_s=5, pause_s=20)
    result = await soak(wish, say=lambda _words: None)
    assert result.problems == []
    assert result.counts["trades"] > 0
