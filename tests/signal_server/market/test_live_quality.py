"""Prices that move more than 50% in a bar, through the whole of the live part."""

from datetime import timedelta

from market_sim.faults import FaultName
from signal_server.market.quality import BarFlag
from signal_server.market.store import BarStore
from tests.signal_server.market.listener import assert_in_order, assert_whole, has_begun, listening
from tests.signal_server.market.vendor import Vendor, eventually

SYMBOL = "BTC-USD"


def move(served: Vendor, steps: slice, times: float) -> None:
    """Let the market itself be `times` higher in these steps."""
    table = served.market._tables[SYMBOL]
    for values in (table.open, table.high, table.low, table.close):
        values[steps] *= times


async def test_a_spike_of_the_stream_alone_is_told_rightly_by_history(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(5)
        await listener.reaches(served.clock())
        served.faults.on(FaultName.STREAM_SPIKED_BAR, remaining=1, amount=4.0)
        await served.publish(5)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    assert_in_order(listener)
    held_back = [name for name in store.symbols() if len(store.quarantined(name))]
    assert len(held_back) == 1
    assert set(store.quarantined(held_back[0])["reason"]) == {"spike"}
    assert not any(live.flags for live in listener.heard)


async def test_a_true_crash_passes_at_once_and_its_first_bar_is_flagged(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    move(served, slice(served.step + 6, None), 0.3)
    crash = served.clock() + timedelta(seconds=7)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(10)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    assert_in_order(listener)
    flagged = {live.bar.close_time: live.flags for live in listener.heard if live.flags}
    assert flagged[crash] == (BarFlag.JUMP,)
    # The fifth bar in a row, too, if it was here before history's answer.
    assert set(flagged) <= {crash, crash + timedelta(seconds=4)}


async def test_a_spike_that_history_has_too_is_flagged_or_left_out_and_stops_nothing(
    served: Vendor, store: BarStore
) -> None:
    move(served, slice(served.step + 6, served.step + 7), 5.0)
    spike = served.clock() + timedelta(seconds=7)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        for _ in range(15):
            await served.publish()
            await listener.reaches(served.clock(), ("ETH-USD",))
        await listener.reaches(served.clock())
        await eventually(lambda: len(listener.closes(SYMBOL)) >= 15)
    flags = {
        live.bar.close_time: live.flags for live in listener.heard if live.bar.symbol == SYMBOL
    }
    assert flags.pop(spike, (BarFlag.JUMP,)) == (BarFlag.JUMP,)
    assert len(flags) == 15
    assert spike in set(store.quarantined(SYMBOL).index)
