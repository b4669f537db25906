"""Random faults of Polygon by seed, and what each can cost a client that copes with it."""

import asyncio
from collections.abc import Iterable

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_storm import Gust, Kind, Range, storm

_STATUS, _LONG_S, _SHORT_S = (500.0, 504.0), (30.0, 120.0), (2.0, 8.0)
_SILENCE_S, _A_MOMENT_S = (5.0, 30.0), (0.5, 4.0)
_OFTEN, _SELDOM = 0.05, 0.01
"""The share of the bars that a fault of a bar strikes while it is on."""
_HALF = 0.5
_CALL_PAUSES, _LINK_PAUSES = 2, 5


def _of_calls(name: FaultName, times: int, amount: Range | None = None) -> Kind:
    # It ends soon, so that faults do not pile up while nobody calls.
    return Kind(name, times=times, lasts_s=_A_MOMENT_S, amount=amount, probability=_HALF)


def _of_bars(name: FaultName, share: float, amount: Range | None = None) -> Kind:
    return Kind(name, lasts_s=_LONG_S, amount=amount, probability=share)


CALLS = (
    _of_calls(FaultName.REST_SERVER_ERROR, 4, _STATUS),
    _of_calls(FaultName.REST_RATE_LIMIT, 4),
    _of_calls(FaultName.REST_RETRY_AFTER, 3, (1.0, 3.0)),
    _of_calls(FaultName.REST_RESET, 3),
    _of_calls(FaultName.REST_STALL, 1, (5.0, 15.0)),
    _of_calls(FaultName.REST_SLOW_DRIP, 1, (5.0, 30.0)),
    _of_calls(FaultName.REST_CUT_BODY, 3),
    _of_calls(FaultName.REST_BROKEN_JSON, 3),
    _of_calls(FaultName.REST_EMPTY_PAGE, 3),
    _of_calls(FaultName.REST_SILENT_PAGE, 3),
    _of_calls(FaultName.REST_DUPLICATE_BARS, 5),
    _of_calls(FaultName.REST_OVERLAPPING_PAGE, 2),
    _of_calls(FaultName.REST_UNORDERED_PAGE, 5),
    _of_calls(FaultName.REST_SWAPPED_PAGES, 2),
    _of_calls(FaultName.REST_PAGE_LOOP, 1),
    _of_calls(FaultName.REST_PAGE_ELSEWHERE, 1),
)
LINKS = (
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
)
BARS = (
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
KINDS = (*CALLS, *LINKS, *BARS)
"""Every fault that a client can live through without a loss. Two are not among them: a bar that
REST tells wrongly, too, has no right source, and one that a healthy connection never sent looks
like a second without trades."""


def polygon_storm(seed: int, seconds: float, every_s: float = 3.0) -> list[Gust]:
    """Return faults for so many seconds: one of a bar or frame every `every_s`, on average.

    Those of calls come half as often and those of the connection more seldom: while these last, no
    bar can go wrong.
    """
    parts = (
        storm(seed, seconds, every_s=every_s * _CALL_PAUSES, kinds=CALLS),
        storm(seed + 1, seconds, every_s=every_s * _LINK_PAUSES, kinds=LINKS),
        storm(seed + 2, seconds, every_s=every_s, kinds=BARS),
    )
    return sorted((gust for part in parts for gust in part), key=lambda gust: gust.at_s)


async def unleash(gusts: Iterable[Gust], faults: FaultSwitch) -> None:
    """Switch each fault on when it is its time, counted from now in real seconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for gust in gusts:
        await asyncio.sleep(max(0.0, began_s + gust.at_s - loop.time()))
        gust.strike(faults)
