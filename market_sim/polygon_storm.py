"""Random faults of Polygon by seed, and what each can cost a client that copes with it."""

import asyncio
from collections.abc import Iterable

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_storm import Gust, Kind, Range

_STATUS, _A_WHILE_S, _SHORT_S = (500.0, 504.0), (5.0, 20.0), (2.0, 8.0)
_SILENCE_S = (15.0, 40.0)
_OFTEN, _SELDOM = 0.05, 0.01
"""The share of the bars that a fault of a bar strikes while it is on."""


def _of_bars(name: FaultName, share: float, amount: Range | None = None) -> Kind:
    return Kind(name, lasts_s=_A_WHILE_S, amount=amount, probability=share)


KINDS = (
    Kind(FaultName.REST_SERVER_ERROR, times=4, amount=_STATUS),
    Kind(FaultName.REST_RATE_LIMIT, times=4),
    Kind(FaultName.REST_RETRY_AFTER, times=3, amount=(1.0, 3.0)),
    Kind(FaultName.REST_RESET, times=3),
    Kind(FaultName.REST_STALL, times=1, amount=(5.0, 15.0)),
    Kind(FaultName.REST_SLOW_DRIP, times=1, amount=(5.0, 30.0)),
    Kind(FaultName.REST_CUT_BODY, times=3),
    Kind(FaultName.REST_BROKEN_JSON, times=3),
    Kind(FaultName.REST_EMPTY_PAGE, times=3),
    Kind(FaultName.REST_SILENT_PAGE, times=3),
    Kind(FaultName.REST_DUPLICATE_BARS, times=5),
    Kind(FaultName.REST_OVERLAPPING_PAGE, times=2),
    Kind(FaultName.REST_UNORDERED_PAGE, times=5),
    Kind(FaultName.REST_SWAPPED_PAGES, times=2),
    Kind(FaultName.REST_PAGE_LOOP, times=1),
    Kind(FaultName.REST_PAGE_ELSEWHERE, times=1),
    Kind(FaultName.STREAM_REFUSED, times=2, amount=(429.0, 503.0)),
    Kind(FaultName.STREAM_DROP_IN_CONNECT, times=1),
    Kind(FaultName.STREAM_DROP_IN_AUTH, times=1),
    Kind(FaultName.STREAM_DROP_IN_SUBSCRIBE, times=1),
    Kind(FaultName.STREAM_MUTE, times=1),
    Kind(FaultName.STREAM_MAX_CONNECTIONS, lasts_s=_SHORT_S),
    Kind(FaultName.STREAM_AUTH_FAILED, times=1),
    Kind(FaultName.STREAM_AUTH_TIMEOUT, times=1),
    Kind(FaultName.STREAM_DROP, times=1),
    Kind(FaultName.STREAM_CLOSE_1000, times=1),
    Kind(FaultName.STREAM_CLOSE_1001, times=1),
    Kind(FaultName.STREAM_CLOSE_1008, times=1),
    Kind(FaultName.STREAM_CLOSE_1011, times=1),
    Kind(FaultName.STREAM_HALF_OPEN, times=1),
    Kind(FaultName.STREAM_SILENCE, lasts_s=_SILENCE_S),
    Kind(FaultName.STREAM_BROKEN_JSON, times=1),
    Kind(FaultName.STREAM_OBJECT_FRAME, times=1),
    Kind(FaultName.STREAM_HUGE_FRAME, times=2, amount=(1_200_000.0, 5_000_000.0)),
    Kind(FaultName.STREAM_REORDERED_FRAME, times=2),
    _of_bars(FaultName.STREAM_DUPLICATE_BAR, _OFTEN),
    _of_bars(FaultName.STREAM_LATE_BAR, _OFTEN, amount=(1.0, 4.0)),
    _of_bars(FaultName.STREAM_REVISED_BAR, _OFTEN, amount=(1.0, 6.0)),
    _of_bars(FaultName.STREAM_UNFINISHED_BAR, _OFTEN),
    _of_bars(FaultName.STREAM_FUTURE_BAR, _SELDOM, amount=(60.0, 864_000.0)),
    _of_bars(FaultName.STREAM_ANCIENT_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_UNKNOWN_EVENT, _OFTEN),
    _of_bars(FaultName.STREAM_MISSING_EVENT, _SELDOM),
    _of_bars(FaultName.STREAM_NAN_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_NULL_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_ZERO_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_NEGATIVE_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_INCONSISTENT_BAR, _SELDOM),
    _of_bars(FaultName.STREAM_SPIKED_BAR, _SELDOM, amount=(1.0, 9.0)),
    _of_bars(FaultName.STREAM_MISALIGNED_BAR, _SELDOM),
)
"""Every fault that a client can live through without a loss. Two are not among them: a bar that
REST tells wrongly, too, has no right source, and one that a healthy connection never sent looks
like a second without trades."""


async def unleash(gusts: Iterable[Gust], faults: FaultSwitch) -> None:
    """Switch each fault on when it is its time, counted from now in real seconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for gust in gusts:
        await asyncio.sleep(max(0.0, began_s + gust.at_s - loop.time()))
        gust.strike(faults)
